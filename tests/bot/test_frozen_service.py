"""The whole bot over a database that stops for some seconds: what was said meanwhile and afterwards is answered."""

import asyncio

import pytest

from bot.stack.embedded import EmbeddedStack
from db.connection import rows
from tests.bot.fleet import fleet
from tests.doubles.frozen import frozen, postmaster
from tests.journeys.people import TOWNS

FROZEN_SECONDS = 3.0


async def _answered(count: int, within: float = 40.0) -> None:
    async with asyncio.timeout(within):
        while len(await rows("SELECT FROM outbox WHERE part = 'reply' AND state = 'sent'")) < count:
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120)
async def test_what_is_said_to_a_frozen_service_is_answered_once_it_is_healthy(
    stack: EmbeddedStack, database: str, redis_url: str
):
    server = await asyncio.to_thread(postmaster, stack)
    towns = [make() for make in TOWNS.values() if make().name == "telegram"]
    async with fleet(database, redis_url, *towns) as service:
        await service.led_by(await service.start())
        ann, ben = (towns[0].player(name) for name in ("ann", "ben"))
        await ann.say("/cancel")
        await _answered(1)
        with frozen(server):
            await ann.say("/cancel")
            await ben.say("/help")
            await asyncio.sleep(FROZEN_SECONDS)
        await ann.say("/cancel")
        await _answered(4)
        await asyncio.sleep(0.5)
        assert len(await rows("SELECT FROM outbox")) == 4, "each once"
