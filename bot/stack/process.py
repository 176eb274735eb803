"""One child process: started through the launcher, with its output redirected, stopped with a grace period."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bot.stack.errors import StackError
from bot.stack.logs import keep_bounded, log_tail, open_log

LAUNCHER = Path(__file__).with_name("launch.py")
READ_CHUNK_BYTES = 64 * 1024

Output = Path | Literal["terminal", "prefix"]
"""Destination of a child's stdout and stderr: a log file, our terminal, or our stderr with its name on each line."""


@dataclass(frozen=True)
class ProcessSpec:
    """What to run and how to stop it. Durations in seconds."""

    name: str
    argv: tuple[str, ...]
    output: Output
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Added to our own environment."""
    cwd: Path | None = None
    user: str | None = None
    """The system user to run as; only root may set it."""
    foreground: bool = False
    """Shares our terminal and process group: the console."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10.0
    """After this long the whole process group is killed."""
    death_signal: signal.Signals = signal.SIGKILL
    """The signal that the kernel sends if we die without stopping it."""
    watch: bool = False
    """Keep the launcher between us and the program, as required on systems other than Linux."""
    before_start: Callable[[], Awaitable[None]] | None = None
    """Cleans up after an earlier run; also called before each restart."""
    ready: Callable[[int], Awaitable[bool]] | None = None
    """Called with the pid until it returns True; without it the process is ready as soon as it runs."""
    ready_timeout: float = 30.0


class ManagedProcess:
    """A running child process. Restarts are up to the supervisor."""

    def __init__(self, spec: ProcessSpec, process: asyncio.subprocess.Process, pump: asyncio.Task[None] | None) -> None:
        self.spec = spec
        self._process = process
        self._pump = pump
        self._log_keeper: asyncio.Task[None] | None = None
        if isinstance(spec.output, Path):
            self._log_keeper = asyncio.create_task(keep_bounded(spec.output))

    @property
    def pid(self) -> int:
        """The child's process id (the program's own on Linux)."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code: None while it runs, negative for the signal that ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it exits, and kill what is left of its process group."""
        code = await self._process.wait()
        if self._log_keeper is not None:
            self._log_keeper.cancel()
        if not self.spec.foreground:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if self._pump is not None:
            await self._pump
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the program alone, not its children. Does nothing if it has exited."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self) -> int:
        """Ask it to exit; kill the group after the grace period. Returns the exit code."""
        self.send_signal(self.spec.stop_signal)
        try:
            async with asyncio.timeout(self.spec.stop_timeout):
                return await self.wait()
        except TimeoutError:
            self.kill()
            return await self.wait()

    def kill(self) -> None:
        """Send SIGKILL to the child and its process group."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if self.spec.foreground:
                    self._process.kill()
                else:
                    os.killpg(self.pid, signal.SIGKILL)


async def start_process(spec: ProcessSpec) -> ManagedProcess:
    """Start `spec` and wait until it is ready.

    Raises:
        StackError: it cannot be started now (no more processes, no memory), or exited or timed out before it was
            ready; the message has the end of its log.
    """
    if spec.before_start is not None:
        await spec.before_start()
    command = [sys.executable, "-I", "-S", str(LAUNCHER), "--parent", str(os.getpid())]
    command += ["--death-signal", str(int(spec.death_signal))]
    if spec.user is not None:
        command += ["--user", spec.user]
    if spec.watch:
        command += ["--watch"]
    if spec.foreground:
        command += ["--foreground"]
    sink: int | None = None
    if isinstance(spec.output, Path):
        sink = await asyncio.to_thread(open_log, spec.output)
    elif spec.output == "prefix":
        sink = asyncio.subprocess.PIPE
    try:
        process = await _spawn(spec, command, sink)
    except OSError as error:
        raise StackError(f"Cannot start {spec.name}: {error.strerror or error}.") from None
    finally:
        if isinstance(spec.output, Path) and sink is not None:
            os.close(sink)
    pump: asyncio.Task[None] | None = None
    if process.stdout is not None:
        pump = asyncio.create_task(_prefix_lines(spec.name, process.stdout))
    managed = ManagedProcess(spec, process, pump)
    try:
        await _until_ready(managed)
    except BaseException:
        managed.kill()
        await managed.wait()
        raise
    return managed


async def run_to_end(spec: ProcessSpec) -> int:
    """Run a short helper program (initdb, psql …) in the same way; returns its exit code."""
    process = await start_process(spec)
    try:
        return await process.wait()
    except BaseException:
        process.kill()
        await process.wait()
        raise


async def last_lines(process: ManagedProcess) -> str:
    """Return what the log of a process ends with, as the continuation of a message; "" if it has no log of its own."""
    output = process.spec.output
    if not isinstance(output, Path):
        return ""
    return f" Its log, {output}, ends with:\n{await log_tail(output)}"


async def _spawn(spec: ProcessSpec, command: list[str], sink: int | None) -> asyncio.subprocess.Process:
    if spec.foreground:
        # The launcher inherits this and unblocks it: Ctrl-C must not interrupt it while it loads.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            "--",
            *spec.argv,
            stdin=None if spec.foreground else asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=asyncio.subprocess.STDOUT if sink is not None else None,
            env={**os.environ, **spec.env},
            cwd=spec.cwd,
            start_new_session=not spec.foreground,
        )
    finally:
        if spec.foreground:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


async def _until_ready(process: ManagedProcess) -> None:
    ready = process.spec.ready
    if ready is None:
        return
    name, delay = process.spec.name, 0.01
    try:
        async with asyncio.timeout(process.spec.ready_timeout):
            while not await ready(process.pid):
                if process.returncode is not None:
                    raise StackError(
                        f"{name} ended with code {process.returncode} while starting.{await last_lines(process)}"
                    )
                await asyncio.sleep(delay)
                delay = min(delay * 1.5, 0.2)
    except TimeoutError:
        raise StackError(
            f"{name} was not ready within {process.spec.ready_timeout:.0f} s.{await last_lines(process)}"
        ) from None


async def _prefix_lines(name: str, stream: asyncio.StreamReader) -> None:
    prefix = f"{name:<10} | ".encode()
    held = b""
    while chunk := await stream.read(READ_CHUNK_BYTES):
        *lines, held = (held + chunk).split(b"\n")
        await asyncio.to_thread(_emit, prefix, lines)
        if len(held) > READ_CHUNK_BYTES:
            await asyncio.to_thread(_emit, prefix, [held])
            held = b""
    if held:
        await asyncio.to_thread(_emit, prefix, [held])


def _emit(prefix: bytes, lines: list[bytes]) -> None:
    if lines:
        with contextlib.suppress(OSError):
            os.write(sys.stderr.fileno(), b"".join(prefix + line + b"\n" for line in lines))
