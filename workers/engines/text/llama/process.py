"""Conversation with one model process: requests, answers, watchdog, end."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Self

from workers.engines.errors import ContextFull, EngineUnavailable, RequestRefused
from workers.engines.text.llama.launch import Launcher, Link, PrivateLauncher, first_error
from workers.engines.text.llama.protocol import (
    Ask,
    Beat,
    Cancel,
    Count,
    Counted,
    Done,
    Embed,
    Embedded,
    Failed,
    Generate,
    Load,
    Loaded,
    LoadFailed,
    Pieces,
    Report,
    Request,
    Statistics,
    frame,
    read_event,
)

Answer = str | Done | Failed
NextAnswer = Callable[[], Awaitable[Answer]]
_Reply = Counted | Embedded | Report | Failed
ATTEMPTS = 4
"""How often a process is looked for or started; more than one that is found may be just about to end."""
STOP_S = 5.0
"""Seconds for a private process to end after its connection was closed."""
_log = logging.getLogger(__name__)


class ChildDied(Exception):
    """The model process ended, or was ended because it hung, while it was needed."""


class DiedLoading(EngineUnavailable):
    """The model process ended while it loaded the model, without a word about why."""

    def __init__(self, message: str, *, found: bool) -> None:
        """``found``: it ran already, so it may have ended because its time had come."""
        super().__init__(message)
        self.found = found


class LlamaProcess:
    """A connection to a model process with its model loaded. Make it with `start`."""

    def __init__(self, link: Link, stall_s: float) -> None:
        self.model = ""
        self.context = 0
        self._link = link
        self._stall_s = stall_s
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[Answer | None]] = {}
        self._replies: dict[int, asyncio.Future[_Reply]] = {}
        self._loaded: asyncio.Future[None] = self._loop.create_future()
        self._last_sign = self._loop.time()
        self._over = False
        self._tasks = [asyncio.create_task(self._read_events()), asyncio.create_task(self._watch())]

    @classmethod
    async def start(cls, load: Load, stall_s: float, launcher: Launcher | None = None) -> Self:
        """Find or start a process and wait for its model. Raises `EngineUnavailable` with the reason.

        Without a ``launcher`` it is a private process. If one that was started for this dies on loading, it is tried
        once more without special instructions: a build by GCC 12 was seen to crash in its AMX code.
        """
        launcher = launcher or PrivateLauncher()
        attempts = ATTEMPTS
        while True:
            attempts -= 1
            try:
                return await cls._start(load, stall_s, launcher)
            except DiedLoading as death:
                if not attempts or not (death.found or load.repack):
                    raise
                if death.found:
                    _log.info("%s; once more with another one", death)
                else:
                    _log.warning("%s; once more without special instructions of the CPU", death)
                    load = load.model_copy(update={"repack": False})

    @classmethod
    async def _start(cls, load: Load, stall_s: float, launcher: Launcher) -> Self:
        try:
            process = cls(await launcher.connect(load), stall_s)
        except OSError as error:
            raise EngineUnavailable(f"its process cannot be started: {error}") from error
        try:
            process._send(load)
            await process._loaded
        except BaseException:
            await asyncio.shield(process.stop())
            raise
        _log.info("model %s is loaded in process %d", process.model, process.pid)
        return process

    @property
    def pid(self) -> int:
        """Process id."""
        return self._link.pid

    @property
    def alive(self) -> bool:
        """False as soon as it is known to have ended."""
        return not self._over

    def used(self) -> None:
        """Note that the model is needed now, for whoever needs room for another one."""
        self._link.used()

    def _send(self, request: Request) -> None:
        if self._over:
            raise ChildDied("the model process has ended")
        self._link.writer.write(frame(request))

    def _note_start(self) -> None:
        if not self._answers and not self._replies:
            self._last_sign = self._loop.time()

    @asynccontextmanager
    async def generate(self, make: Callable[[int], Generate]) -> AsyncGenerator[NextAnswer]:
        """Run a generation and offer a function that waits for its next answer; the last is ``Done`` or ``Failed``.

        ``make`` makes the request for a number. The function raises `ChildDied` if the process dies. Leaving the
        context early stops the generation.
        """
        number = next(self._numbers)
        self._note_start()
        self._send(make(number))
        # Only now: no answer would ever come to what could not be sent.
        answers = self._answers[number] = asyncio.Queue()

        async def next_answer() -> Answer:
            answer = await answers.get()
            if answer is None:
                raise ChildDied(await self._obituary("the model process died"))
            return answer

        try:
            yield next_answer
        finally:
            if self._over:
                self._answers.pop(number, None)
            elif number in self._answers:
                # Its queue stays until the answer to this comes, so that the watchdog keeps watching.
                self._send(Cancel(id=number))

    async def count(self, text: str) -> int:
        """Return the number of tokens of ``text``. Raises `ChildDied`."""
        reply = await self._ask(lambda number: Count(id=number, text=text))
        assert isinstance(reply, Counted)
        return reply.tokens

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a unit vector for each text. Raises `ContextFull` for too long a text, `ChildDied`."""
        reply = await self._ask(lambda number: Embed(id=number, texts=tuple(texts)))
        if isinstance(reply, Failed):
            if reply.reason == "context_full":
                raise ContextFull(reply.prompt_tokens, 0, reply.context_tokens)
            raise (RequestRefused if reply.reason == "refused" else EngineUnavailable)(reply.message or reply.reason)
        assert isinstance(reply, Embedded)
        return reply.rows()

    async def statistics(self) -> Statistics:
        """Return how the engine does. Raises `ChildDied`."""
        reply = await self._ask(lambda number: Ask(id=number))
        assert isinstance(reply, Report)
        return reply.statistics

    async def _ask(self, make: Callable[[int], Request]) -> _Reply:
        number = next(self._numbers)
        self._note_start()
        future = self._replies[number] = self._loop.create_future()
        try:
            self._send(make(number))
            return await future
        finally:
            self._replies.pop(number, None)

    async def _read_events(self) -> None:
        try:
            while (event := await read_event(self._link.reader)) is not None:
                # Counting goes on beside a decode that hangs.
                if not (isinstance(event, Counted) and self._answers):
                    self._last_sign = self._loop.time()
                match event:
                    case Pieces():
                        for number, text in event.texts:
                            if (answers := self._answers.get(number)) is not None:
                                answers.put_nowait(text)
                    case Done() | Failed() if (answers := self._answers.pop(event.id, None)) is not None:
                        answers.put_nowait(event)
                    case Counted() | Embedded() | Report() | Failed():
                        if (future := self._replies.get(event.id)) is not None and not future.done():
                            future.set_result(event)
                    case Loaded():
                        self.model, self.context, self._link.pid = event.model, event.context, event.pid
                        if not self._loaded.done():
                            self._loaded.set_result(None)
                    case LoadFailed():
                        words = await self._last_words()
                        if not self._loaded.done():
                            self._loaded.set_exception(EngineUnavailable(f"{event.message}{words}"))
                    case Done() | Beat():
                        pass
        except ValueError:
            _log.exception("the model process speaks nonsense")
        await self._end()

    async def _end(self) -> None:
        """Tell everybody who waits that the process is gone."""
        self._over = True
        self._link.writer.close()
        if not self._loaded.done():
            text = await self._obituary("the model process died while it loaded the model")
            if not self._loaded.done():
                self._loaded.set_exception(DiedLoading(text, found=self._link.found))
        for answers in self._answers.values():
            answers.put_nowait(None)
        for future in self._replies.values():
            if not future.done():
                future.set_exception(ChildDied("the model process died"))

    async def _watch(self) -> None:
        # Once it has ended, its number may be another process's.
        while not self._over:
            await asyncio.sleep(self._stall_s / 4)
            busy = self._answers or self._replies or not self._loaded.done()
            if busy and not self._over and self._loop.time() - self._last_sign > self._stall_s:
                _log.error("model process %d made no progress for %.0f s and is ended", self.pid, self._stall_s)
                # A shared one hangs for everybody: whoever notices it first ends it.
                if self.pid > 0:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(self.pid, signal.SIGKILL)
                return

    async def _last_words(self) -> str:
        words = await asyncio.to_thread(first_error, self._link.log)
        return f": {words}" if words else ""

    async def _obituary(self, what: str) -> str:
        status = ""
        if (child := self._link.child) is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await child.wait()
            status = f" (exit status {child.returncode})"
        return f"{what}{status}{await self._last_words()}"

    async def stop(self) -> None:
        """Disconnect and release everything; a private process ends. Running generations get `ChildDied`."""
        self._over = True
        self._link.writer.close()
        if (child := self._link.child) is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await child.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._end()
        await self._link.end()
        if self._loaded.done() and not self._loaded.cancelled():
            self._loaded.exception()
