"""Deadline, cancellation and order of requests: what every engine that waits for something needs."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from typing import TypeVar

from workers.engines.errors import GenerationCancelled, GenerationTimedOut
from workers.engines.text.base import TextRequest

T = TypeVar("T")


class Control:
    """One running request: waiting that its deadline or its cancellation ends."""

    def __init__(self, deadline_s: float | None) -> None:
        """``deadline_s`` is in seconds from now."""
        loop = asyncio.get_running_loop()
        self._deadline = None if deadline_s is None else loop.time() + deadline_s
        self._cancelled: asyncio.Future[None] = loop.create_future()

    def cancel(self) -> None:
        """Make the running and every later `wait` raise `GenerationCancelled`."""
        if not self._cancelled.done():
            self._cancelled.set_result(None)

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Return the result of ``awaitable``; it is cancelled when the request ends before it.

        Raises `GenerationCancelled` and `GenerationTimedOut`.
        """
        task = asyncio.ensure_future(awaitable)
        try:
            left = None if self._deadline is None else self._deadline - asyncio.get_running_loop().time()
            if left is None or left > 0:
                await asyncio.wait({task, self._cancelled}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if self._cancelled.done():
                raise GenerationCancelled("cancelled by the caller")
            if not task.done():
                raise GenerationTimedOut("the deadline passed")
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})


class Running:
    """The requests that an engine is working on, found by their id."""

    def __init__(self) -> None:
        self._controls: dict[str, set[Control]] = {}

    @contextmanager
    def enter(self, request: TextRequest) -> Generator[Control]:
        """Register ``request`` for as long as the context lasts."""
        control = Control(request.deadline_s)
        self._controls.setdefault(request.id, set()).add(control)
        try:
            yield control
        finally:
            same = self._controls[request.id]
            same.discard(control)
            if not same:
                del self._controls[request.id]

    def cancel(self, request_id: str) -> bool:
        """Cancel every request of that id; False if there is none."""
        controls = self._controls.get(request_id, set())
        for control in controls:
            control.cancel()
        return bool(controls)


class PriorityGate:
    """Lets ``slots`` through at a time: smaller priorities first, first come first served among equals."""

    def __init__(self, slots: int = 1) -> None:
        self._free = slots
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    async def acquire(self, priority: int) -> None:
        """Wait for a slot. Every `acquire` that returned needs one `release`."""
        if self._free and not self._queue:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (priority, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Hand the slot to the next one waiting."""
        while self._queue:
            turn = heapq.heappop(self._queue)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
