"""Lines from a pipe: played one by one, answered in order, plain."""

import asyncio
import contextlib
import io
import os
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from bot.commands.base import CommandRegistry
from bot.events import ButtonPress, Command, TextMessage
from bot.messages import Message
from bot.platforms.base import RetryLater
from bot.platforms.console import ConsolePlatform
from bot.platforms.console.streams import LineWriter
from tests.bot.console.doubles import PAGE, Machine, registry
from tests.topics import product_topics


@dataclass
class Pipes:
    platform: ConsolePlatform
    machine: Machine
    script: int
    output: TextIO

    def text(self) -> str:
        self.output.seek(0)
        return self.output.read()


@contextlib.contextmanager
def pipes(line_timeout: float = 5.0, delay: float = 0.0, commands: CommandRegistry | None = None) -> Generator[Pipes]:
    """A console between a pipe and a file."""
    read, write = os.pipe()
    with os.fdopen(read) as stdin, tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        known = registry() if commands is None else commands
        platform = ConsolePlatform(known, stdin=stdin, stdout=output, user="ada", line_timeout=line_timeout)
        yield Pipes(platform, Machine(platform, delay), write, output)


async def play(script: str, line_timeout: float = 5.0, delay: float = 0.0) -> tuple[str, Machine]:
    with pipes(line_timeout, delay) as console:
        os.write(console.script, script.encode())
        os.close(console.script)
        await console.platform.run(console.machine)
        return console.text(), console.machine


@pytest.mark.parametrize("delay", [0.0, 0.1], ids=["at once", "later"])
async def test_story(delay: float) -> None:
    text, machine = await play("# a comment\n\n/story new a keeper mode=solo\n1\nhello\n", delay=delay)
    assert text == (
        "\n> /story new a keeper mode=solo\n"
        "\n── The Keeper ──\nThe lamp goes out.\n\nSomething knocks.\n\n  1. Open the door\n  2. Listen first\n\n"
        "page 1\n[1] [2]  back\n"
        "\n> 1\n▸ 1. Open the door\n\n── Below ──\nThe door opens.\n"
        "\n> hello\n\nMira: you said hello\n"
    )
    assert "\x1b" not in text
    assert [e.payload for e in machine.events] == [
        Command(name="story new", values={"mode": "solo"}, rest="a keeper"),
        ButtonPress(data="1.choose.1.1.1", offered=True),
        TextMessage(text="hello"),
    ]
    assert machine.events[1].destination.pressed_message == "console-1"
    assert machine.recorded == ["console-1", "console-3", "console-4"]  # row 2 is the mark
    assert machine.platform.exit_code == 0


async def test_a_file_is_named_behind_a_command_that_is_about_one(tmp_path: Path) -> None:
    guide = tmp_path / "The gate.md"
    guide.write_text("It opens at dawn.")
    os.mkfifo(pipe := tmp_path / "pipe.md")
    lines = (
        f"/archive add {guide} for=place",
        f'/archive add file="{guide}" Gate',
        "/archive add",
        "/archive add x.md",
        "/archive add ~nobody-of-that-name/x.md",
        f"/archive add {pipe}",
        f"/archive add {guide} persona=Vex title=The gate at dawn",
    )
    with pipes(line_timeout=0.2, commands=product_topics().commands) as console:
        os.write(console.script, "\n".join(lines).encode())
        os.close(console.script)
        await console.platform.run(console.machine)
    typed = [event.payload for event in console.machine.events]
    assert all(isinstance(each, Command) for each in typed)
    files = [each.file for each in typed if isinstance(each, Command) and each.file is not None]
    assert [(f.name, f.data, f.problem) for f in files] == [
        ("The gate.md", b"It opens at dawn.", ""),
        ("The gate.md", b"It opens at dawn.", ""),
        ("", b"", "attachment.no_path"),
        ("x.md", b"", "attachment.no_file"),
        ("x.md", b"", "attachment.no_file"),
        ("pipe.md", b"", "attachment.no_file"),
        ("The gate.md", b"It opens at dawn.", ""),
    ]
    assert [each.rest for each in typed if isinstance(each, Command)] == ["", "Gate", "", "", "", "", ""]
    last = typed[-1]
    assert isinstance(last, Command)
    assert last.values == {"persona": "Vex", "title": "The gate at dawn"}


async def test_events() -> None:
    _, machine = await play("/help\n/help\n")
    first, second = machine.events
    assert first.event_id != second.event_id
    assert (first.platform, first.account.kind, first.account.external_id) == ("console", "console", "ada")
    assert first.user.role == "owner"
    assert (first.conversation.chat_id, first.destination.kind) == ("console", "dm")


async def test_last_line_without_end_and_crlf() -> None:
    _, machine = await play("/help\r\nhä")
    assert machine.events[1].payload == TextMessage(text="hä")


async def test_quit_ends_the_script() -> None:
    text, machine = await play("/help\n/quit\n/help\n")
    assert len(machine.events) == 1
    assert text.endswith("> /quit\n")


