"""The platform-neutral half of the bot, on a clean database."""

from collections.abc import AsyncGenerator

import pytest

from tests.bot.world import Bot, running_bot


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as bot:
        yield bot
