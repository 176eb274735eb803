"""One person asks for a lot of work while ten others play: each of these waits for a round, not for the flood."""

import asyncio
import re

import pytest

from db.models import JobRow
from tests.doubles.telegram import Message, Person, Rules, TelegramServer
from tests.journeys.in_process import cpu_worker, telegram_bot
from tests.journeys.test_floods import until
from workers.queue import Queue

FLOOD, PLAYERS = 20, 10
AHEAD = re.compile(r"Waiting: (\d+) before you")


def replied(message: Message) -> bool:
    return "Answer again" in message.labels


async def asked(number: int) -> None:
    """Wait until so many jobs were added."""

    async def added() -> bool:
        return await JobRow.all().count() >= number

    await until(added)


def ahead(message: Message) -> int:
    """Return how many come before a person's answer, as its placeholder says; -1 if it says nothing."""
    found = AHEAD.search(message.text)
    return int(found[1]) if found else -1


@pytest.mark.slow
async def test_ten_play_while_one_floods(database: str, redis_url: str):
    async with (
        TelegramServer(rules=Rules(flood=None)) as server,
        Queue(redis_url) as queue,
        telegram_bot(server, queue),
    ):
        eve, players = server.person("eve"), [server.person(f"player-{n}") for n in range(PLAYERS)]
        for number in range(FLOOD):
            await eve.say(eve.chat(), f"Hello {number}!")
        await asked(FLOOD)
        first = [await player.say(player.chat(), "I am tired of the rain.") for player in players]
        await asked(FLOOD + PLAYERS)
        # What they are told is their own place, not how many jobs there are.
        for player, said in zip(players, first, strict=True):
            await player.wait_for_message(player.chat(), lambda m: 0 < ahead(m) <= PLAYERS, after=said)
        await eve.wait_for_message(eve.chat(), lambda m: ahead(m) >= FLOOD - 1)
        async with cpu_worker(queue, 1):

            async def play(player: Person, said: Message) -> None:
                await player.wait_for_message(player.chat(), replied, timeout=60, after=said)
                again = await player.say(player.chat(), "And then?")
                await player.wait_for_message(player.chat(), replied, timeout=60, after=again)

            await asyncio.gather(*map(play, players, first))
        started = await JobRow.filter(started_at__isnull=False).order_by("started_at")
        assert len({job.account_id for job in started}) == PLAYERS + 1
        flooder = max({job.account_id for job in started}, key=[job.account_id for job in await JobRow.all()].count)
        for place, job in enumerate(started):
            if job.account_id != flooder:
                before = [other for other in started[:place] if other.account_id == flooder]
                # Of those that started while it waited, one in each round is the flooder's.
                assert sum(other.started_at is not None and other.started_at > job.created_at for other in before) <= 2
