"""Events that no topic handles yet: taken in once, and answered by silence."""

from collections.abc import AsyncGenerator

import pytest

from bot.events import MenuPick, Payload, Reaction
from db.models import OutboxRow
from tests.bot.world import Bot, event_of, running_bot


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


@pytest.mark.parametrize(
    "payload",
    [
        Reaction(emoji="👍", message_id="1", added=True),
        MenuPick(name="Gone", message_id="1", author_is_bot=True, text="Here."),
    ],
    ids=lambda payload: payload.type,
)
async def test_they_are_taken_once_and_say_nothing(bot: Bot, payload: Payload):
    event = event_of(payload)
    assert (await bot.router.dispatch(event)).status == "silent"
    assert (await bot.router.dispatch(event)).status == "duplicate"
    assert await OutboxRow.all().count() == 0
