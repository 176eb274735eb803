"""Deadlines and cancellation of requests, shared by all engines that wait for something."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from workers.engines.errors import GenerationCancelled, GenerationTimedOut

T = TypeVar("T")


class RequestControl:
    """One running request, whose waits end at its deadline or its cancellation."""

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
        """Return the result of ``awaitable``, which is cancelled if the request ends first.

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


class RequestRegistry:
    """The requests that an engine is working on, found by their id."""

    def __init__(self) -> None:
        self._controls: dict[str, set[RequestControl]] = {}

    @contextmanager
    def enter(self, request_id: str, deadline_s: float | None) -> Generator[RequestControl]:
        """Register a request for as long as the context lasts. ``deadline_s`` is in seconds from now."""
        control = RequestControl(deadline_s)
        self._controls.setdefault(request_id, set()).add(control)
        try:
            yield control
        finally:
            same = self._controls[request_id]
            same.discard(control)
            if not same:
                del self._controls[request_id]

    def cancel(self, request_id: str) -> bool:
        """Cancel every request of that id; False if there is none."""
        controls = self._controls.get(request_id, set())
        for control in controls:
            control.cancel()
        return bool(controls)


@asynccontextmanager
async def closing(events: AsyncIterator[T]) -> AsyncGenerator[AsyncIterator[T]]:
    """Close ``events``, if closable, at the end of the context; this cancels their producer."""
    try:
        yield events
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()
