"""A small story machine in place of the router and the courier, and a terminal to sit at."""

import asyncio
import contextlib
import os
import re
import termios
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from bot.commands.base import CommandRegistry, CommandSpec, Parameter
from bot.events import ButtonPress, Command, Event, TextMessage
from bot.hearing import Overheard
from bot.messages import Button, Field, Form, Message, Progress
from bot.platforms.base import Backlog, Delivery, Outcome, Watched
from bot.platforms.console import ConsolePlatform
from db.permissions import EVERYBODY
from tests.bot.backlog import MemoryBacklog

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>78]|\r")


async def _nothing(*_: object) -> None:
    """Handlers are not called here: the events are what is looked at."""


async def _suggest_stories(enquiry: object, prefix: str) -> list[tuple[str, str]]:
    del enquiry, prefix
    return []


def registry() -> CommandRegistry:
    commands = CommandRegistry()
    genres = tuple((g.capitalize(), g) for g in ("fantasy", "mystery", "science fiction"))
    premise = Parameter("premise", "What it is about", required=True)
    mode = Parameter("mode", "Who chooses", choices=(("Only me", "solo"), ("Anyone", "open")))
    commands.add(
        CommandSpec(
            "story new",
            "Start",
            _nothing,
            (premise, Parameter("genre", "Kind", choices=genres), mode),
            permission=EVERYBODY,
        )
    )
    commands.add(CommandSpec("story list", "List", _nothing, permission=EVERYBODY))
    which = Parameter("story", "Which story", completes=_suggest_stories)
    commands.add(CommandSpec("story continue", "Go on", _nothing, (which,), permission=EVERYBODY))
    commands.add(CommandSpec("help", "Help", _nothing, permission=EVERYBODY))
    return commands


PAGE = Message(
    "The *lamp* goes out.\n\nSomething knocks.",
    title="The Keeper",
    choices=("Open the door", "Listen first"),
    footer="page 1",
    buttons=(
        (Button("1", "1.choose.1.1.1", "1"), Button("2", "1.choose.1.1.2", "2")),
        (Button("↩ Back", "1.back.1.1", "back"), Button("Retry", "1.retry.1.1", "retry", disabled=True)),
    ),
)


RENAME = Message(
    "Title?",
    asks=Field("title", "Title?", value="The door"),
    buttons=((Button("Keep", "1.keep_field.note", role="keep"), Button("Clear", "1.skip_field.note", role="clear")),),
)


@dataclass
class Machine:
    """Answers events like the real thing: soon, later, or not at all. Records what it was handed."""

    platform: ConsolePlatform
    delay: float = 0.0
    events: list[Event] = field(default_factory=list[Event])
    recorded: list[str] = field(default_factory=list[str])
    completed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    rows: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    backlog: Backlog = field(default_factory=MemoryBacklog)

    async def bury(self, event: Event) -> bool:
        return True

    async def group_moved(self, platform: str, old: str, new: str) -> bool:
        return True

    async def record_places(self, platform: str, present: Sequence[str]) -> list[str]:
        return []

    async def place_left(self, platform: str, place: str) -> bool:
        return True

    async def dispatch(self, event: Event) -> Outcome:
        self.events.append(event)
        payload = event.payload
        if isinstance(payload, TextMessage):
            if payload.text == "hush":
                return Outcome("silent")
            if payload.text == "no":
                return Outcome("refused", "The database is away.")
            if payload.text == "lost":
                return Outcome("working")
            if payload.text == "rename":
                return await self.answer(event, RENAME)
            return await self.answer(event, Message(f"you said {payload.text}", speaker="Mira"))
        if isinstance(payload, ButtonPress):
            if payload.data in ("1.keep_field.note", "1.skip_field.note"):
                return await self.answer(event, Message(payload.data))
            taken = int(payload.data[-1]) if ".choose." in payload.data else None
            marked = Message(PAGE.body, title=PAGE.title, choices=PAGE.choices, taken=taken)
            await self.send(event, marked, "mark", event.destination.pressed_message)
            if taken is None:
                return Outcome("answered")
            return await self.answer(event, Message("The door opens.", title="Below"))
        assert isinstance(payload, Command)
        if payload.name == "help":
            return await self.answer(event, Message("All there is", private=True))
        if payload.name == "story new" and not payload.rest:
            return await self.answer(event, Message("What about?", asks=Field("premise", "Premise", "a keeper")))
        return await self.answer(event, PAGE)

    async def answer(self, event: Event, message: Message) -> Outcome:
        if not self.delay:
            await self.send(event, message)
            return Outcome("answered")
        task = asyncio.create_task(self._later(event, message))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return Outcome("working")

    async def _later(self, event: Event, message: Message) -> None:
        for percent, text in ((10, ""), (50, "The lamp")):
            await asyncio.sleep(self.delay / 2)
            await self.platform.show_progress(event.destination, "", Progress("writing", percent, text=text))
        await self.send(event, message)

    async def send(self, event: Event, message: Message, kind: str = "page", edit: str = "") -> Delivery:
        self.rows += 1
        delivery = self.delivery(self.rows, event, kind, edit)
        await self.platform.deliver(delivery, message)
        return delivery

    def delivery(
        self, row: int, event: Event, kind: str = "page", edit: str = "", edits: tuple[str, ...] = ()
    ) -> Delivery:
        async def record(message_id: str) -> None:
            self.recorded.append(message_id)

        async def opened(chat_id: str) -> None:
            raise AssertionError(chat_id)

        return Delivery(row, event.key, kind, event.destination, record, opened, edit=edit, edits=edits)

    async def form_for(self, event: Event) -> Form | Message | None:
        raise AssertionError(event)

    async def overhears(self, heard: Overheard) -> bool:
        raise AssertionError(heard)

    async def watched(self, platform: str) -> list[Watched]:
        raise AssertionError(platform)

    async def complete(self, event: Event, parameter: str, prefix: str) -> list[tuple[str, str]]:
        assert isinstance(event.payload, Command)
        self.completed.append((parameter, prefix))
        stories = [("The Keeper", "#12"), ("The Orchard", "#13")]
        return [s for s in stories if s[0].lower().startswith(prefix.lower())]


class Seat:
    """The person's side of a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.raw = ""
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    @property
    def seen(self) -> str:
        return ESCAPES.sub("", self.raw)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536).decode(errors="replace")
        except OSError:
            data = ""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        for _ in range(data.count("\x1b[6n")):
            os.write(self._master, b"\x1b[1;1R")  # what a terminal says when it is asked for the cursor
        self.raw += data
        self._news.set()

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.05)

    async def sees(self, text: str) -> None:
        try:
            await self.until(lambda: text in self.seen)
        except TimeoutError:
            raise AssertionError(f"{text!r} is not in:\n{self.seen}") from None


@contextlib.asynccontextmanager
async def pseudo_terminal() -> AsyncGenerator[tuple[Seat, TextIO, TextIO]]:
    """Yield the person's side and the two files of the program's side of an 80×24 terminal."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    seat = Seat(master)
    with os.fdopen(slave, closefd=False) as stdin, os.fdopen(slave, "w", closefd=False) as stdout:
        try:
            yield seat, stdin, stdout
        finally:
            asyncio.get_running_loop().remove_reader(master)
            os.close(slave)
            os.close(master)
