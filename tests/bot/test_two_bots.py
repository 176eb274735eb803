"""Two bot processes of the same platforms: no finished answer is overwritten, and one follows the other at once."""

import asyncio
import time

import pytest

from bot import locales
from bot.leadership import TAKEOVER_SECONDS
from db.connection import rows
from tests.bot.fleet import FINAL, BusyWorker, fleet
from tests.journeys.people import BUSY, TOWNS, Act, Player

PEOPLE = 10
ROUNDS = 3
MARGIN_SECONDS = 2.5
"""Longer than the platforms' pace: an edit that was going to come has come by then."""
ANSWER = locales.text(FINAL)


class Crowd:
    """People who all say something at once. On a busy machine some are refused on Discord, and say it again."""

    def __init__(self, *players: Player) -> None:
        self.players, self.acts = players, list[Act]()

    async def say(self, text: str) -> None:
        """Say it, everybody."""
        self.acts = list(await asyncio.gather(*(player.say(text) for player in self.players)))

    async def answered(self, number: int, again: str, within: float = 60.0) -> None:
        """Wait until everybody was answered ``number`` times; who is refused says ``again``."""
        async with asyncio.timeout(within):
            while True:
                sent = await rows("SELECT event_key FROM outbox WHERE part = 'reply' AND state = 'sent'")
                if len(sent) >= number * len(self.players):
                    return
                refused = [act for act in self.acts if act.player.refusals(act)]
                self.acts = [act for act in self.acts if act not in refused]
                for act in refused:
                    self.acts.append(await act.player.say(again))
                await asyncio.sleep(0.05)

    def seen(self) -> list[str]:
        """What stands in the chats but for refusals."""
        return [m.text for player in self.players for m in player.messages() if m.text != BUSY]


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_answer_is_overwritten_while_processes_come_and_go(database: str, redis_url: str):
    towns = [make() for make in TOWNS.values()]
    async with fleet(database, redis_url, *towns) as service:
        old = await service.start()
        await service.led_by(old)
        await next(town for town in towns if town.name == "discord").ready()
        new = await service.start()
        working = asyncio.create_task(BusyWorker(redis_url, seconds=1.2).run())
        crowd = Crowd(*(town.player(f"p{n}") for town in towns for n in range(PEOPLE)))
        await crowd.say("Hello!")
        await crowd.answered(1, "Hello!")
        # A deploy: the old process stops while answers and progress are under way.
        await crowd.say("And now?")
        await asyncio.sleep(1.5)
        since = time.monotonic()
        stopping = asyncio.create_task(old.stop())
        await service.led_by(new, within=10)
        # At once (0.1 s on an idle machine), not because its silence was noticed.
        assert time.monotonic() - since < TAKEOVER_SECONDS
        assert await stopping == 0
        await crowd.answered(2, "And now?")
        await asyncio.sleep(MARGIN_SECONDS)
        # The leader freezes: it still believes that it leads, until its proof ends.
        newest = await service.start()
        await new.freeze()
        await crowd.say("Still there?")
        await service.led_by(newest, within=20)
        await crowd.answered(ROUNDS, "Still there?")
        await asyncio.sleep(MARGIN_SECONDS)
        working.cancel()
        await asyncio.wait([working])
        assert len(crowd.seen()) == ROUNDS * len(crowd.players), "each message was answered once"
        assert [text for text in crowd.seen() if ANSWER not in text] == [], "no answer was overwritten"
