"""Events that are being handled: what was begun is finished before the client closes, or another process listens."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress


class Underway:
    """Counts what is under way."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def one(self) -> Generator[None]:
        """Count the block."""
        self._count += 1
        self._none.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._none.set()

    async def ended(self, within_s: float) -> None:
        """Wait until nothing is under way, for at most ``within_s`` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._none.wait()
