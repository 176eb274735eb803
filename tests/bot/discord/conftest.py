"""The real client connected to a strict local Discord, in front of a listener that notes events."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from bot.events import Event
from bot.hearing import Overheard
from bot.menus import MenuSpec
from bot.messages import Form, Message
from bot.platforms.base import Backlog, Delivery, Outcome, Watched
from bot.platforms.discord import DiscordPlatform
from tests.bot.backlog import MemoryBacklog
from tests.doubles.discord import DiscordServer
from tests.topics import product_topics


class Notes:
    """Stands where the router stands: notes events and answers as told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.outcome = Outcome("working")
        self.direct: Form | Message | None = None
        self.chats: list[Watched] = []
        self.came = asyncio.Event()
        self.buried: list[str] = []
        self.places: set[str] = set()
        self.left: list[str] = []
        self.recorded = asyncio.Event()
        self.overheard: list[Overheard] = []
        self.hears: set[str] = set()
        self.backlog: Backlog = MemoryBacklog()

    async def dispatch(self, event: Event) -> Outcome:
        self.events.append(event)
        self.came.set()
        return self.outcome

    async def bury(self, event: Event) -> bool:
        self.buried.append(event.event_id)
        return True

    async def group_moved(self, platform: str, old: str, new: str) -> bool:
        return True

    async def record_places(self, platform: str, present: Sequence[str]) -> list[str]:
        missing = sorted(self.places - set(present))
        self.places |= set(present)
        self.recorded.set()
        return missing

    async def place_left(self, platform: str, place: str) -> bool:
        self.places.discard(place)
        self.left.append(place)
        return True

    async def form_for(self, event: Event) -> Form | Message | None:
        return self.direct

    async def complete(self, event: Event, parameter: str, prefix: str) -> list[tuple[str, str]]:
        return [(f"{parameter}:{prefix}", "#1")]

    async def overhears(self, heard: Overheard) -> bool:
        self.overheard.append(heard)
        return heard.text in self.hears

    async def watched(self, platform: str) -> list[Watched]:
        return self.chats

    async def event(self) -> Event:
        """The next event."""
        await asyncio.wait_for(self.came.wait(), 10)
        self.came.clear()
        return self.events[-1]


class Connected:
    """A platform that is connected; ``recorded`` are the ids its sender recorded."""

    def __init__(self, server: DiscordServer, platform: DiscordPlatform, notes: Notes) -> None:
        self.server, self.platform, self.notes = server, platform, notes
        self.recorded: list[str] = []
        self.threads: list[str] = []

    def delivery(self, event: Event, number: int = 7, **changes: object) -> Delivery:
        """A row that answers an event."""

        async def record(message_id: str) -> None:
            self.recorded.append(message_id)

        async def opened(chat_id: str) -> None:
            self.threads.append(chat_id)

        made = Delivery(number, event.key, "page", event.destination, record, opened)
        for name, value in changes.items():
            setattr(made, name, value)
        return made


@pytest.fixture
async def server() -> AsyncGenerator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


@asynccontextmanager
async def connecting(
    server: DiscordServer,
    menus: Sequence[MenuSpec] = (),
    notes: Notes | None = None,
    *,
    shard_ids: Sequence[int] | None = None,
    shard_count: int | None = None,
    message_content: bool = False,
) -> AsyncGenerator[Connected]:
    """A platform that is connected until the block ends."""
    notes = notes or Notes()
    platform = DiscordPlatform(
        server.token, product_topics().commands, api_url=server.api_url, gateway_url=server.gateway_url, menus=menus,
        shard_ids=shard_ids, shard_count=shard_count, message_content=message_content,
    )  # fmt: skip
    running = asyncio.create_task(platform.run(notes))
    try:
        await server.ready(timeout=20)
        await server.commands_synced(timeout=20)
        yield Connected(server, platform, notes)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
async def connected(server: DiscordServer) -> AsyncGenerator[Connected]:
    async with connecting(server) as platform:
        yield platform
