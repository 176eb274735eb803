"""While the database is frozen, silent or loses a COMMIT: a refusal in time, then everything goes on, exactly once."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from bot.platforms.base import Outcome
from bot.router import PATIENCE_SECONDS
from bot.stack.embedded import EmbeddedStack
from db.connection import connect, rows
from db.models import InboxEventRow, JobRow, OutboxRow, StoryRow
from tests.bot.playing import PREMISE
from tests.bot.world import Bot, command, event_of, running_bot
from tests.clean import Cleaner
from tests.doubles.database_line import DatabaseLine, Loss, database_line
from tests.doubles.frozen import frozen, postmaster

pytestmark = pytest.mark.usefixtures("no_pool")

SOON = 6.0
"""Seconds. A refusal is due after 2; before, it cost 31."""


@pytest.fixture
async def line(migrated: str, cleaner: Cleaner, redis_url: str) -> AsyncGenerator[tuple[DatabaseLine, Bot]]:
    """A bot with the product's own patience, at the end of a line to a clean database."""
    await cleaner.empty_tables()
    async with (
        database_line(migrated) as (url, found),
        connect(url, pool_size=4),
        running_bot(redis_url, PATIENCE_SECONDS) as bot,
    ):
        yield found, bot


async def _timed(bot: Bot, *texts: str) -> tuple[list[Outcome], float]:
    """Dispatch one event after the other, as a poller does; return the outcomes, and the slowest in seconds."""
    loop = asyncio.get_running_loop()
    outcomes: list[Outcome] = []
    slowest = 0.0
    for text in texts:
        began = loop.time()
        outcomes.append(await bot.router.dispatch(event_of(command(text))))
        slowest = max(slowest, loop.time() - began)
    return outcomes, slowest


async def test_a_frozen_server_costs_refusals_and_nothing_after_it_is_healthy(
    stack: EmbeddedStack, database: str, redis_url: str
):
    server = await asyncio.to_thread(postmaster, stack)
    async with running_bot(redis_url, PATIENCE_SECONDS) as bot:
        assert [o.status for o in (await _timed(bot, "help"))[0]] == ["answered"]
        with frozen(server):
            outcomes, slowest = await _timed(bot, "help")
        assert {o.status for o in outcomes} == {"refused"}
        assert slowest < SOON
        outcomes, _ = await _timed(bot, "help", f"story new: {PREMISE}", "help")
        assert [o.status for o in outcomes] == ["answered", "working", "answered"]


async def test_a_silent_database_is_refused_in_time_and_then_forgotten(line: tuple[DatabaseLine, Bot]):
    found, bot = line
    assert [o.status for o in (await _timed(bot, "help"))[0]] == ["answered"]
    assert (await bot.router.dispatch(seen := event_of(command("help")))).status == "answered"
    found.silent = True
    # It comes again, as from a chat's history: nobody is told that it was not taken.
    assert (await bot.router.dispatch(seen)).status == "duplicate"
    outcomes, slowest = await _timed(bot, "story new")
    assert {o.status for o in outcomes} == {"refused"}
    assert slowest < SOON
    found.silent = False
    outcomes, _ = await _timed(bot, "help", "help", "help", "help", "help")
    assert {o.status for o in outcomes} == {"answered"}


@pytest.mark.parametrize("loss", ["before", "after", "held"])
async def test_a_lost_commit_is_asked_about_and_answered_once(line: tuple[DatabaseLine, Bot], loss: Loss):
    found, bot = line
    await bot.does(command("help"))
    found.commit = loss
    outcome = await bot.router.dispatch(event := event_of(command(f"story new: {PREMISE}")))
    assert found.lost == 1
    assert outcome.status == "working"
    assert await StoryRow.all().count() == 1
    assert [job.event_key for job in await JobRow.all()] == [event.key]
    assert await OutboxRow.filter(event_key=event.key, part="reply").count() == 0


async def test_a_commit_whose_fate_stays_unknown_is_settled_when_the_database_is_back(line: tuple[DatabaseLine, Bot]):
    found, bot = line
    await bot.does(command("help"))
    for loss in ("before", "held"):
        found.commit = loss
        event = event_of(command("help"))

        async def fall_silent() -> None:
            while not found.lost:
                await asyncio.sleep(0)
            found.silent = True

        falling = asyncio.create_task(fall_silent())
        outcome = await bot.router.dispatch(event)
        await falling
        assert (outcome.status, outcome.notice) == ("unknown", "")
        found.silent, found.lost = False, 0
        async with asyncio.timeout(30):
            while not await OutboxRow.filter(event_key=event.key).count():
                await asyncio.sleep(0.1)
            await bot.router.settled()
        assert await OutboxRow.filter(event_key=event.key).count() == 1
        assert await InboxEventRow.filter(event_key=event.key).count() == 1
        assert (await bot.router.dispatch(event)).status == "duplicate"


@pytest.mark.parametrize("code", ["40001", "40P01", "26000"])
async def test_a_transaction_that_failed_by_accident_is_repeated(database: str, redis_url: str, code: str):
    del database
    await rows("CREATE SEQUENCE tries")
    await rows(
        "CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$"
    )
    await rows("CREATE TRIGGER stumble BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION stumble()")
    try:
        async with running_bot(redis_url) as bot:
            outcome = await bot.router.dispatch(event := event_of(command("help")))
    finally:
        await rows("DROP FUNCTION stumble CASCADE")
        await rows("DROP SEQUENCE tries")
    assert outcome.status == "answered"
    assert await OutboxRow.filter(event_key=event.key).count() == 1
