"""A bound on the memory that large files take: whoever needs more than is left waits."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class MemoryBudget:
    """Bytes that may be held at a time."""

    def __init__(self, total: int) -> None:
        """``total`` in bytes; something larger is let in alone."""
        self._total = self._left = total
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def holding(self, size: int) -> AsyncGenerator[None]:
        """Wait until there is room for ``size`` bytes, and hold it."""
        held = min(size, self._total)
        if not held:
            yield
            return
        async with self._freed:
            await self._freed.wait_for(lambda: self._left >= held)
            self._left -= held
        try:
            yield
        finally:
            self._left += held
            async with self._freed:
                self._freed.notify_all()
