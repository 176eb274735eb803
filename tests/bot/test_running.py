"""`storyfork demo` and `up` as real processes: what they start, and that nothing of it stays behind."""

import asyncio
import contextlib
import os
import pty
import signal
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import psutil
import pytest

from bot.settings import BotSettings
from tests.effort import times
from tests.homes import HomeTemplate

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = [name.upper() for name in BotSettings.model_fields] + ["DATABASE_URL"]
START_SECONDS = 60.0


def environment(home: Path, **settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return {**inherited, "STORYFORK_HOME": str(home), "PYTHONPATH": str(ROOT), **settings}


def processes_of(home: Path) -> dict[int, str]:
    """Everything that was started for a data directory; zombies aside.

    Our own processes are known by their environment; the servers, which overwrite theirs, by where they work.
    """
    found: dict[int, str] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            ours = str(home) in f"{line} {process.cwd()}" or process.environ().get("STORYFORK_HOME") == str(home)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = line
    return found


async def until_running(home: Path, *words: str) -> dict[int, str]:
    found: dict[int, str] = {}
    try:
        async with asyncio.timeout(START_SECONDS):
            while not all(any(word in line for line in found.values()) for word in words):
                await asyncio.sleep(0.1)
                found = await asyncio.to_thread(processes_of, home)
    except TimeoutError:
        pytest.fail(f"of {words} only these run: {found}")
    return found


async def until_gone(home: Path) -> None:
    found: dict[int, str] = {}
    try:
        async with asyncio.timeout(START_SECONDS):
            while found := await asyncio.to_thread(processes_of, home):
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"these still run: {found}")


@pytest.fixture
async def fresh_home(tmp_path: Path) -> AsyncGenerator[Path]:
    """A data directory that does not exist yet."""
    yield tmp_path / "home"
    for pid in processes_of(tmp_path / "home"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def home(fresh_home: Path, template: HomeTemplate) -> Path:
    """A data directory with a database."""
    return template.copy_to(fresh_home)


async def start(home: Path, command: str, **settings: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        command,
        cwd=home.parent,
        env=environment(home, **settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


async def test_demo_plays_the_lines_it_is_given(fresh_home: Path) -> None:
    demo = await start(fresh_home, "demo")
    out, _ = await demo.communicate(b"/help\n/quit\n")
    assert demo.returncode == 0, out.decode()
    assert b"\x1b" not in out
    assert processes_of(fresh_home) == {}


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)[: times(2, 4)])
async def test_demo_leaves_nothing_behind(home: Path, number: signal.Signals) -> None:
    demo = await start(home, "demo")
    await until_running(home, "postgres", "valkey-server", "workers run", "bot bot --platform console")
    demo.send_signal(number)
    await demo.communicate()
    assert demo.returncode == (-9 if number is signal.SIGKILL else 128 + number)
    await until_gone(home)


async def test_ctrl_c_in_a_terminal_ends_everything(home: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(home.parent)
        os.execve(sys.executable, [sys.executable, "-m", "bot", "demo"], environment(home, TERM="xterm"))
    await until_running(home, "postgres", "valkey-server", "workers run", "bot bot --platform console")

    def type_ctrl_c_until_it_ends() -> int:
        for _ in range(100):
            with contextlib.suppress(OSError):
                os.write(terminal, b"\x03")
            with contextlib.suppress(OSError):
                os.set_blocking(terminal, False)
                while os.read(terminal, 65536):
                    pass
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.2)
        return -1

    code = await asyncio.to_thread(type_ctrl_c_until_it_ends)
    os.close(terminal)
    assert code in {0, 130}
    await until_gone(home)


async def test_up_runs_until_it_is_told_to_stop_and_restarts_what_crashes(home: Path) -> None:
    # Nobody listens at this address: the bot process runs and keeps trying.
    settings = {"TELEGRAM_TOKEN": "123456789:" + "a" * 35, "TELEGRAM_API_URL": "http://127.0.0.1:1"}
    up = await start(home, "up", **settings)
    parts = ("postgres", "valkey-server", "workers run --queue cpu", "bot bot --platform telegram")
    found = await until_running(home, *parts)
    worker = next(pid for pid, line in found.items() if "workers run" in line)
    os.kill(worker, signal.SIGKILL)
    async with asyncio.timeout(START_SECONDS):
        while not any(
            "workers run" in line and pid != worker
            for pid, line in (await asyncio.to_thread(processes_of, home)).items()
        ):
            await asyncio.sleep(0.1)
    up.terminate()
    out, _ = await up.communicate()
    assert up.returncode == 0, out.decode()
    assert b"worker-cpu ended (signal 9)" in out
    assert processes_of(home) == {}
