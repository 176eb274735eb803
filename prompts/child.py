"""Disposable child processes for work that may exhaust time or memory, killed after a timeout."""

import asyncio
import atexit
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

from prompts.errors import PromptInvalid, PromptLimitExceeded
from prompts.frames import decode_frame, encode_frame

START_S: Final = 15.0
REQUESTS_PER_CHILD: Final = 200
WALL_S: Final = 1.0
"""Maximum time for one rendering."""
MAX_REQUEST_BYTES: Final = 1024 * 1024
_ROOT: Final = str(Path(__file__).resolve().parents[1])
T = TypeVar("T")


class ChildFailed(Exception):
    """The child did not start, died or timed out; it no longer runs."""


class ChildNotStarted(ChildFailed):
    """The child did not start in time: the machine is busy, whatever was to be done."""


class DisposableChild:
    """One child process. It is started when first needed, reused, and killed when it breaks a limit.

    Blocking; use it from one thread at a time.
    """

    def __init__(self, program: Path) -> None:
        """``program`` is a file that calls `prompts.frames.serve_frames`."""
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = 0
        self._interrupted = False

    def ask(self, request: bytes, timeout_s: float) -> dict[str, Any]:
        """Return the JSON that `exchange` returns."""
        return self.exchange(request, timeout_s)[0]

    def exchange(self, request: bytes, timeout_s: float) -> tuple[dict[str, Any], bytes]:
        """Send a frame and return the reply's JSON and bytes.

        Raises `ChildFailed` after ``timeout_s`` seconds, or if the child dies or is interrupted.
        """
        process = self._ready_process()
        self._requests += 1
        # Looked at only now: an interruption either sees the process and kills it, or is seen here.
        reply = None if self._interrupted else self._exchange(process, request, timeout_s)
        if reply is None:
            self.kill()
            raise ChildFailed(f"not done within {timeout_s:g} s of time and its memory")
        return reply

    def interrupt(self) -> None:
        """Make the running request, and all others until `resume`, fail. May be called from any thread."""
        self._interrupted = True
        if (process := self._process) is not None:
            process.kill()

    def resume(self) -> None:
        """Take requests again."""
        self._interrupted = False

    def kill(self) -> None:
        """Kill the child, if any, and reap it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()

    def _ready_process(self) -> subprocess.Popen[bytes]:
        if self._process is not None and (self._process.poll() is not None or self._requests >= REQUESTS_PER_CHILD):
            self.kill()
        if self._process is None:
            # An empty environment: the child cannot read this process's tokens and keys.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(self._program)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env={"PYTHONPATH": os.pathsep.join([_ROOT, *filter(None, sys.path)]), "PYTHONUTF8": "1"},
            )
            self._requests = 0
            if self._exchange(self._process, b"", START_S) is None:
                self.kill()
                raise ChildNotStarted("did not start")
        return self._process

    @staticmethod
    def _exchange(
        process: subprocess.Popen[bytes], request: bytes, timeout_s: float
    ) -> tuple[dict[str, Any], bytes] | None:
        """Write ``request`` and return the reply, or None if the child died or was too slow."""
        assert process.stdin is not None
        assert process.stdout is not None
        deadline = time.monotonic() + timeout_s
        received = bytearray()
        written = 0
        os.set_blocking(process.stdin.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if request:
                selector.register(process.stdin, selectors.EVENT_WRITE)
            while (left := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    if key.fileobj is process.stdin:
                        try:
                            written += os.write(process.stdin.fileno(), request[written : written + 65536])
                        except BrokenPipeError:
                            return None
                        if written >= len(request):
                            selector.unregister(process.stdin)
                        continue
                    data = os.read(process.stdout.fileno(), 65536)
                    if not data:
                        return None
                    received += data
                    if (reply := decode_frame(received)) is not None:
                        return reply
        return None


C = TypeVar("C", bound=DisposableChild)


class _Use(Generic[C]):
    """One run with a child: may be aborted from another thread, before, while and after it has the child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: C | None = None
        self._aborted = False

    def run(self, child: C, work: Callable[[C], T]) -> T:
        with self._lock:
            if self._aborted:
                raise ChildFailed("not wanted any more")
            child.resume()
            self._child = child
        try:
            return work(child)
        finally:
            with self._lock:
                self._child = None

    def abort(self) -> None:
        with self._lock:
            self._aborted = True
            if self._child is not None:
                self._child.interrupt()


class ChildPool(Generic[C]):
    """A few children, each with a thread of its own, so that one slow request delays few others."""

    def __init__(self, make: Callable[[], C], size: int = 2) -> None:
        """``make`` creates a child. The children end with this process."""
        self._make = make
        self._executor = ThreadPoolExecutor(size, thread_name_prefix="disposable-child")
        self._local = threading.local()
        self._children: list[C] = []
        atexit.register(self.close)

    async def run(self, work: Callable[[C], T]) -> T:
        """Run ``work`` with a child of its own and return its result. The child is killed if this is cancelled."""
        use: _Use[C] = _Use()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, use, work)
        except asyncio.CancelledError:
            use.abort()
            raise

    def _run(self, use: _Use[C], work: Callable[[C], T]) -> T:
        child: C | None = getattr(self._local, "child", None)
        if child is None:
            child = self._local.child = self._make()
            self._children.append(child)
        return use.run(child, work)

    def close(self) -> None:
        """Wait for running requests, which have a timeout, then end the children."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        for child in self._children:
            child.kill()


class RenderChild(DisposableChild):
    """A child that renders other people's templates (`prompts.sandbox`)."""

    def __init__(self) -> None:
        super().__init__(Path(__file__).with_name("sandbox.py"))

    def render(self, sources: Sequence[str], variables: Mapping[str, Any]) -> list[str]:
        """Render ``sources``. Raises `PromptLimitExceeded` and `PromptInvalid`."""
        request = encode_frame({"sources": list(sources), "variables": dict(variables)})
        if len(request) > MAX_REQUEST_BYTES:
            raise PromptLimitExceeded(f"the prompt's variables are longer than {MAX_REQUEST_BYTES // 1024} KiB")
        try:
            reply = self.ask(request, WALL_S)
        except ChildFailed as error:
            raise PromptLimitExceeded(f"the template was {error}") from error
        if "limit" in reply:
            # After running out of memory it may stay fragmented or held: a fresh child is cheap.
            self.kill()
            raise PromptLimitExceeded(str(reply["limit"]))
        if "error" in reply:
            raise PromptInvalid(str(reply["error"]))
        return cast("list[str]", reply["texts"])


@lru_cache(maxsize=1)
def render_pool() -> ChildPool[RenderChild]:
    """Return this process's pool of rendering children."""
    return ChildPool(RenderChild)
