"""The program that a model process runs, and how it is started."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import workers
from workers.engines.errors import EngineUnavailable
from workers.engines.processes.messages import Wire

START_S = 60.0
"""Seconds for the interpreter to start."""
_INHERITED = (
    "PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_",
    "OMP_", "VIRTUAL_ENV",
)  # fmt: skip
_ROOT = str(Path(workers.__path__[0]).resolve().parent)


@dataclass(frozen=True, slots=True)
class Program:
    """``python -m module``, which serves one model by the messages of ``wire``.

    It inherits only the environment that it needs, no tokens or keys: variables of the system and the GPU, those that
    begin with one of ``inherit``, and ``environment``. While loading it may be silent for ``loading_s`` seconds, if
    that exceeds the usual limit.
    """

    module: str
    wire: Wire[Any, Any]
    inherit: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    loading_s: float = 0.0

    def variables(self) -> dict[str, str]:
        """Return the environment of the process; its resources, such as the visible GPUs, may depend on it."""
        prefixes = (*_INHERITED, *self.inherit)
        return {
            **{name: value for name, value in os.environ.items() if name.startswith(prefixes)},
            **self.environment,
            "PYTHONPATH": os.pathsep.join([_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONUNBUFFERED": "1",
        }

    async def spawn(self, *arguments: str, stderr: IO[bytes]) -> asyncio.subprocess.Process:
        """Start the process with its standard output in a pipe."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.module,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env=self.variables(),
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
    """Kill ``process`` and wait until it has ended."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
