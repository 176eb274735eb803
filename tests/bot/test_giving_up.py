"""An event that cannot be committed, however often: a dead letter, with an apology where that is possible."""

import asyncpg

from bot.dispatcher import BURIALS
from bot.events import Event
from bot.locales import text
from db import inbox
from db.connection import credentials
from tests.bot.world import Bot, command, event_of, running_bot


async def test_the_person_gets_an_apology_and_a_replay_nothing(bot: Bot):
    event = event_of(command("help"))
    assert await bot.router.bury(event)
    assert (await bot.answer(event)).body == text("router.gave_up")
    assert await inbox.dead_letters() == 1
    assert (await bot.router.dispatch(event)).status == "duplicate"
    assert await bot.router.bury(event)
    assert await inbox.dead_letters() == 1


async def test_an_event_whose_place_is_what_blocks_goes_without(database: str, redis_url: str):
    async with running_bot(redis_url, 0.3) as bot:
        await blocked(bot, database)


async def blocked(bot: Bot, database: str) -> None:
    await bot.does(command("help"))
    event: Event = event_of(command("help"))
    event = event.model_copy(update={"user": event.user.model_copy(update={"name": "Ann Renamed"})})
    bot.router._patience_s = 0.3  # pyright: ignore[reportPrivateUsage]
    blocker = await asyncpg.connect(**credentials(database))
    await blocker.execute("BEGIN; SELECT * FROM accounts FOR UPDATE")
    try:
        assert (await bot.router.dispatch(event)).status == "refused"
        assert [await bot.router.bury(event) for _ in range(BURIALS)] == [*[False] * (BURIALS - 1), True]
    finally:
        await blocker.execute("ROLLBACK")
        await blocker.close()
    assert await bot.answers(event) == []
    assert await inbox.dead_letters() == 1


async def test_a_database_that_is_slow_for_a_moment_does_not_silence_the_apology(database: str, redis_url: str):
    async with running_bot(redis_url, 0.3) as bot:
        event = event_of(command("help"))
        blocker = await asyncpg.connect(**credentials(database))
        await blocker.execute("BEGIN; LOCK TABLE outbox")
        try:
            assert not await bot.router.bury(event)
        finally:
            await blocker.execute("ROLLBACK")
            await blocker.close()
        assert await bot.answers(event) == []
        assert await bot.router.bury(event)
        assert (await bot.answer(event)).body == text("router.gave_up")
        assert await inbox.dead_letters() == 1


async def test_what_was_committed_after_all_is_not_given_up(bot: Bot):
    event = event_of(command("help"))
    assert (await bot.router.dispatch(event)).status == "answered"
    assert await bot.router.bury(event)
    assert await inbox.dead_letters() == 0
    assert len(await bot.answers(event)) == 1
