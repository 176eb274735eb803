"""Bodies of servers are read in pieces up to a bound, errors too: none fills the memory."""

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.doubles.openai.raw import RawServer
from tests.workers.engines.image.asking import ask as ask_for_picture
from tests.workers.engines.text.asking import ask
from workers.engines.errors import EngineError, EngineUnavailable, RequestRefused
from workers.engines.image.openai import OpenAIImages
from workers.engines.openai.address import parse_address
from workers.engines.openai.client import MAX_BYTES, open_client
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import generate
from workers.engines.text.embedding.remote import RemoteEmbedder
from workers.engines.text.remote import RemoteEngine

MIB = 2**20
ONCE = RetryPolicy(attempts=1)
IN_FLIGHT = 24 * MIB
"""More than the buffers of a connection hold."""


@pytest.fixture
async def raw() -> AsyncIterator[RawServer]:
    server = RawServer()
    await server.start()
    yield server
    await server.stop()


def answer(status: str, *pieces: bytes, kind: str = "application/json", headers: str = "") -> list[bytes]:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{headers}connection: close\r\n\r\n"
    return [head.encode(), *pieces]


async def write(url: str) -> None:
    engine = RemoteEngine(url, "m", retry=ONCE)
    try:
        await generate(engine, ask())
    finally:
        await engine.close()


async def embed(url: str) -> None:
    embedder = RemoteEmbedder(url, "m", retry=ONCE)
    try:
        await embedder.embed(["x"])
    finally:
        await embedder.close()


async def draw(url: str) -> None:
    images = OpenAIImages(url, "m", retry=ONCE)
    try:
        async for _ in images.stream(ask_for_picture()):
            pass
    finally:
        await images.close()


async def check(url: str) -> None:
    engine = RemoteEngine(url, "m", retry=ONCE)
    try:
        (server,) = engine._pool.servers
        if problem := await server.endpoint.check():
            raise EngineUnavailable(problem)
    finally:
        await engine.close()


Use = Callable[[str], Awaitable[None]]


@pytest.mark.parametrize("use", [write, embed, draw])
async def test_of_an_error_only_the_beginning_is_read(raw: RawServer, use: Use) -> None:
    """vllm-project/vllm#49239: a server repeats the request in an error of 114 MB."""
    begun = b'{"error": {"message": "the engine has tripped over ' + b"x" * MIB
    raw.pieces = answer("503 Service Unavailable", begun, *[b"x" * MIB] * 114)
    with pytest.raises(EngineUnavailable, match=r"status 503: .*has tripped over"):
        await use(raw.url)
    assert raw.sent < IN_FLIGHT


async def test_what_a_long_error_means_is_still_known(raw: RawServer) -> None:
    refusal = b'{"error": {"message": "no such thing", "code": "odd"}, "request": "' + b"x" * MIB
    raw.pieces = answer("400 Bad Request", refusal, *[b"x" * MIB] * 50)
    with pytest.raises(RequestRefused, match="no such thing"):
        await write(raw.url)


@pytest.mark.parametrize("use", [embed, check])
async def test_an_answer_has_a_maximum(raw: RawServer, use: Use) -> None:
    raw.pieces = answer("200 OK", b'{"data": "', *[b"x" * MIB] * 114)
    with pytest.raises(EngineUnavailable, match="longer than 16 MiB"):
        await use(raw.url)
    assert raw.sent < MAX_BYTES + IN_FLIGHT


async def test_a_stream_has_a_maximum(raw: RawServer) -> None:
    raw.pieces = answer("200 OK", *[b"x" * MIB] * 114, kind="text/event-stream")
    with pytest.raises(EngineUnavailable, match="longer than 16 MiB"):
        await write(raw.url)
    assert raw.sent < MAX_BYTES + IN_FLIGHT


async def test_a_picture_has_a_larger_one(raw: RawServer) -> None:
    raw.pieces = answer("200 OK", b'{"data": [{"b64_json": "', *[b"A" * MIB] * 150)
    with pytest.raises(EngineUnavailable, match="longer than 96 MiB"):
        await draw(raw.url)
    assert raw.sent > 90 * MIB


@pytest.mark.parametrize("use", [write, embed, draw])
async def test_an_answer_that_breaks_off_is_no_defect(raw: RawServer, use: Use) -> None:
    raw.pieces = [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n", b'{"data": [']
    with pytest.raises(EngineUnavailable):
        await use(raw.url)


@pytest.mark.parametrize("status", ["200 OK", "503 Service Unavailable"])
async def test_a_small_answer_that_unpacks_to_a_large_one(raw: RawServer, status: str) -> None:
    packed = gzip.compress(json.dumps({"data": "x" * 50 * MIB}).encode())
    raw.pieces = answer(status, packed, headers="content-encoding: gzip\r\n")
    with pytest.raises(EngineError, match=r"compressed|503"):
        await embed(raw.url)


async def test_servers_are_asked_not_to_compress() -> None:
    seen: list[Any] = []

    async def note(request: Any) -> None:
        seen.append(request.headers["accept-encoding"])

    async with open_client(parse_address("http://127.0.0.1:9/v1"), "", timeout_s=1) as opened:
        opened._client.event_hooks["request"].append(note)
        with pytest.raises(Exception, match="Connection"):
            await opened.models.list()
    assert seen == ["identity"]
