"""Time that a test can push forward, and a signal that something has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Clock:
    """Wall clock and monotonic clock with one common head start."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def advance(self, seconds: float) -> None:
        """Lets everything that exists grow older."""
        self._ahead += seconds

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self._ahead

    def monotonic(self) -> float:
        """Monotonic seconds; without ``advance`` the same scale as ``time.monotonic``."""
        return time.monotonic() + self._ahead


class Signal:
    """Wakes everybody who waits for a change; belongs to one event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def pulse(self) -> None:
        """Something has changed."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self) -> None:
        """Until the next pulse."""
        await self._event.wait()

    async def until(self, look: Callable[[], T | None], timeout: float) -> T:
        """The first thing that ``look`` finds, asked after every change; TimeoutError after ``timeout`` seconds."""
        async with asyncio.timeout(timeout):
            while (found := look()) is None:
                await self.wait()
            return found
