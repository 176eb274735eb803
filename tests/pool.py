"""The connection pool of a test process, open across tests: opening one costs more than most tests."""

from contextlib import AsyncExitStack
from typing import Any

from tortoise.connection import get_connection

from db.connection import connect


class HeldPool:
    """Opens `db.connection.connect` once, and again after a test that left connections in use."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open: AsyncExitStack | None = None

    async def open(self) -> None:
        """Connect, unless that is done."""
        if self._open is None:
            stack = AsyncExitStack()
            await stack.enter_async_context(connect(self._url))
            self._open = stack

    async def settle(self) -> None:
        """Close the pool if something still uses it: its statements must not reach the next test."""
        if self._open is not None and _in_use():
            await self.close()

    async def close(self) -> None:
        """Close the pool."""
        if self._open is not None:
            opened, self._open = self._open, None
            await opened.aclose()


def _in_use() -> bool:
    client: Any = get_connection("default")
    pool = client._pool
    return pool is not None and pool.get_size() != pool.get_idle_size()
