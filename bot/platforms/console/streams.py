"""Pipes and files for asyncio: read line by line, written without blocking the loop."""

import asyncio
import contextlib
import io
import os
import queue
import threading
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable
from typing import Final, TextIO, TypeVar

_CHUNK: Final = 65536
T = TypeVar("T")


class _Caller:
    """Runs blocking calls one after another in a daemon thread, so that none of them can hold up the exit."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._name = name
        self._started = False

    async def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` in the thread; return its result or raise its exception."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # pyright: ignore[reportArgumentType]

        def run() -> None:
            result, error = None, None
            try:
                result = function()
            except (OSError, ValueError) as e:
                error = e
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(settle, result, error)

        if not self._started:
            self._started = True
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        self._calls.put(run)
        return await future

    def _work(self) -> None:
        while True:
            self._calls.get()()


class LineReader:
    """Reads lines from a pipe, a file or a terminal. Reads only when a line is requested."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        # The file descriptor itself: a thread that holds the stream's lock at exit would abort the interpreter.
        self._fd = _descriptor(stream)
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._caller = _Caller("console-reader")
        self._lines: deque[str] = deque()
        self._partial = ""
        self._ended = stream is None

    async def readline(self) -> str | None:
        """Return the next line without its end, or None at the end of the input."""
        while not self._lines and not self._ended:
            try:
                data = await self._caller.call(self._read)
            except (OSError, ValueError):
                data = ""
                self._ended = True
            *lines, self._partial = (self._partial + data).replace("\r\n", "\n").split("\n")
            self._lines.extend(lines)
            if self._ended and self._partial:
                self._lines.append(self._partial)
                self._partial = ""
        return self._lines.popleft() if self._lines else None

    def _read(self) -> str:
        if self._fd is None:
            data = self._stream.read(_CHUNK) if self._stream is not None else ""
            self._ended = not data
            return data
        chunk = os.read(self._fd, _CHUNK)
        self._ended = not chunk
        return self._decoder.decode(chunk, final=self._ended)


class LineWriter:
    """Writes text to a pipe, a file or a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._encoding = stream.encoding or "utf-8"
        self._caller = _Caller("console-writer")

    async def write(self, text: str) -> None:
        """Write and flush. Raises `OSError` when the reader is gone."""
        await self._caller.call(lambda: self._write(text))

    def _write(self, text: str) -> None:
        self._stream.flush()
        if self._fd is None:
            self._stream.write(text)
            self._stream.flush()
            return
        data = memoryview(text.encode(self._encoding, "replace"))
        while data:
            data = data[os.write(self._fd, data) :]


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return stream.fileno() if stream is not None else None
    except (OSError, ValueError, io.UnsupportedOperation):
        return None
