import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.events import Event
from bot.platforms.base import Outcome
from bot.platforms.telegram import TelegramPlatform, WebhookConfig, webhook
from tests.bot.backlog import Away
from tests.bot.telegram.conftest import RecordingInbound, registry, running
from tests.doubles.telegram import Person, TelegramServer


@pytest.fixture
def config() -> WebhookConfig:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return WebhookConfig(url=f"http://127.0.0.1:{port}/hook", port=port, secret="s3cret")


@pytest.fixture
async def hooked(
    server: TelegramServer, inbound: RecordingInbound, config: WebhookConfig
) -> AsyncIterator[TelegramPlatform]:
    async with running(server, inbound, config) as platform:
        yield platform


async def post(url: str, body: bytes, secret: str | None = "s3cret") -> int:
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=headers) as response,
    ):
        return response.status


async def test_updates_are_pushed(
    server: TelegramServer, hooked: TelegramPlatform, inbound: RecordingInbound, alice: Person
) -> None:
    await alice.say(alice.chat(), "/help")
    assert (await inbound.wait(1)).event_id == f"m{alice.id}.1"
    (call,) = server.calls("setWebhook")
    assert call.params["secret_token"] == "s3cret"
    assert call.params.get("drop_pending_updates", "false") == "false"
    assert await hooked.check_ready() == ""
    assert server.calls("getUpdates") == []


async def test_refused_update_is_pushed_again(
    server: TelegramServer, hooked: TelegramPlatform, inbound: RecordingInbound, alice: Person
) -> None:
    tries: list[str] = []

    async def away(event: Event) -> Outcome:
        tries.append(event.event_id)
        return Outcome("refused", "Later") if len(tries) < 3 else Outcome("silent")

    inbound.answer = away
    await alice.say(alice.chat(), "hi")
    await inbound.wait(3)
    assert tries == [f"m{alice.id}.1"] * 3
    async with asyncio.timeout(5):
        while server.pending_updates:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("secret", [None, "", "s3cre", "S3cret", "s3créte"])
async def test_strangers_are_turned_away(
    hooked: TelegramPlatform, config: WebhookConfig, inbound: RecordingInbound, secret: str | None
) -> None:
    assert await post(config.url, b'{"update_id": 1}', secret) == 401
    assert inbound.events == []


async def raw(port: int, *parts: bytes) -> int:
    """Send bytes as they are, waiting for the answer; returns its status, 0 for a closed connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.writelines(parts)
        async with asyncio.timeout(10):
            line = await reader.readline()
        return int(line.split()[1]) if line else 0
    finally:
        writer.close()


def head(port: int, secret: bytes, length: int, *more: bytes) -> bytes:
    lines = [b"POST /hook HTTP/1.1", b"Host: 127.0.0.1:%d" % port, b"Content-Length: %d" % length]
    return b"\r\n".join([*lines, b"X-Telegram-Bot-Api-Secret-Token: " + secret, *more, b"", b""])


@pytest.mark.parametrize("secret", [b"\xff\xfe", b"s3cret\xe9", b"\xed\xa0\x80", b"\xc3\x28s3cret"])
async def test_a_secret_that_is_no_text_is_a_wrong_one(
    hooked: TelegramPlatform, config: WebhookConfig, secret: bytes
) -> None:
    assert await raw(config.port, head(config.port, secret, 2), b"{}") == 401


@pytest.mark.parametrize(
    ("body", "more"),
    [(b"\xff\xfe\x00", b"X: y"), (b"not deflated", b"Content-Encoding: gzip"), (b"{}", b"Content-Encoding: deflate")],
)
async def test_a_body_that_cannot_be_read_is_a_bad_request(
    hooked: TelegramPlatform, config: WebhookConfig, body: bytes, more: bytes
) -> None:
    assert await raw(config.port, head(config.port, b"s3cret", len(body), more), body) == 400


async def test_a_body_that_does_not_come_is_not_waited_for(
    hooked: TelegramPlatform, config: WebhookConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "BODY_SECONDS", 0.1)
    assert await raw(config.port, head(config.port, b"s3cret", 1000), b"{") == 408


async def test_what_is_neither_committed_nor_kept_is_sent_again(
    hooked: TelegramPlatform,
    config: WebhookConfig,
    inbound: RecordingInbound,
    alice: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook, "SAFE_SECONDS", 0.2)
    backlog = Away()
    hooked_again = asyncio.Event()

    async def away(event: Event) -> Outcome:
        await hooked_again.wait()
        return Outcome("silent")

    inbound.answer = away
    monkeypatch.setattr(inbound.backlog, "keep", backlog.keep)
    assert await post(config.url, json.dumps(an_update(alice)).encode()) == 503
    hooked_again.set()
    assert await post(config.url, json.dumps(an_update(alice)).encode()) == 200


def an_update(person: Person) -> dict[str, object]:
    user = {"id": person.id, "first_name": person.name, "is_bot": False}
    chat = {"id": person.id, "type": "private", "first_name": person.name}
    return {"update_id": 7, "message": {"message_id": 9, "date": 0, "chat": chat, "from": user, "text": "hi"}}


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b"[" * 100_000, 400), (b'"' + b"x" * (1 << 20) + b'"', 413),
     (b'{"update_id": 1, "message": {"chat": 7}}', 200), (b'{"update_id": 1}', 200)],
    ids=["broken", "list", "deep", "large", "poison", "nothing for us"],
)  # fmt: skip
async def test_odd_bodies(hooked: TelegramPlatform, config: WebhookConfig, body: bytes, status: int) -> None:
    assert await post(config.url, body) == status


def test_configuration_is_checked() -> None:
    token = "123456:abc"
    with pytest.raises(ValueError, match="must not hold the token"):
        TelegramPlatform(token, registry(), webhook=WebhookConfig(url=f"https://example.org/{token}"))
    with pytest.raises(ValueError, match="secret"):
        TelegramPlatform(token, registry(), webhook=WebhookConfig(url="https://example.org/x", secret="a b"))
    derived = WebhookConfig(url="https://example.org").secret_for(token)
    assert token not in derived
    assert derived == WebhookConfig(url="https://example.org").secret_for(token)
