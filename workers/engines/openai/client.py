"""The ``openai`` client, as all engines for such servers set it up."""

import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Final

import httpx2
import openai
from openai import AsyncOpenAI

from workers.engines.openai.address import ServerAddress

CONNECT_S = 10.0
"""Seconds to establish a connection, unless settings say otherwise."""
MAX_BYTES: Final = 16 * 2**20
"""Bytes of an answer, unless the engine allows more: several times the longest stream of text or batch of vectors."""
MAX_ERROR_BYTES: Final = 64 * 2**10
"""Bytes that are read of an error; some servers repeat the request in it, or much more."""


class BodyRefused(httpx2.RequestError):
    """A server's answer that is not read to its end. The client turns it into `openai.APIConnectionError`."""


def open_client(
    address: ServerAddress,
    api_key: str,
    *,
    timeout_s: float,
    connect_s: float = CONNECT_S,
    max_bytes: int = MAX_BYTES,
) -> AsyncOpenAI:
    """Return a client that makes one attempt per request; ``timeout_s`` limits a silence. The engines retry.

    Of an error only the beginning is read; an answer longer than ``max_bytes`` raises `BodyRefused`. Either ends the
    connection. User and password of ``address`` go into a header: a URL that held them would be logged with them.
    """

    async def limit(response: httpx2.Response) -> None:
        # Whatever the client then does with the answer, it reads this stream.
        response.stream = _LimitedBody(response, max_bytes)

    # What a small body unpacks to would have no limit.
    headers = {"Accept-Encoding": "identity"}
    if address.authorization:
        headers["Authorization"] = address.authorization
    return AsyncOpenAI(
        base_url=address.url,
        # The client insists on a key; servers without one ignore it.
        api_key=api_key or "none",
        max_retries=0,
        timeout=openai.Timeout(timeout_s, connect=connect_s),
        default_headers=headers,
        default_query=dict(address.query),
        http_client=openai.DefaultAsyncHttpxClient(event_hooks={"response": [limit]}, verify=_trusted()),
    )


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Return the authorities that are trusted. Reading them takes 30 ms of the processor: once for all clients."""
    return httpx2.create_ssl_context()


class _LimitedBody(httpx2.AsyncByteStream):
    """A body of at most ``max_bytes``; of an error, the beginning."""

    def __init__(self, response: httpx2.Response, max_bytes: int) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._body, self._response, self._max_bytes = response.stream, response, max_bytes
        self._read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        response, is_error = self._response, self._response.is_error
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            if is_error:
                return
            raise BodyRefused(
                "the server's answer is compressed, although it was asked not to", request=response.request
            )
        async for piece in self._body:
            room = MAX_ERROR_BYTES - self._read
            self._read += len(piece)
            if is_error and len(piece) >= room:
                yield piece[:room]
                return
            if self._read > self._max_bytes:
                longest = f"longer than {self._max_bytes // 2**20} MiB"
                raise BodyRefused(f"the server's answer is {longest}", request=response.request)
            yield piece

    async def aclose(self) -> None:
        """Close the connection, unless all of the body was read."""
        await self._body.aclose()
