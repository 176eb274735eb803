"""The platform under test, connected to a strict Bot API server, with a small inbound port that records events."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from bot.commands.base import CommandRegistry, CommandSpec, Parameter
from bot.events import BotMembership, Destination, Event
from bot.hearing import Overheard
from bot.messages import Form, Message
from bot.platforms.base import Backlog, Delivery, Outcome, Watched
from bot.platforms.telegram import ChatPace, TelegramPlatform, WebhookConfig
from db.permissions import EVERYBODY
from tests.bot.backlog import MemoryBacklog
from tests.doubles.telegram import Person, Rules, TelegramServer


async def _nothing(context: object, values: dict[str, Any]) -> None:
    """Commands are not run here."""


def registry() -> CommandRegistry:
    commands = CommandRegistry()
    story = (
        Parameter("premise", "What it is about", required=True),
        Parameter("genre", "Kind of story"),
        Parameter("language", "Language of the story"),
    )
    commands.add(CommandSpec("story new", "Start a story", _nothing, story, permission=EVERYBODY))
    commands.add(CommandSpec("story list", "List your stories", _nothing, permission=EVERYBODY))
    commands.add(CommandSpec("channel show", "Show the channel", _nothing, permission=EVERYBODY, about_reading=True))
    commands.add(CommandSpec("help", "What I can do", _nothing, permission=EVERYBODY))
    commands.add(
        CommandSpec("prompt set", "Change a prompt", _nothing, (Parameter("name", "Which"),), permission="prompts")
    )
    commands.add(
        CommandSpec(
            "model",
            "Choose a model",
            _nothing,
            (Parameter("name", "Which", permission="models"),),
            permission=EVERYBODY,
        )
    )
    return commands


@dataclass
class RecordingInbound:
    """Our own inbound port: records what it is given and answers as told.

    Where the bot was added and removed is recorded apart from what people do.
    """

    events: list[Event] = field(default_factory=list[Event])
    answer: Callable[[Event], Awaitable[Outcome]] | None = None
    memberships: list[Event] = field(default_factory=list[Event])
    buried: list[str] = field(default_factory=list[str])
    overheard: list[Overheard] = field(default_factory=list[Overheard])
    hears: set[str] = field(default_factory=set[str])
    moves: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    backlog: Backlog = field(default_factory=MemoryBacklog)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def dispatch(self, event: Event) -> Outcome:
        outcome = await self.answer(event) if self.answer else Outcome("silent")
        async with self._arrived:
            (self.memberships if isinstance(event.payload, BotMembership) else self.events).append(event)
            self._arrived.notify_all()
        return outcome

    async def membership(self, number: int) -> Event:
        """The event of that number, from 1, that the bot was added or removed."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.memberships) >= number)
        return self.memberships[number - 1]

    async def wait(self, number: int) -> Event:
        """The event of that number, from 1."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.events) >= number)
        return self.events[number - 1]

    async def bury(self, event: Event) -> bool:
        async with self._arrived:
            self.buried.append(event.event_id)
            self._arrived.notify_all()
        return True

    async def burial(self, number: int) -> str:
        """The id of the event of that number, from 1, that was given up."""
        async with asyncio.timeout(30), self._arrived:
            await self._arrived.wait_for(lambda: len(self.buried) >= number)
        return self.buried[number - 1]

    async def group_moved(self, platform: str, old: str, new: str) -> bool:
        self.moves.append((old, new))
        return True

    async def record_places(self, platform: str, present: Sequence[str]) -> list[str]:
        return []

    async def place_left(self, platform: str, place: str) -> bool:
        return True

    async def form_for(self, event: Event) -> Form | Message | None:
        return None

    async def overhears(self, heard: Overheard) -> bool:
        self.overheard.append(heard)
        return heard.text in self.hears

    async def watched(self, platform: str) -> list[Watched]:
        return []

    async def complete(self, event: Event, parameter: str, prefix: str) -> list[tuple[str, str]]:
        return []


@dataclass
class Outbox:
    """Makes deliveries; ``sent`` of a row survives its retries, as in the database."""

    recorded: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def row(self, destination: Destination, row_id: int = 0, **more: Any) -> Delivery:
        row_id = row_id or next(self._ids)
        sent = self.recorded.setdefault(row_id, [])

        async def record(message_id: str) -> None:
            sent.append(message_id)

        async def opened(chat_id: str) -> None:
            raise AssertionError("Telegram opens no threads")

        more = {"kind": "reply", **more}
        return Delivery(row_id, f"telegram:{row_id}", destination=destination, record=record, opened=opened,
                        sent=list(sent), **more)  # fmt: skip


def to(person: Person) -> Destination:
    return Destination(chat_id=str(person.id), user_id=str(person.id), kind="dm")


@contextlib.asynccontextmanager
async def running(
    server: TelegramServer,
    inbound: RecordingInbound,
    webhook: WebhookConfig | None = None,
    pace: ChatPace | None = None,
) -> AsyncGenerator[TelegramPlatform]:
    pace = pace or ChatPace(unlimited=True)
    platform = TelegramPlatform(server.token, registry(), api_url=server.api_url, webhook=webhook, pace=pace)
    task = asyncio.create_task(platform.run(inbound))
    try:
        async with asyncio.timeout(10):
            while await platform.check_ready() != "" and not task.done():
                await server.wait_for_request("setWebhook" if webhook else "deleteWebhook")
                await asyncio.sleep(0.01)
                if webhook is None and server.calls("getUpdates"):
                    break
        yield platform
        if task.done():
            await task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    async with TelegramServer(rules=Rules(flood=None)) as running_server:
        yield running_server


@pytest.fixture
def inbound() -> RecordingInbound:
    return RecordingInbound()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
async def platform(server: TelegramServer, inbound: RecordingInbound) -> AsyncIterator[TelegramPlatform]:
    async with running(server, inbound) as connected:
        yield connected


@pytest.fixture
def alice(server: TelegramServer) -> Person:
    return server.person("Alice", language="de")
