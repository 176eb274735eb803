"""Model processes: what starting one, being one and ending one have in common, whatever the model.

A model runs in a Python process of its own, since native code may abort the process that it runs in. The process
listens on a unix socket, says ``ready`` on standard output, and ends with its parent.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import workers
from workers.engines.errors import EngineUnavailable

START_S = 60.0
"""Seconds for the interpreter to start."""
CONNECT_S = 30.0
"""Seconds within which the first client must connect."""
_SOCKET_PATH_MAX = 100
_INHERITED = (
    "PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_",
    "OMP_", "VIRTUAL_ENV",
)  # fmt: skip
_PR_SET_PDEATHSIG = 1
_ROOT = str(Path(workers.__path__[0]).resolve().parent)


def new_socket_folder() -> Path:
    """Make a new folder of this user's own, whose path leaves room for the name of a socket."""
    base = tempfile.gettempdir()
    if len(base) + 30 > _SOCKET_PATH_MAX:
        base = "/tmp"  # noqa: S108 - mkdtemp makes a private folder
    return Path(tempfile.mkdtemp(prefix="storyfork-", dir=base))


async def spawn(
    module: str,
    *arguments: str,
    inherit: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    stderr: int | IO[bytes] = asyncio.subprocess.PIPE,
) -> asyncio.subprocess.Process:
    """Run ``python -m module`` with its standard output in a pipe and as little of this environment as it needs.

    Tokens and keys are not passed on. Variables that begin with one of ``inherit`` are, besides those of the system
    and of the graphics card; ``environment`` is added.
    """
    prefixes = (*_INHERITED, *inherit)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env={
            **{name: value for name, value in os.environ.items() if name.startswith(prefixes)},
            **(environment or {}),
            "PYTHONPATH": os.pathsep.join([_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONUNBUFFERED": "1",
        },
    )


async def connect(
    process: asyncio.subprocess.Process, socket: Path
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Wait until ``process`` listens and connect to it. Raises `EngineUnavailable` with what went wrong."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            if await process.stdout.readline() == b"ready\n":
                return await asyncio.open_unix_connection(str(socket))
            raise EngineUnavailable(f"exit status {await process.wait()}")
    except (TimeoutError, OSError) as error:
        raise EngineUnavailable(repr(error)) from error


async def kill(process: asyncio.subprocess.Process) -> None:
    """End ``process`` at once."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def say_ready() -> None:
    """Tell whoever started this process that it listens; he may be gone."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), b"ready\n")


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends (Linux); elsewhere the closed socket does it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def settle() -> None:
    """Make this process one that serves others: deaf to terminals, without core dumps, its log on standard error."""
    # Clients drain their work when they are told to stop; they need this process until they close the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")
