"""The client's side of one connection to a model process: requests, answers, watchdog, end."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, cast

from workers.engines.errors import EngineUnavailable
from workers.engines.processes.launch import Launcher, Link, PrivateLauncher, last_log_lines
from workers.engines.processes.messages import Cancel, Failed, Loaded, LoadFailed, LoadModel, WireMessage, frame
from workers.engines.processes.program import Program
from workers.engines.processes.supervisor import to_the_end

ATTEMPTS = 4
"""How often a process is looked for or started: one that is found may be just about to end."""
STOP_S = 5.0
"""Seconds for a private process to end after its connection was closed."""
_log = logging.getLogger(__name__)
LoadedT = TypeVar("LoadedT", bound=Loaded)
NextAnswer = Callable[[], Awaitable[Any]]


class ProcessDied(Exception):
    """The model process ended, or was ended because it hung, while it was needed. The message is the exit reason."""

    loggable = True


class DiedLoading(EngineUnavailable):
    """The model process ended while it loaded the model, without saying why."""

    def __init__(self, message: str, *, found: bool) -> None:
        """``found``: it had been running already, so it may just have reached the end of its life."""
        super().__init__(message)
        self.found = found


@dataclass(slots=True)
class _Pending:
    """A request that awaits its last answer. The queue ends with None when the process is dead."""

    side: bool
    answers: asyncio.Queue[Any]


class ModelProcess(Generic[LoadedT]):
    """A connection to a model process with its model loaded. Make it with `start`."""

    def __init__(self, program: Program, link: Link, stall_s: float) -> None:
        self._program = program
        self._link = link
        self._stall_s = stall_s
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._loaded: asyncio.Future[LoadedT] = self._loop.create_future()
        self._last_sign = self._loop.time()
        self._exit_reason = ""
        self._over = False
        self._tasks = [asyncio.create_task(self._read_events()), asyncio.create_task(self._watch())]

    @classmethod
    async def start(cls, program: Program, load: LoadModel, stall_s: float, launcher: Launcher | None = None) -> Self:
        """Find or start a process and wait for its model. Raises `EngineUnavailable` with the reason.

        Without a ``launcher`` it is a private process. A process without progress for ``stall_s`` seconds is killed.
        """
        launcher = launcher or PrivateLauncher()
        for left in reversed(range(ATTEMPTS)):
            try:
                return await cls._start(program, load, stall_s, launcher)
            except DiedLoading as death:
                other = load if death.found else load.after_death()
                if other is None or not left:
                    raise
                _log.warning("%s; trying once more%s", death, "" if death.found else " in another way")
                load = other
        raise AssertionError("the last attempt returns or raises")

    @classmethod
    async def _start(cls, program: Program, load: LoadModel, stall_s: float, launcher: Launcher) -> Self:
        try:
            process = cls(program, await launcher.connect(program, load), stall_s)
        except OSError as error:
            raise EngineUnavailable(f"its process cannot be started: {error}") from error
        try:
            process._send(load)
            loaded = await process._loaded
        except BaseException:
            await to_the_end(process.stop())
            raise
        _log.info("model %s is loaded in process %d", loaded.model, process.pid)
        return process

    @property
    def pid(self) -> int:
        """Process id."""
        return self._link.pid

    @property
    def alive(self) -> bool:
        """False once the process is known to have ended."""
        return not self._over

    @property
    def loaded(self) -> LoadedT:
        """The process's report about its model."""
        return self._loaded.result()

    def used(self) -> None:
        """Note that the model is needed now: the least recently used one makes room for another."""
        self._link.used()

    @asynccontextmanager
    async def converse(self, make: Callable[[int], WireMessage], data: bytes = b"") -> AsyncGenerator[NextAnswer]:
        """Send a request and yield a function that waits for its next answer.

        ``make`` builds the request for a number. The function raises `ProcessDied` if the process dies, and the error
        of a `Failed`. Leaving the context before the last answer cancels the request.
        """
        number = next(self._numbers)
        if not self._pending:
            self._last_sign = self._loop.time()
        request = make(number)
        self._send(request, data)
        # Registered only after sending: a failed send never gets an answer.
        pending = self._pending[number] = _Pending(request.SIDE, asyncio.Queue())

        async def next_answer() -> Any:
            answer = await pending.answers.get()
            if answer is None:
                raise ProcessDied(self._exit_reason)
            if isinstance(answer, Failed):
                raise answer.error()
            return answer

        try:
            yield next_answer
        finally:
            if self._over:
                self._pending.pop(number, None)
            elif number in self._pending:
                # The request stays pending until the cancellation is answered, so that the watchdog keeps watching.
                self._send(Cancel(id=number))

    async def ask(self, make: Callable[[int], WireMessage]) -> Any:
        """Send a request with one answer and return that. Raises like the function of `converse`."""
        async with self.converse(make) as next_answer:
            return await next_answer()

    def _send(self, request: WireMessage, data: bytes = b"") -> None:
        if self._over:
            raise ProcessDied("the model process has ended")
        self._link.writer.write(frame(request, data))

    async def _read_events(self) -> None:
        try:
            while (read := await self._program.wire.read_event(self._link.reader)) is not None:
                event, data = read
                if not event.SIDE or all(pending.side for pending in self._pending.values()):
                    self._last_sign = self._loop.time()
                if isinstance(event, Loaded):
                    self._link.pid = event.pid
                    if not self._loaded.done():
                        self._loaded.set_result(cast("LoadedT", event))
                elif isinstance(event, LoadFailed):
                    lines = await self._last_log_lines()
                    if not self._loaded.done():
                        self._loaded.set_exception(EngineUnavailable(f"{event.message}{lines}"))
                for number, answer, last in event.answers(data):
                    pending = self._pending.pop(number, None) if last else self._pending.get(number)
                    if pending is not None:
                        pending.answers.put_nowait(answer)
        except ValueError:
            _log.exception("the model process sent a broken message")
        await self._end()

    async def _end(self) -> None:
        """Find out why the process ended and notify all pending requests."""
        self._over = True
        self._link.writer.close()
        if not self._exit_reason:
            loading = "" if self._loaded.done() else " while it loaded the model"
            reason = f"the model process died{loading}{await self._exit_status()}{await self._last_log_lines()}"
            self._exit_reason = self._exit_reason or reason
        if not self._loaded.done():
            self._loaded.set_exception(DiedLoading(self._exit_reason, found=self._link.found))
        for pending in self._pending.values():
            pending.answers.put_nowait(None)

    async def _watch(self) -> None:
        # Once it has ended, its id may belong to another process.
        while not self._over:
            await asyncio.sleep(self._stall_s / 4)
            loading = not self._loaded.done()
            patience = max(self._stall_s, self._program.loading_s) if loading else self._stall_s
            if (self._pending or loading) and not self._over and self._loop.time() - self._last_sign > patience:
                _log.error("model process %d made no progress for %.0f s and is killed", self.pid, patience)
                # A shared process hangs for all clients: the first to notice kills it.
                if self.pid > 0:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(self.pid, signal.SIGKILL)
                return

    async def _last_log_lines(self) -> str:
        lines = await asyncio.to_thread(last_log_lines, self._link.log)
        return f": {lines}" if lines else ""

    async def _exit_status(self) -> str:
        if (child := self._link.child) is None:
            return ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await child.wait()
        return f" (exit status {child.returncode})"

    async def stop(self) -> None:
        """Disconnect and release everything; a private process ends. Running requests get `ProcessDied`."""
        self._over = True
        self._link.writer.close()
        if (child := self._link.child) is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await child.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._end()
        await self._link.end()
        if not self._loaded.cancelled():
            self._loaded.exception()  # retrieved, so that asyncio logs nothing if it was never awaited
