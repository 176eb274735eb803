"""The guarded fetcher: the one way by which workers fetch what people name, such as a feed.

Whoever names an address must not reach through the server what they could not reach themselves. So the addresses to
which a connection is opened are checked as it is opened, whatever the name stood for a moment before (DNS rebinding);
redirects are followed one by one, each checked like the first address; no cookies, proxies or credentials are sent.
Time, size, and the size of what is unpacked are limited.
"""

import asyncio
import socket
import zlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urljoin

import aiohttp

from workers.web.addresses import AddressRefused, host_of, is_public, web_address

REDIRECTS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_PIECE: Final = 65_536
_VALIDATOR: Final = 200
_AGENT: Final = "Storyfork (feed reader; self-hosted)"

FetchProblem = Literal["address", "private", "redirects", "too_large", "slow", "unreachable", "status", "type"]


class FetchRefused(Exception):
    """Nothing was fetched. ``status`` is what the server answered, if it did; ``detail`` is for the log."""

    def __init__(self, reason: FetchProblem, detail: str = "", *, status: int = 0) -> None:
        super().__init__(f"not fetched ({reason}): {detail}")
        self.reason: FetchProblem = reason
        self.status = status


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """``seconds`` for everything, redirects included; ``bytes`` at most, packed and unpacked.

    ``types`` are the beginnings of the media types that are taken; what has none is taken, too.
    """

    seconds: float = 20.0
    bytes: int = 5_000_000
    types: tuple[str, ...] = ("text/", "application/")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered. ``fresh`` is False if it says that nothing has changed (``data`` is empty then).

    ``etag`` and ``modified`` are to be given with the next request, ``charset`` is what the server says of the text.
    """

    url: str
    data: bytes = field(repr=False)
    fresh: bool = True
    media_type: str = ""
    charset: str = ""
    etag: str = ""
    modified: str = ""


async def fetch(
    url: str,
    limits: FetchLimits,
    *,
    etag: str = "",
    modified: str = "",
    private: frozenset[str] = frozenset(),
) -> Fetched:
    """Return what is at an address. ``private`` are hosts that may be asked though they are not everybody's.

    Raises `FetchRefused`.
    """
    asked = {"If-None-Match": etag, "If-Modified-Since": modified}
    given = {name: value for name, value in asked.items() if value}
    try:
        async with asyncio.timeout(limits.seconds):
            return await _follow(url, limits, given, private)
    except TimeoutError as error:
        raise FetchRefused("slow", f"{limits.seconds} s") from error


async def _follow(url: str, limits: FetchLimits, given: Mapping[str, str], private: frozenset[str]) -> Fetched:
    for _ in range(REDIRECTS + 1):
        try:
            url = web_address(url)
        except AddressRefused as error:
            raise FetchRefused("address", str(error)) from error
        async with _asked(url, given, guarded=host_of(url) not in private) as response:
            target = response.headers.get("Location", "")
            if response.status not in _MOVED or not target:
                return await _taken(url, response, limits)
            url = urljoin(url, target)
    raise FetchRefused("redirects", f"more than {REDIRECTS}")


@asynccontextmanager
async def _asked(url: str, given: Mapping[str, str], *, guarded: bool) -> AsyncGenerator[aiohttp.ClientResponse]:
    """Ask one server. ``guarded``: only at an address that is everybody's."""
    kept_away: list[str] = []

    def opened(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        if guarded and not is_public(str(address[0])):
            kept_away.append(str(address[0]))
            raise OSError("not everybody's address")
        return socket.socket(family, kind, protocol)

    headers = {"User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "gzip", **given}
    connector = aiohttp.TCPConnector(socket_factory=opened, force_close=True, limit=1)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            yield response
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise FetchRefused("private" if kept_away else "unreachable", type(error).__name__) from error


async def _taken(url: str, response: aiohttp.ClientResponse, limits: FetchLimits) -> Fetched:
    headers = response.headers
    etag, modified = _plain(headers.get("ETag", "")), _plain(headers.get("Last-Modified", ""))
    if response.status == 304:
        return Fetched(url, b"", fresh=False, etag=etag, modified=modified)
    if response.status != 200:
        raise FetchRefused("status", str(response.status), status=response.status)
    declared = headers.get("Content-Type", "")
    media_type = response.content_type.lower() if declared else ""
    if media_type and not media_type.startswith(limits.types):
        raise FetchRefused("type", media_type)
    data = await _body(response, limits)
    return Fetched(url, data, True, media_type, response.charset or "", etag, modified)


def _plain(value: str) -> str:
    """Return what a server wants to be told again; "" if that is longer than such things are, or odd."""
    return value if len(value) <= _VALIDATOR and value.isascii() and value.isprintable() else ""


async def _body(response: aiohttp.ClientResponse, limits: FetchLimits) -> bytes:
    """Return the body, unpacked. Raises `FetchRefused`."""
    packing = response.headers.get("Content-Encoding", "").strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip"):
        raise FetchRefused("type", packing)
    unpack = zlib.decompressobj(wbits=31) if "gzip" in packing else None
    body, read = bytearray(), 0
    async for piece in response.content.iter_chunked(_PIECE):
        read += len(piece)
        try:
            # One byte more than is taken shows that there is more.
            body += piece if unpack is None else unpack.decompress(piece, limits.bytes + 1 - len(body))
        except zlib.error as error:
            raise FetchRefused("type", "broken gzip") from error
        if max(read, len(body)) > limits.bytes:
            raise FetchRefused("too_large", f"more than {limits.bytes} bytes")
    return bytes(body)
