"""A person at a (pseudo) terminal."""

import asyncio
import contextlib
import os
import signal
import stat
import tempfile
import termios
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.events import ButtonPress, Command, TextMessage
from bot.platforms.console import ConsolePlatform
from tests.bot.console.doubles import Machine, Seat, pseudo_terminal, registry


@pytest.fixture(autouse=True)
def capable_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


@dataclass
class Sitting:
    seat: Seat
    platform: ConsolePlatform
    machine: Machine
    running: asyncio.Task[None]


@contextlib.asynccontextmanager
async def sitting(history: Path | None = None, delay: float = 0.0) -> AsyncGenerator[Sitting]:
    """A person in front of a console that has just been opened; the terminal is left as it was found."""
    async with pseudo_terminal() as (seat, stdin, stdout):
        before = termios.tcgetattr(stdin)
        platform = ConsolePlatform(registry(), history=history, stdin=stdin, stdout=stdout, user="ada")
        machine = Machine(platform, delay)
        running = asyncio.create_task(platform.run(machine))
        try:
            await seat.sees("/quit leaves")
            await seat.sees("> ")
            yield Sitting(seat, platform, machine, running)
            await asyncio.wait_for(running, 5)
            assert termios.tcgetattr(stdin) == before
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_story_with_progress_and_ctrl_d(tmp_path: Path) -> None:
    history = tmp_path / "state" / "history"
    async with sitting(history, delay=0.8) as here:
        here.seat.type("/story new a keeper\r")
        await here.seat.sees("10 % · writing")
        await here.seat.sees("50 % · writing")
        await here.seat.sees("── The Keeper ───")
        await here.seat.sees("[1] [2]  back")
        here.machine.delay = 0
        here.seat.type("2\r")
        await here.seat.sees("▸ you chose: Listen first")
        await here.seat.sees("The door opens.")
        here.seat.type("\x04")
    assert [e.payload for e in here.machine.events] == [
        Command(name="story new", rest="a keeper"),
        ButtonPress(data="1.choose.1.1.2", offered=True),
    ]
    assert "+/story new a keeper" in history.read_text()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


async def test_typing_goes_on_while_an_answer_comes() -> None:
    async with sitting(delay=0.4) as here:
        here.seat.type("hello\r")
        await here.seat.sees("10 % · writing")
        here.seat.type("half a li")
        await here.seat.sees("Mira: you said hello")
        here.seat.type("ne\r")
        await here.seat.sees("Mira: you said half a line")
        here.seat.type("/quit\r")
    assert [e.payload for e in here.machine.events] == [TextMessage(text="hello"), TextMessage(text="half a line")]


async def test_completion_of_names_values_and_suggestions() -> None:
    async with sitting() as here:
        here.seat.type("/story c")
        await here.seat.sees("/story continue")
        here.seat.type("\t the o")
        await here.seat.until(lambda: ("story", "the o") in here.machine.completed)
        await here.seat.sees("The Orchard")
        here.seat.type("\t\r")
        await here.seat.until(lambda: len(here.machine.events) == 1)
        here.seat.type("/story new a keeper gen")
        await here.seat.sees("genre=")
        here.seat.type("\tsci")
        await here.seat.sees("Science fiction")
        here.seat.type("\t\r")
        await here.seat.until(lambda: len(here.machine.events) == 2)
        here.seat.type("\x04")
    assert [e.payload for e in here.machine.events] == [
        Command(name="story continue", rest="#13"),
        Command(name="story new", values={"genre": "science fiction"}, rest="a keeper"),
    ]


async def test_ctrl_c_clears_the_line_and_leaves_the_second_time() -> None:
    async with sitting() as here:
        here.seat.type("never said\x03")
        await here.seat.sees("Ctrl-C again leaves")
        here.seat.type("said\r")
        await here.seat.sees("Mira: you said said")
        here.seat.type("\x03")
        await here.seat.until(lambda: here.seat.seen.count("Ctrl-C again leaves") >= 2)
        assert not here.running.done()
        here.seat.type("\x03")
    assert [e.payload for e in here.machine.events] == [TextMessage(text="said")]


async def test_question_becomes_the_prompt() -> None:
    async with sitting() as here:
        here.seat.type("/story new\r")
        await here.seat.sees("Premise> ")
        here.seat.type("\x04")


async def test_cancelled_run_gives_the_terminal_back() -> None:
    async with pseudo_terminal() as (seat, stdin, stdout):
        before = termios.tcgetattr(stdin)
        platform = ConsolePlatform(registry(), stdin=stdin, stdout=stdout)
        running = asyncio.create_task(platform.run(Machine(platform)))
        await seat.sees("> ")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert running.cancelled()
        assert termios.tcgetattr(stdin) == before


async def test_terminal_with_output_to_a_file_is_plain_and_ctrl_c_leaves_the_second_time() -> None:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        async with pseudo_terminal() as (seat, stdin, _):
            platform = ConsolePlatform(registry(), stdin=stdin, stdout=output)
            machine = Machine(platform)
            before = signal.getsignal(signal.SIGINT)
            running = asyncio.create_task(platform.run(machine))
            while await platform.check_ready():
                await asyncio.sleep(0.01)
            seat.type("/help\n")
            await seat.until(lambda: bool(machine.recorded))
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.1)
            assert not running.done()
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.wait_for(running, 5)
            assert signal.getsignal(signal.SIGINT) is before
        output.seek(0)
        assert output.read() == "\n! All there is\n"
