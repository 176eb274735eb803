"""Rate limits by what is left of a bucket, not by when its window ends.

discord.py refuses a request if its bucket's window ends later than ``max_ratelimit_timeout``, even with requests left,
so that a second thread within five minutes was never tried; and it holds back the answer of a bucket's last request
until the window ends. Here a request goes out while requests are left, waits for a window that ends soon enough, and
otherwise raises `discord.RateLimited` at once.
"""

import asyncio
from types import TracebackType

import discord
from discord.http import HTTPClient, Ratelimit


class Bucket(Ratelimit):
    """One bucket of Discord's rate limits (https://discord.com/developers/docs/topics/rate-limits)."""

    def __init__(self, patience: float | None) -> None:
        """``patience``: the longest wait in seconds; None waits however long it takes."""
        super().__init__(patience)
        self._patience = patience
        self._waiting: set[asyncio.Future[None]] = set()

    async def acquire(self) -> None:
        """Take one request. Raises `discord.RateLimited` if the next one is free only after the patience."""
        self._last_request = self._loop.time()
        while not self._take():
            wait = None if self.expires is None else max(self.expires - self._loop.time(), 0.0)
            if wait is not None and self._patience is not None and wait > self._patience:
                raise discord.RateLimited(wait)
            await self._changed(wait)

    def is_inactive(self) -> bool:
        """Return whether the library may forget the bucket; never while it is exhausted."""
        open_ = self.expires is not None and not self.is_expired()
        return super().is_inactive() and not self._waiting and not (open_ and self.remaining <= 0)

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the turn on; a refusal that names a long wait closes the bucket, unless requests were left.

        (With requests left it was a limit of its own kind, which the bucket does not count.)
        """
        self.outgoing -= 1
        if isinstance(value, discord.RateLimited) and self.remaining <= 0:
            self.expires = self._loop.time() + value.retry_after
        elif self.remaining <= 0 and self.expires is None:
            self.reset()  # no answer said what is left
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def _take(self) -> bool:
        if self.is_expired():
            self.reset()
        if self.remaining <= 0:
            return False
        self.remaining -= 1
        self.outgoing += 1
        return True

    async def _changed(self, wait: float | None) -> None:
        """Wait until a request ends, at most ``wait`` seconds."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait([future], timeout=wait)
        finally:
            self._waiting.discard(future)


class BucketClient(HTTPClient):
    """The library's HTTP client with `Bucket`."""

    def get_ratelimit(self, key: str) -> Ratelimit:
        """Return a bucket."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self.max_ratelimit_timeout)
            self._try_clear_expired_ratelimits()
        return bucket

    @classmethod
    def take_over(cls, http: HTTPClient) -> None:
        """Give a client of the library these buckets; it makes its HTTP client itself, with options of its own."""
        http.__class__ = cls
