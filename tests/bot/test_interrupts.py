"""Ctrl-C at any moment, also twice: exit code 0 or 130, and no traceback."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from bot.stack.embedded import EmbeddedStack
from tests.bot.test_running import ROOT, environment, fresh_home, home, until_gone, until_running

__all__ = ["fresh_home", "home"]

TELEGRAM = {"TELEGRAM_TOKEN": "123456789:" + "a" * 35, "TELEGRAM_API_URL": "http://127.0.0.1:1"}
BAD_WORDS = ("Traceback", "KeyboardInterrupt", "Aborted", "Exception ignored", "Task was destroyed")


@pytest.fixture(autouse=True)
def interruptible() -> Generator[None]:
    """Children start as from an interactive shell: in a background job they would inherit that SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupted:
    """A `storyfork` command as the foreground job of a terminal, which a person interrupts."""

    def __init__(self, home: Path, *arguments: str, **settings: str) -> None:
        self._output = home.parent / "output"
        with self._output.open("wb") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bot", *arguments],
                cwd=home.parent,
                env=environment(home, **settings),
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def press_ctrl_c(self) -> None:
        """SIGINT to the whole group, as a terminal sends it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)

    async def keep_pressing(self) -> None:
        """Ctrl-C every few milliseconds until it has ended."""
        await asyncio.to_thread(self._press_until_it_ends)

    async def ends(self) -> None:
        """Wait for the end, and look at how it was."""
        code = await asyncio.to_thread(self._process.wait, 60)
        output = await asyncio.to_thread(self._output.read_text)
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert [word for word in BAD_WORDS if word in output] == [], output
        assert code in {0, 130}, output

    def _press_until_it_ends(self) -> None:
        while self._process.poll() is None:
            self.press_ctrl_c()
            time.sleep(0.003)


async def test_a_second_ctrl_c_while_demo_shuts_down(home: Path) -> None:
    demo = Interrupted(home, "demo")
    await until_running(home, "postgres", "valkey-server", "workers run", "bot bot --platform console")
    await demo.keep_pressing()
    await demo.ends()
    await until_gone(home)


async def test_a_second_ctrl_c_while_up_shuts_down(home: Path) -> None:
    up = Interrupted(home, "up", **TELEGRAM)
    await until_running(home, "postgres", "valkey-server", "workers run", "bot bot --platform telegram")
    await up.keep_pressing()
    await up.ends()
    await until_gone(home)


@pytest.mark.parametrize("command", [("worker", "--queue", "cpu"), ("bot", "--platform", "telegram")])
async def test_a_second_ctrl_c_while_a_part_shuts_down(
    stack: EmbeddedStack, migrated: str, home: Path, command: tuple[str, ...]
) -> None:
    part = Interrupted(home, *command, DATABASE_URL=migrated, REDIS_URL=stack.redis_url, **TELEGRAM)
    await until_running(home, " ".join(("run", *command[1:])) if command[0] == "worker" else " ".join(command))
    await asyncio.sleep(1)
    await part.keep_pressing()
    await part.ends()


@pytest.mark.parametrize("after", [0.2, 0.4, 0.7, 1.0, 1.3])
async def test_ctrl_c_while_demo_starts(fresh_home: Path, after: float) -> None:
    demo = Interrupted(fresh_home, "demo")
    await asyncio.sleep(after)
    demo.press_ctrl_c()
    await demo.ends()
    await until_gone(fresh_home)


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", script]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


PRESS = "import os, signal\ndef press(*_): os.kill(os.getpid(), signal.SIGINT)\n"


@pytest.mark.parametrize(("program", "module"), [("bot", "bot.cli.app"), ("workers", "workers.commands.main")])
def test_ctrl_c_while_the_program_loads(program: str, module: str) -> None:
    done = run_script(
        PRESS
        + f"""
import sys
class Presses:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            press()
sys.meta_path.insert(0, Presses())
from {program}.__main__ import main
sys.argv = ["storyfork", "--help"]
main()
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("moment", ["executor", "exit", "finalization"])
def test_ctrl_c_after_the_work_is_done(moment: str) -> None:
    done = run_script(
        PRESS
        + f"""
import asyncio, atexit, sys, time
from bot.cli.signals import run_to_end
class AtFinalization:
    def __del__(self, press=press): press()
async def work():
    if {moment!r} == "executor":
        asyncio.get_running_loop().run_in_executor(None, lambda: (time.sleep(0.3), press()))
    return 7
if {moment!r} == "exit":
    atexit.register(press)
if {moment!r} == "finalization":
    sys.kept = AtFinalization()
sys.exit(run_to_end(work()))
"""
    )
    assert (done.returncode, done.stderr) == (130 if moment == "executor" else 7, "")


async def test_work_that_fails_because_its_children_were_interrupted_too() -> None:
    done = await asyncio.to_thread(
        run_script,
        PRESS
        + """
import asyncio, sys
from bot.cli.signals import run_until_signalled
from bot.stack.errors import StackError
async def work():
    try:
        press()
        await asyncio.sleep(30)
    finally:
        raise StackError("psql ended by signal 2")
run_until_signalled(work())
""",
    )
    assert (done.returncode, done.stderr) == (130, "")