async def test_silent_refused_and_mark_alone_do_not_hold_up_the_script() -> None:
    text, machine = await play("hush\nno\n/story list\nback\n/help\n")
    assert "! The database is away.\n" in text
    assert text.endswith("! All there is\n")
    assert len(machine.events) == 5
    assert machine.platform.exit_code == 0


async def test_unanswered_line_is_said_and_the_script_goes_on() -> None:
    text, machine = await play("lost\n/help\n", line_timeout=0.2)
    assert "! No answer within 0.2 s.\n" in text
    assert "! All there is\n" in text
    assert machine.platform.exit_code == 1


async def test_wrong_number_stays_local() -> None:
    text, machine = await play("/story list\n7\n/story\n")
    assert "! There is no 7 here. There is: [1] [2]  back\n" in text
    assert "/story continue [story…] – Go on" in text
    assert len(machine.events) == 1


async def test_question_is_answered_by_the_next_line() -> None:
    text, machine = await play("/story list\n/story new\n1\n1\n")
    assert "What about?" in text
    assert [type(e.payload) for e in machine.events] == [Command, Command, TextMessage, ButtonPress]


async def test_row_is_printed_once_however_often_it_is_delivered() -> None:
    with pipes() as console:
        running = asyncio.create_task(console.platform.run(console.machine))
        os.write(console.script, b"/help\n")
        while not console.machine.recorded:
            await asyncio.sleep(0.01)
        event = console.machine.events[0]
        message = Message("twice?")
        for _ in range(2):
            await console.platform.deliver(console.machine.delivery(50, event), message)
        # Sent by a process that died before it could say so: its buttons work, nothing is printed again.
        earlier = console.machine.delivery(51, event)
        earlier.sent.append("console-51")
        await console.platform.deliver(earlier, PAGE)
        os.write(console.script, b"1\n")
        os.close(console.script)
        await running
        assert console.text().count("twice?") == 1
        assert "The Keeper" not in console.text()
        assert console.machine.events[1].destination.pressed_message == "console-51"


async def test_failed_record_is_made_up_for_without_printing_again() -> None:
    with pipes() as console:
        running = asyncio.create_task(console.platform.run(console.machine))
        while await console.platform.check_ready():
            await asyncio.sleep(0.01)
        event = console.platform._event(TextMessage(text="x"))
        delivery = console.machine.delivery(7, event)
        record = delivery.record

        async def away(message_id: str) -> None:
            raise OSError(message_id)

        delivery.record = away
        with pytest.raises(OSError, match="console-7"):
            await console.platform.deliver(delivery, PAGE)
        delivery.record = record
        await console.platform.deliver(delivery, PAGE)
        os.close(console.script)
        await running
        assert console.text().count("The Keeper") == 1
        assert console.machine.recorded == ["console-7"]


async def test_rows_wait_while_the_console_is_closed() -> None:
    with pipes() as console:
        os.close(console.script)
        event = console.platform._event(TextMessage(text="x"))
        assert await console.platform.check_ready()
        with pytest.raises(RetryLater):
            await console.platform.deliver(console.machine.delivery(1, event), PAGE)
        await console.platform.run(console.machine)
        with pytest.raises(RetryLater):
            await console.platform.deliver(console.machine.delivery(1, event), PAGE)


async def test_closed_output_ends_the_run() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as output:
        platform = ConsolePlatform(registry(), stdin=io.StringIO("/help\n/help\n"), stdout=output)
        machine = Machine(platform)
        await asyncio.wait_for(platform.run(machine), 5)
    assert machine.events == []


async def test_idle_reader_does_not_hold_up_cancellation() -> None:
    with pipes() as console:
        running = asyncio.create_task(console.platform.run(console.machine))
        while await console.platform.check_ready():
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 2)
        os.close(console.script)


async def test_a_blank_line_keeps_a_present_text_once() -> None:
    text, machine = await play("rename\n\n\nrename\n-\nrename\nThe hatch\n")
    answers = [e.payload for e in machine.events if e.payload != TextMessage(text="rename")]
    keep, clear = (
        ButtonPress(data="1.keep_field.note", offered=True),
        ButtonPress(data="1.skip_field.note", offered=True),
    )
    assert answers == [keep, clear, TextMessage(text="The hatch")]
    assert "│ The door\n\n⏎ Keep · - Clear\n" in text


async def test_an_edit_of_an_earlier_row_is_printed_anew() -> None:
    with pipes() as console:
        os.write(console.script, b"hello\n")
        os.close(console.script)
        await console.platform.run(console.machine)
        (event,), (before,) = console.machine.events, console.machine.recorded
        console.platform._screen = LineWriter(console.output)
        for _ in range(2):
            await console.platform.deliver(console.machine.delivery(9, event, edits=(before,)), Message("2 votes"))
        assert console.text().endswith("you said hello\n\n2 votes\n")
        assert console.machine.recorded == [before, "console-9"]
