"""Real processes for journeys: workers and bots as operators run them, started, killed and stopped by tests."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.limit_settings import LimitSettings
from bot.stack.home import StackUrls
from db.environment import variables_of

ROOT = Path(__file__).parents[2]


class Program:
    """One of our programs as a process; ``log`` is the file of its output."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name, self.log = name, log
        self._arguments, self._environment = arguments, environment
        self._process: asyncio.subprocess.Process | None = None

    def twin(self, name: str, module: str = "") -> "Program":
        """Another program like this one, with a log of its own; ``module`` is run instead of this one's."""
        arguments = [module or self._arguments[0], *self._arguments[1:]]
        return Program(name, arguments, self._environment, self.log.with_name(f"{name}.log"))

    async def start(self) -> None:
        """Start the process, appending to its log."""
        with self.log.open("ab") as output:
            starting = asyncio.create_task(
                asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    *self._arguments,
                    cwd=ROOT,
                    env={**os.environ, **self._environment},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            )
            try:
                await asyncio.shield(starting)
            finally:
                # Whoever is cancelled here must know of the process, or nobody would ever end it.
                self._process = await starting

    async def stop(self, number: int = signal.SIGTERM, patience: float = 30.0) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await asyncio.wait_for(self._process.wait(), patience)

    def send(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        await self.stop(signal.SIGKILL)

    async def end(self, patience: float = 15.0) -> bool:
        """Ask it to end (SIGTERM), even when cancelled; False if it had to be killed after ``patience`` seconds."""
        if not self.running:
            return True
        try:
            await self.stop(patience=patience)
        except (TimeoutError, asyncio.CancelledError) as e:
            await self.kill()
            if isinstance(e, asyncio.CancelledError):
                raise
            return False
        return True

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def output(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def environment(urls: StackUrls, home: Path, **more: str) -> dict[str, str]:
    """The settings of a service on these servers: no model unless ``more`` names one or its engine, and no limits.

    People here are faster than any person.
    """
    return {
        **{variable: "0" for variable in variables_of(LimitSettings) if not variable.endswith("FACTOR")},
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "STORYFORK_HOME": str(home),
        "STORYFORK_MODELS_DIR": str(home / "models"),
        "STORYFORK_EMBEDDING_ENGINES": "remote,llama",
        **more,
    }


@asynccontextmanager
async def running(*programs: Program) -> AsyncGenerator[None]:
    """Run programs for the length of the block; their logs are shown when it fails."""
    try:
        for program in programs:
            await program.start()
        yield
    except BaseException:
        _show(programs)
        raise
    finally:
        await asyncio.gather(*(program.end() for program in programs))


@asynccontextmanager
async def serving(request: pytest.FixtureRequest, *programs: Program) -> AsyncGenerator[None]:
    """Run programs for all tests of a fixture's scope; their logs are shown when one of these has failed."""
    failed = request.session.testsfailed
    async with running(*programs):
        yield
        if request.session.testsfailed > failed:
            _show(programs)


def _show(programs: Sequence[Program]) -> None:
    for program in programs:
        sys.stderr.write(f"--- {program.name} ---\n{program.output()[-8000:]}\n")


def worker(urls: StackUrls, home: Path, number: int = 1, **more: str) -> Program:
    """A worker of the cpu queue."""
    return Program(
        f"worker-{number}", ["workers", "run"], environment(urls, home, **more), home / f"worker-{number}.log"
    )


def bot(urls: StackUrls, home: Path, *platforms: str, **more: str) -> Program:
    """A bot process for the named platforms."""
    options = [word for name in platforms for word in ("--platform", name)]
    log = home / f"bot-{'-'.join(platforms)}.log"
    return Program("bot", ["bot", "bot", *options], environment(urls, home, **more), log)
