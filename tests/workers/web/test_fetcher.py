"""The guarded fetcher against a real server: it reaches no neighbour, and takes no more than its limits."""

import gzip
import socket
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.workers.web.outside import Outside, outside, response
from workers.web.fetcher import Fetched, FetchLimits, FetchRefused, fetch

LIMITS = FetchLimits(seconds=5.0, bytes=100_000, types=("text/", "application/rss"))


@pytest.fixture
async def server() -> AsyncGenerator[Outside]:
    async with outside() as found:
        yield found


async def get(server: Outside, path: str = "/feed", limits: FetchLimits = LIMITS, **more: Any) -> Fetched:
    return await fetch(server.url(path), limits, private=frozenset({server.host}), **more)


async def refused(server: Outside, path: str = "/feed", **more: Any) -> str:
    with pytest.raises(FetchRefused) as caught:
        await get(server, path, **more)
    return caught.value.reason


async def test_what_is_there_is_fetched_with_what_the_server_says_of_it(server: Outside):
    server.answers["/feed"] = response(
        b"<rss/>", 'ETag: "v1"', "Last-Modified: Mon, 23 Nov 2026 10:00:00 GMT", "Set-Cookie: a=b",
        kind="text/xml; charset=ISO-8859-1",
    )  # fmt: skip
    found = await get(server)
    assert (found.data, found.media_type, found.charset.lower(), found.etag) == (
        b"<rss/>", "text/xml", "iso-8859-1", '"v1"',
    )  # fmt: skip
    server.answers["/feed"] = response(b"", status="304 Not Modified")
    again = await get(server, etag=found.etag, modified=found.modified)
    assert not again.fresh
    assert 'If-None-Match: "v1"' in server.asked[1]
    assert "If-Modified-Since: Mon, 23 Nov" in server.asked[1]
    assert "Cookie" not in server.asked[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"])
async def test_a_neighbour_is_not_asked_however_it_is_written(server: Outside, host: str):
    server.answers["/feed"] = response(b"secret")
    with pytest.raises(FetchRefused) as caught:
        await fetch(f"http://{host}:{server.port}/feed", LIMITS)
    assert caught.value.reason in {"private", "unreachable"}
    assert server.asked == []


async def test_a_name_that_stands_for_a_neighbour_when_it_is_asked_is_not(
    server: Outside, monkeypatch: pytest.MonkeyPatch
):
    """A name server of theirs may say anything, and another thing each time."""

    def rebound(*args: Any, **more: Any) -> list[Any]:
        del args, more
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with pytest.raises(FetchRefused) as caught:
        await fetch("http://news.example/feed", LIMITS)
    assert caught.value.reason == "private"
    assert server.asked == []


@pytest.mark.parametrize("target", ["http://localhost:{port}/secret", "//localhost:{port}/secret"])
async def test_a_redirect_to_a_neighbour_is_not_followed(server: Outside, target: str):
    """The first host is one that the operator allows."""
    location = target.format(port=server.port)
    server.answers["/feed"] = response(b"", f"Location: {location}", status="302 Found")
    server.answers["/secret"] = response(b"secret")
    assert await refused(server) in {"private", "unreachable"}
    assert len(server.asked) == 1


async def test_redirects_are_followed_up_to_a_limit(server: Outside):
    for n in range(6):
        server.answers[f"/{n}"] = response(b"", f"Location: /{n + 1}", status="301 Moved Permanently")
    server.answers["/6"] = response(b"here")
    assert (await get(server, "/1")).data == b"here"
    assert await refused(server, "/0") == "redirects"
    server.answers["/feed"] = response(b"", "Location: file:///etc/passwd", status="302 Found")
    assert await refused(server) == "address"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (response(b"", status="404 Not Found"), "status"),
        (response(b"", status="500 Internal Server Error"), "status"),
        (response(b"", status="302 Found"), "status"),
        (response(b"\x89PNG", kind="image/png"), "type"),
        (response(b"x", "Content-Encoding: br"), "type"),
        (response(b"no gzip", "Content-Encoding: gzip"), "type"),
        (response(b"x" * 100_001), "too_large"),
        (response(gzip.compress(b"x" * 200_000_000, 1), "Content-Encoding: gzip"), "too_large"),
        (response(gzip.compress(b"x" * 100_001), "Content-Encoding: gzip"), "too_large"),
        (b"nonsense\r\n\r\n", "unreachable"),
        (b"", "unreachable"),
    ],
)
async def test_what_is_no_feed_or_too_much_is_refused(server: Outside, answer: bytes, reason: str):
    server.answers["/feed"] = answer
    assert await refused(server) == reason


async def test_what_is_packed_is_unpacked(server: Outside):
    text = b"<rss>" + b"x" * 90_000 + b"</rss>"
    server.answers["/feed"] = response(gzip.compress(text), "Content-Encoding: gzip")
    assert (await get(server)).data == text


async def test_a_server_that_takes_its_time_is_given_up(server: Outside):
    server.answers["/feed"], server.slow = response(b"<rss>"), True
    assert await refused(server, limits=FetchLimits(seconds=0.3)) == "slow"


async def test_nobody_there_is_told(server: Outside):
    with pytest.raises(FetchRefused) as caught:
        await fetch("http://127.0.0.1:1025/", LIMITS, private=frozenset({"127.0.0.1:1025"}))
    assert caught.value.reason == "unreachable"
