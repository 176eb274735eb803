"""Supervision of one model process: start, conversation, watchdog, end."""

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import workers
from workers.engines.errors import EngineUnavailable
from workers.engines.text.llama.protocol import (
    Beat,
    Cancel,
    Count,
    Counted,
    Done,
    Draw,
    Failed,
    Generate,
    Load,
    Loaded,
    LoadFailed,
    Piece,
    Request,
    Turn,
    frame,
    read_event,
)

Answer = Piece | Done | Failed
NextAnswer = Callable[[], Awaitable[Answer]]
START_S = 60.0
"""Seconds for the interpreter to start and to load the library."""
STOP_S = 5.0
"""Seconds for the process to end after its socket was closed."""
_SOCKET_PATH_MAX = 100
_ENVIRONMENT = (
    "PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_",
    "VK_", "GGML_", "LLAMA_", "OMP_", "VIRTUAL_ENV",
)  # fmt: skip
_ROOT = str(Path(workers.__path__[0]).resolve().parent)
_LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARNING": logging.WARNING}
_log = logging.getLogger(__name__)


class ChildDied(Exception):
    """The model process ended, or was ended because it hung, while it was needed."""


class LlamaProcess:
    """One model process with its model loaded. Make it with `start`."""

    def __init__(self, process: asyncio.subprocess.Process, stall_s: float) -> None:
        self.model = ""
        self.context = 0
        self._process = process
        self._stall_s = stall_s
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[Answer | None]] = {}
        self._counts: dict[int, asyncio.Future[int]] = {}
        self._loaded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last_sign = asyncio.get_running_loop().time()
        self._last_lines: deque[str] = deque(maxlen=8)
        self._tasks: list[asyncio.Task[None]] = [asyncio.create_task(self._read_log())]
        self._over = False

    @classmethod
    async def start(cls, load: Load, stall_s: float) -> Self:
        """Start a process and load the model. Raises `EngineUnavailable` with the reason."""
        base = tempfile.gettempdir()
        if len(base) + 30 > _SOCKET_PATH_MAX:
            base = "/tmp"  # noqa: S108 - mkdtemp makes a private folder
        folder = Path(tempfile.mkdtemp(prefix="storyfork-", dir=base))
        try:
            socket = folder / "llama"
            child = cls(await _spawn(socket), stall_s)
            try:
                await child._connect(socket)
                await child._load(load)
            except BaseException:
                await asyncio.shield(child.stop())
                raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        _log.info("model %s is loaded in process %d", child.model, child.pid)
        return child

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False as soon as it is known to have ended."""
        return not self._over

    async def _connect(self, socket: Path) -> None:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                if await self._process.stdout.readline() != b"ready\n":
                    raise EngineUnavailable(await self._obituary("the model process did not start"))
                reader, self._writer = await asyncio.open_unix_connection(str(socket))
        except (TimeoutError, OSError) as error:
            raise EngineUnavailable(f"the model process did not start: {error!r}") from error
        self._tasks += [asyncio.create_task(self._read_events(reader)), asyncio.create_task(self._watch())]

    async def _load(self, load: Load) -> None:
        self._last_sign = asyncio.get_running_loop().time()
        self._send(load)
        await self._loaded

    def _send(self, request: Request) -> None:
        if self._over or self._writer is None:
            raise ChildDied("the model process has ended")
        self._writer.write(frame(request))

    def _note_start(self) -> None:
        if not self._answers and not self._counts:
            self._last_sign = asyncio.get_running_loop().time()

    @asynccontextmanager
    async def generate(
        self, turns: tuple[Turn, ...], draw: Draw, schema: dict[str, object] | None, tenant: str
    ) -> AsyncGenerator[NextAnswer]:
        """Run a generation and offer a function that waits for its next answer; the last is ``Done`` or ``Failed``.

        That function raises `ChildDied` if the process dies. Leaving the context early stops the generation.
        """
        number = next(self._numbers)
        self._note_start()
        answers = self._answers[number] = asyncio.Queue()

        async def next_answer() -> Answer:
            answer = await answers.get()
            if answer is None:
                raise ChildDied(await self._obituary("the model process died"))
            return answer

        try:
            self._send(Generate(id=number, messages=turns, draw=draw, json_schema=schema, tenant=tenant))
            yield next_answer
        finally:
            if self._over:
                self._answers.pop(number, None)
            elif number in self._answers:
                # Its queue stays until the answer to this comes, so that the watchdog keeps watching.
                self._send(Cancel(id=number))

    async def count(self, text: str) -> int:
        """Return the number of tokens of ``text``. Raises `ChildDied`."""
        number = next(self._numbers)
        self._note_start()
        future = self._counts[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(Count(id=number, text=text))
            return await future
        finally:
            self._counts.pop(number, None)

    async def _read_events(self, reader: asyncio.StreamReader) -> None:
        try:
            while (event := await read_event(reader)) is not None:
                # Counting goes on beside a decode that hangs.
                if not (isinstance(event, Counted) and self._answers):
                    self._last_sign = asyncio.get_running_loop().time()
                match event:
                    case Piece() | Done() | Failed():
                        if (answers := self._answers.get(event.id)) is not None:
                            answers.put_nowait(event)
                            if not isinstance(event, Piece):
                                del self._answers[event.id]
                    case Counted():
                        if (future := self._counts.get(event.id)) is not None and not future.done():
                            future.set_result(event.tokens)
                    case Loaded():
                        self.model, self.context = event.model, event.context
                        self._loaded.set_result(None)
                    case LoadFailed():
                        said = await self._last_words()
                        self._loaded.set_exception(EngineUnavailable(f"{event.message}{said}"))
                    case Beat():
                        pass
        except ValueError:
            _log.exception("the model process speaks nonsense")
        await self._end()

    async def _end(self) -> None:
        """Tell everybody who waits that the process is gone, and make sure that it is."""
        self._over = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if not self._loaded.done():
            text = await self._obituary("the model process died while it loaded the model")
            if not self._loaded.done():
                self._loaded.set_exception(EngineUnavailable(text))
        for answers in self._answers.values():
            answers.put_nowait(None)
        for future in self._counts.values():
            if not future.done():
                future.set_exception(ChildDied("the model process died"))

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._stall_s / 4)
            busy = self._answers or self._counts or not self._loaded.done()
            if busy and loop.time() - self._last_sign > self._stall_s:
                _log.error("model process %d made no progress for %.0f s and is ended", self.pid, self._stall_s)
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                return

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        async for raw in self._process.stderr:
            line = raw.decode("utf-8", "replace").rstrip()
            self._last_lines.append(line)
            level, _, text = line.partition(" ")
            _log.log(_LEVELS.get(level, logging.WARNING), "llama.cpp: %s", text if level.isupper() else line)

    async def _last_words(self) -> str:
        # What it logged may still be on its way through the pipe.
        await asyncio.sleep(0.05)
        errors = [line.removeprefix("ERROR ") for line in self._last_lines if not line.startswith("WARNING ")]
        return f": {errors[0][:300]}" if errors else ""

    async def _obituary(self, what: str) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._process.wait()
        return f"{what} (exit status {self._process.returncode}){await self._last_words()}"

    async def stop(self) -> None:
        """End the process and release everything. Running generations get `ChildDied`."""
        self._over = True
        if self._writer is not None:
            self._writer.close()
        try:
            async with asyncio.timeout(STOP_S if self._writer is not None else 0):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._end()
        for task in self._tasks[1:]:
            task.cancel()
        # The log ends by itself with the process that wrote it.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._loaded.done() and not self._loaded.cancelled():
            self._loaded.exception()


async def _spawn(socket: Path) -> asyncio.subprocess.Process:
    inherited = {name: value for name, value in os.environ.items() if name.startswith(_ENVIRONMENT)}
    environment = inherited | {
        # Neither gdb nor a backtrace when ggml aborts: both may hang.
        "GGML_NO_BACKTRACE": "1",
        "PYTHONPATH": os.pathsep.join([_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONUNBUFFERED": "1",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "workers.engines.text.llama.server.main",
        str(socket),
        str(os.getpid()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
