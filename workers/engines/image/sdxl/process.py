"""Supervision of one picture process: start, conversation, watchdog, end."""

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from workers.engines import child
from workers.engines.errors import EngineUnavailable
from workers.engines.image.sdxl.protocol import (
    Beat,
    Cancel,
    Draw,
    Drawn,
    Failed,
    Load,
    Loaded,
    LoadFailed,
    Progress,
    Request,
    frame,
    read_event,
)

Answer = Progress | tuple[Drawn, bytes] | Failed
NextAnswer = Callable[[], Awaitable[Answer]]
LOADING_S = 600.0
"""Seconds of silence while a model loads: libraries are imported, and files of gigabytes come from slow disks."""
STOP_S = 5.0
"""Seconds for the process to end after its socket was closed."""
_LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}
_log = logging.getLogger(__name__)


class ChildDied(Exception):
    """The picture process ended, or was ended because it hung, while it was needed."""


class PictureProcess:
    """One picture process with its model loaded. Make it with `start`."""

    def __init__(self, process: asyncio.subprocess.Process, stall_s: float) -> None:
        loop = asyncio.get_running_loop()
        self.loaded: asyncio.Future[Loaded] = loop.create_future()
        self._process = process
        self._stall_s = stall_s
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[Answer | None]] = {}
        self._last_sign = loop.time()
        self._last_lines: deque[str] = deque(maxlen=8)
        self._tasks: list[asyncio.Task[None]] = [asyncio.create_task(self._read_log())]
        self._over = False

    @classmethod
    async def start(cls, load: Load, stall_s: float) -> Self:
        """Start a process and load the model. Raises `EngineUnavailable` with the reason."""
        folder = child.new_socket_folder()
        try:
            socket = folder / "pictures"
            pictures = cls(await _spawn(socket), stall_s)
            try:
                await pictures._connect(socket)
                pictures._send(load)
                loaded = await asyncio.shield(pictures.loaded)
            except BaseException:
                await asyncio.shield(pictures.stop())
                raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        _log.info(
            "model %s is loaded on %s in %s, %.1f s, process %d",
            loaded.model, loaded.device, loaded.dtype, loaded.seconds, pictures.pid,
        )  # fmt: skip
        return pictures

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False as soon as it is known to have ended."""
        return not self._over

    async def _connect(self, socket: Path) -> None:
        try:
            reader, self._writer = await child.connect(self._process, socket)
        except EngineUnavailable as problem:
            raise EngineUnavailable(await self._obituary(f"the picture process did not start: {problem}")) from problem
        self._last_sign = asyncio.get_running_loop().time()
        self._tasks += [asyncio.create_task(self._read_events(reader)), asyncio.create_task(self._watch())]

    def _send(self, request: Request, picture: bytes = b"") -> None:
        if self._over or self._writer is None:
            raise ChildDied("the picture process has ended")
        self._writer.write(frame(request, picture))

    @asynccontextmanager
    async def draw(self, draw: Draw, source: bytes) -> AsyncGenerator[NextAnswer]:
        """Draw a picture, whatever its number, and offer a function that waits for the next answer.

        The last answer is ``Drawn`` or ``Failed``. The function raises `ChildDied` if the process dies. Leaving the
        context early stops the picture.
        """
        number = next(self._numbers)
        if not self._answers:
            self._last_sign = asyncio.get_running_loop().time()
        answers = self._answers[number] = asyncio.Queue()

        async def next_answer() -> Answer:
            answer = await answers.get()
            if answer is None:
                raise ChildDied(await self._obituary("the picture process died"))
            return answer

        try:
            self._send(draw.model_copy(update={"id": number}), source)
            yield next_answer
        finally:
            if self._over:
                self._answers.pop(number, None)
            elif number in self._answers:
                # Its queue stays until the answer to this comes, so that the watchdog keeps watching.
                self._send(Cancel(id=number))

    async def _read_events(self, reader: asyncio.StreamReader) -> None:
        try:
            while (read := await read_event(reader)) is not None:
                event, picture = read
                self._last_sign = asyncio.get_running_loop().time()
                match event:
                    case Progress():
                        self._answer(event.id, event)
                    case Drawn():
                        self._answer(event.id, (event, picture))
                        self._answers.pop(event.id, None)
                    case Failed():
                        self._answer(event.id, event)
                        self._answers.pop(event.id, None)
                    case Loaded():
                        self.loaded.set_result(event)
                    case LoadFailed():
                        self.loaded.set_exception(EngineUnavailable(event.message))
                    case Beat():
                        pass
        except ValueError:
            _log.exception("the picture process speaks nonsense")
        await self._end()

    def _answer(self, number: int, answer: Answer) -> None:
        if (answers := self._answers.get(number)) is not None:
            answers.put_nowait(answer)

    async def _end(self) -> None:
        """Tell everybody who waits that the process is gone, and make sure that it is."""
        self._over = True
        await child.kill(self._process)
        if not self.loaded.done():
            text = await self._obituary("the picture process died while it loaded the model")
            if not self.loaded.done():
                self.loaded.set_exception(EngineUnavailable(text))
        for answers in self._answers.values():
            answers.put_nowait(None)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._stall_s / 4)
            patience = self._stall_s if self.loaded.done() else max(LOADING_S, self._stall_s)
            busy = self._answers or not self.loaded.done()
            if busy and loop.time() - self._last_sign > patience:
                _log.error("picture process %d made no progress for %.0f s and is ended", self.pid, patience)
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                return

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        async for raw in self._process.stderr:
            line = raw.decode("utf-8", "replace").rstrip()
            if not line:
                continue
            self._last_lines.append(line)
            level, _, text = line.partition(" ")
            _log.log(_LEVELS.get(level, logging.WARNING), "pictures: %s", text if level in _LEVELS else line)

    async def _obituary(self, what: str) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._process.wait()
        # What it logged may still be on its way through the pipe.
        await asyncio.sleep(0.05)
        said = f": {self._last_lines[-1][:300]}" if self._last_lines else ""
        return f"{what} (exit status {self._process.returncode}){said}"

    async def stop(self) -> None:
        """End the process and release everything. Running pictures get `ChildDied`."""
        self._over = True
        if self._writer is not None:
            self._writer.close()
        try:
            async with asyncio.timeout(STOP_S if self._writer is not None else 0):
                await self._process.wait()
        except TimeoutError:
            await child.kill(self._process)
        await self._end()
        for task in self._tasks[1:]:
            task.cancel()
        # The log ends by itself with the process that wrote it.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.loaded.done() and not self.loaded.cancelled():
            self.loaded.exception()


async def _spawn(socket: Path) -> asyncio.subprocess.Process:
    return await child.spawn(
        "workers.engines.image.sdxl.server.main",
        str(socket),
        str(os.getpid()),
        inherit=("MKL_", "TORCH", "PYTORCH_", "TRITON_", "XDG_CACHE_HOME"),
        environment={
            # Models are files here. Nothing is looked up elsewhere, and nothing is told to anybody.
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "TQDM_DISABLE": "1",
            "TRANSFORMERS_VERBOSITY": "error",
            "DIFFUSERS_VERBOSITY": "error",
            "TOKENIZERS_PARALLELISM": "false",
            # Sizes vary from batch to batch; without this, memory that is free lies in pieces too small.
            "PYTORCH_CUDA_ALLOC_CONF": os.environ.get("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"),
        },
    )
