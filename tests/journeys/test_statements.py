"""How many statements an event costs, from the click to the delivered answer: each is a round trip to the database.

Router, worker and courier are the real ones, in this process; without a model, as `make demo` runs.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import pytest

from db.connection import connect, credentials
from tests.doubles.telegram import Message, Person, Rules, TelegramServer
from tests.journeys.in_process import cpu_worker, telegram_bot
from tests.statements import Statements, counted
from workers.queue import Queue

PREMISE = "a keeper finds a door under the sea"
CHOICE, REPLY, LIST = 64, 44, 14
"""Maximum statements of one choice, one persona's reply, one list of stories. The cheapest of several counts: the first
ones also prepare statements, and the courier's poll comes when it comes."""
OPEN = """SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running'))
    + (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending'))"""


@dataclass(frozen=True)
class Service:
    """A bot and a worker on a database whose statements are counted."""

    server: TelegramServer
    statements: Statements
    observer: asyncpg.Connection

    async def settled(self) -> None:
        """Return when no job and no message is open, and what was under way is done."""
        async with asyncio.timeout(60):
            while await self.observer.fetchval(OPEN):
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)


@pytest.fixture
async def service(database: str, redis_url: str, no_pool: None) -> AsyncGenerator[Service]:
    # Everything goes through the counter: the pool of the process would be beside it.
    observer = await asyncpg.connect(**credentials(database))
    try:
        async with (
            TelegramServer(rules=Rules(flood=None)) as server,
            counted(database) as (url, statements),
            connect(url),
            Queue(redis_url) as queue,
            telegram_bot(server, queue),
            cpu_worker(queue, 4),
        ):
            yield Service(server, statements, observer)
    finally:
        await observer.close()


def page(message: Message) -> bool:
    return "1" in message.labels and "Retry" in message.labels


async def begun(service: Service) -> tuple[Person, Message]:
    ann = service.server.person("ann")
    said = await ann.say(ann.chat(), f"/story_new {PREMISE}")
    return ann, await ann.wait_for_message(ann.chat(), page, timeout=60, after=said)


async def costs(service: Service, most: int, act: Callable[[], Awaitable[None]]) -> None:
    """Do something several times; at its cheapest it may cost so many statements."""
    tables: list[tuple[int, str]] = []
    for _ in range(4):
        await service.settled()
        service.statements.clear()
        await act()
        await service.settled()
        tables.append((service.statements.total, service.statements.table()))
    total, table = min(tables)
    assert total <= most, table


async def test_a_choice(service: Service):
    ann, shown = await begun(service)

    async def choose() -> None:
        nonlocal shown
        await ann.tap(shown, "2")
        shown = await ann.wait_for_message(ann.chat(), page, timeout=60, after=shown)

    await costs(service, CHOICE, choose)


async def test_a_reply_of_a_persona(service: Service):
    ann = service.server.person("ann")

    async def talk() -> None:
        said = await ann.say(ann.chat(), "Hello! I am tired of the rain.")
        await ann.wait_for_message(ann.chat(), lambda m: "Answer again" in m.labels, timeout=60, after=said)

    await costs(service, REPLY, talk)


async def test_a_list_of_stories(service: Service):
    ann, _ = await begun(service)

    async def ask() -> None:
        said = await ann.say(ann.chat(), "/story_list")
        await ann.wait_for_message(ann.chat(), "Your stories", timeout=60, after=said)

    await costs(service, LIST, ask)
