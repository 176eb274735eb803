"""One person's flood, and a kill in the middle of it: others are answered, and nothing of what was sent is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from bot.stack.home import StackUrls
from db.connection import credentials
from db.models import AwaitedFileRow, LateUpdateRow, PictureRow
from tests.doubles.telegram import Person, Rules, TelegramServer
from tests.journeys.processes import bot, running


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.05)


async def none_left() -> bool:
    return not (await LateUpdateRow.exists() or await AwaitedFileRow.exists())


async def helped(person: Person) -> None:
    said = await person.say(person.chat(), "/help")
    await person.wait_for_message(person.chat(), "want to know more about", after=said)


@pytest.mark.slow
async def test_a_kill_in_two_floods_loses_nothing(database: str, redis_url: str, tmp_path: Path):
    urls = StackUrls(database, redis_url)
    # A line over which the file takes a minute, until it is made fast.
    async with TelegramServer(rules=Rules(flood=None, download_bytes_per_second=100_000.0)) as telegram:
        settings = {"TELEGRAM_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.api_url}
        program = bot(urls, tmp_path, "telegram", **settings)
        ann, ben, eve = telegram.person("ann"), telegram.person("ben"), telegram.person("eve")
        async with running(program):
            await helped(ann)
            blocker = await asyncpg.connect(**credentials(database))
            await blocker.execute("BEGIN; SELECT FROM conversations FOR UPDATE")
            stuck = await ann.say(ann.chat(), "/chat_reset")
            sent = await ben.send_photo(ben.chat(), b"x" * 6_000_000, "/imagine a door")
            await until(LateUpdateRow.exists)
            await until(lambda: AwaitedFileRow.exists(attempts__gte=1))
            await helped(eve)
            await program.kill()
            assert not telegram.pending_updates
            await blocker.execute("ROLLBACK")
            await blocker.execute(
                "UPDATE awaited_files SET lease_expires = now()"
            )  # as after the seconds that it lasts
            await blocker.close()
            telegram.rules = replace(telegram.rules, download_bytes_per_second=None)
            await program.start()
            await ann.wait_for_message(ann.chat(), after=stuck)
            await ben.wait_for_message(ben.chat(), after=sent)
            assert await PictureRow.filter(kind="attached").count() == 1
            await until(none_left)
