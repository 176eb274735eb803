"""Two bot processes of the same platforms: no finished answer is overwritten, and one follows the other at once."""

import asyncio
import time

import pytest

from bot import locales
from bot.leadership import TAKEOVER_SECONDS
from db.connection import rows
from tests.bot.fleet import FINAL, BusyWorker, fleet
from tests.journeys.people import TOWNS, Player

PEOPLE = 10
ROUNDS = 3
MARGIN_SECONDS = 2.5
"""Longer than the platforms' pace: an edit that was going to come has come by then."""
ANSWER = locales.text(FINAL)


async def answered(players: list[Player], number: int, within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while True:
            sent = await rows("SELECT event_key FROM outbox WHERE part = 'reply' AND state = 'sent'")
            if len(sent) >= number * len(players):
                return
            await asyncio.sleep(0.05)


def overwritten(players: list[Player]) -> list[str]:
    """What stands in the chats although the answer was there: everything but answers."""
    return [m.text for player in players for m in player.messages() if ANSWER not in m.text]


@pytest.mark.timeout(120)
async def test_no_answer_is_overwritten_while_processes_come_and_go(database: str, redis_url: str):
    towns = [make() for make in TOWNS.values()]
    async with fleet(database, redis_url, *towns) as service:
        old = await service.start()
        await service.led_by(old)
        await next(town for town in towns if town.name == "discord").ready()
        new = await service.start()
        working = asyncio.create_task(BusyWorker(redis_url, seconds=1.2).run())
        players = [town.player(f"p{n}") for town in towns for n in range(PEOPLE)]
        await asyncio.gather(*(player.say("Hello!") for player in players))
        await answered(players, 1)
        # A deploy: the old process stops while answers and progress are under way.
        await asyncio.gather(*(player.say("And now?") for player in players))
        await asyncio.sleep(1.5)
        since = time.monotonic()
        stopping = asyncio.create_task(old.stop())
        await service.led_by(new, within=10)
        # At once (0.1 s on an idle machine), not because its silence was noticed.
        assert time.monotonic() - since < TAKEOVER_SECONDS
        assert await stopping == 0
        await answered(players, 2)
        await asyncio.sleep(MARGIN_SECONDS)
        # The leader freezes: it still believes that it leads, until its proof ends.
        newest = await service.start()
        await new.freeze()
        await asyncio.gather(*(player.say("Still there?") for player in players))
        await service.led_by(newest, within=20)
        await answered(players, ROUNDS)
        await asyncio.sleep(MARGIN_SECONDS)
        working.cancel()
        await asyncio.wait([working])
        total = sum(len(player.messages()) for player in players)
        assert total == ROUNDS * len(players), "each message was answered once"
        assert overwritten(players) == []
