"""The parent's side of the sandbox: child processes that render, and the clock that ends them."""

import atexit
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from struct import unpack
from typing import Any, cast

from prompts.errors import PromptInvalid, PromptLimitExceeded
from prompts.sandbox import encode_frame

WALL_S = 1.0
START_S = 15.0
MAX_REQUEST_BYTES = 1024 * 1024
RENDERS_PER_CHILD = 200


class RenderChild:
    """One child process. It is started when first needed, reused, and killed when it breaks a limit.

    Blocking, and for one thread at a time.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._renders = 0

    def render(self, sources: Sequence[str], variables: Mapping[str, Any]) -> list[str]:
        """Render ``sources``. Raises `PromptLimitExceeded` and `PromptInvalid`."""
        request = encode_frame({"sources": list(sources), "variables": dict(variables)})
        if len(request) > MAX_REQUEST_BYTES:
            raise PromptLimitExceeded(f"the prompt's variables are longer than {MAX_REQUEST_BYTES // 1024} KiB")
        process = self._ready_process()
        self._renders += 1
        reply = self._exchange(process, request, WALL_S)
        if reply is None:
            self.kill()
            raise PromptLimitExceeded(f"the template did not finish within {WALL_S:g} s of time and its memory")
        if "limit" in reply:
            # Memory that ran out once may be fragmented or held: a fresh child costs little.
            self.kill()
            raise PromptLimitExceeded(str(reply["limit"]))
        if "error" in reply:
            raise PromptInvalid(str(reply["error"]))
        return cast("list[str]", reply["texts"])

    def kill(self) -> None:
        """End the child, if there is one, and reap it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()

    def _ready_process(self) -> subprocess.Popen[bytes]:
        if self._process is not None and (self._process.poll() is not None or self._renders >= RENDERS_PER_CHILD):
            self.kill()
        if self._process is None:
            # An empty environment: no token or key of this process is within a template's reach.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("sandbox.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONUTF8": "1"},
            )
            self._renders = 0
            if self._exchange(self._process, b"", START_S) is None:
                self.kill()
                raise PromptLimitExceeded("the prompt sandbox did not start")
        return self._process

    @staticmethod
    def _exchange(process: subprocess.Popen[bytes], request: bytes, timeout_s: float) -> dict[str, Any] | None:
        """Write ``request`` and return the reply frame, or None if the child died or was too slow."""
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
                    if len(received) >= 4 and len(received) >= 4 + unpack(">I", received[:4])[0]:
                        return cast("dict[str, Any]", json.loads(bytes(received[4:])))
        return None


class RenderPool:
    """A few children, each with a thread of its own, so that one slow template delays few others."""

    def __init__(self, size: int = 2) -> None:
        self.executor = ThreadPoolExecutor(size, thread_name_prefix="prompt-sandbox")
        self._local = threading.local()
        self._children: list[RenderChild] = []

    def render(self, sources: Sequence[str], variables: Mapping[str, Any]) -> list[str]:
        """Render in this thread's child; to be called in `executor` only."""
        child: RenderChild | None = getattr(self._local, "child", None)
        if child is None:
            child = self._local.child = RenderChild()
            self._children.append(child)
        return child.render(sources, variables)

    def close(self) -> None:
        """Wait for running renders (each at most `WALL_S`), then end the children."""
        self.executor.shutdown(wait=True, cancel_futures=True)
        for child in self._children:
            child.kill()


@lru_cache(maxsize=1)
def render_pool() -> RenderPool:
    """Return this process's pool; its children end with the process."""
    pool = RenderPool()
    atexit.register(pool.close)
    return pool
