"""One process for all callers: started once, replaced when it dies, a failed start remembered for a while."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from workers.engines.errors import EngineUnavailable

RETRY_LOADING_S = 30.0
"""Seconds for which a model that failed to load is not tried again."""
T = TypeVar("T")
ProcessT = TypeVar("ProcessT", bound="Supervised")


class Supervised(Protocol):
    """A process that has started."""

    @property
    def alive(self) -> bool:
        """False as soon as the process is known to have ended."""
        ...

    async def stop(self) -> None:
        """Disconnect from the process and release everything."""
        ...


class ProcessSupervisor(Generic[ProcessT]):
    """Starts a process when it is first needed and replaces it when it has died."""

    def __init__(self, start: Callable[[], Coroutine[Any, Any, ProcessT]], *, retry_s: float = RETRY_LOADING_S) -> None:
        """``start`` raises `EngineUnavailable` if it fails; the same is raised for the next ``retry_s`` seconds."""
        self._start = start
        self._retry_s = retry_s
        self._process: ProcessT | None = None
        self._starting: asyncio.Task[ProcessT] | None = None
        self._failure: tuple[float, str] | None = None
        self.closed = False

    @property
    def current(self) -> ProcessT | None:
        """The live process, None if there is none."""
        return self._process if self._process is not None and self._process.alive else None

    async def get(self) -> ProcessT:
        """Return the process, starting it if there is none; concurrent callers share one start.

        Cancelling a caller does not cancel the start. Raises `EngineUnavailable`, also once closed.
        """
        if self.closed:
            raise EngineUnavailable("the engine is closed")
        if (process := self.current) is not None:
            return process
        if self._starting is None:
            self._starting = asyncio.create_task(self._replace())
            self._starting.add_done_callback(self._started)
        starting = self._starting
        # Unlike `await starting`, this is cancelled by nothing but the caller's own cancellation.
        await asyncio.wait({starting})
        if starting.cancelled():
            raise EngineUnavailable("the engine is closed")
        return starting.result()

    async def close(self) -> None:
        """Stop the process, or its start. Raises the caller's cancellation, but only when all is done."""
        self.closed = True
        await to_the_end(self._close())

    async def _close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        if self._process is not None:
            await self._process.stop()

    def _started(self, task: asyncio.Task[ProcessT]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio logs nothing if all callers have gone

    async def _replace(self) -> ProcessT:
        loop = asyncio.get_running_loop()
        if self._failure is not None and loop.time() < self._failure[0]:
            raise EngineUnavailable(self._failure[1])
        if self._process is not None:
            await self._process.stop()
            self._process = None
        try:
            self._process = await self._start()
        except EngineUnavailable as error:
            self._failure = (loop.time() + self._retry_s, str(error))
            raise
        self._failure = None
        return self._process


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of ``work``, which runs to its end even if the caller is cancelled meanwhile.

    The cancellation is raised afterwards.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # retrieved: the cancellation takes precedence
        raise cancelled
    return task.result()
