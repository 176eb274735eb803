"""Two deployments with bots of their own on one database: the second is told so, and disturbs nothing."""

import asyncio

import pytest

from bot.platforms.base import ALWAYS_LEADS, Platform, PlatformRefused
from bot.platforms.registry import platforms
from bot.platforms.telegram import FORM_BYTES
from bot.runners import PlatformRunner, until_hopeless
from bot.settings import BotSettings
from db import bots
from db.connection import rows
from tests.bot.telegram.conftest import registry
from tests.bot.world import Bot
from tests.topics import product_topics


def _telegram() -> Platform:
    from bot.platforms.telegram import TelegramPlatform

    return TelegramPlatform("654321:other", registry(), api_url="http://127.0.0.1:9")


async def test_a_database_belongs_to_the_first_bot(database: str):
    del database
    owners = await asyncio.gather(*(bots.owner("telegram", str(n)) for n in range(5)))
    assert len(set(owners)) == 1
    assert await bots.owner("discord", "7") == "7"


async def test_another_bot_is_refused_before_it_connects_and_may_take_over(bot: Bot):
    assert await bots.owner("telegram", "123456") == "123456"
    runner = PlatformRunner(_telegram(), ALWAYS_LEADS, "654321")
    running = asyncio.create_task(runner.run(bot.router))
    try:
        with pytest.raises(PlatformRefused, match=r"another bot of telegram, 123456, .* a database of its own"):
            await until_hopeless([runner])
        assert "DELETE FROM bots WHERE platform = 'telegram'" in await runner.state()
        await rows("DELETE FROM bots WHERE platform = 'telegram'")
        assert await bots.owner("telegram", "654321") == "654321"
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize(
    ("token", "found"),
    [("MTIzNDU2Nzg5MDEyMzQ1Njc4.abc.def", "123456789012345678"), ("no-token", ""), ("", ""), ("bm90IGRpZ2l0cw.x", "")],
)
def test_discord_tokens_tell_the_bot(token: str, found: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DISCORD_TOKEN", token)
    spec = platforms().get("discord")
    assert spec is not None
    assert spec.bot(BotSettings()) == found


def test_telegram_tokens_tell_the_bot(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TELEGRAM_TOKEN", "123456:TEST-token")
    spec = platforms().get("telegram")
    assert spec is not None
    assert spec.bot(BotSettings()) == "123456"


@pytest.mark.parametrize(("said", "megabytes"), [("", 50), ("2000", 2000)])
def test_a_local_bot_api_server_takes_larger_files(said: str, megabytes: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TELEGRAM_TOKEN", "123456:TEST-token")
    monkeypatch.setenv("TELEGRAM_FILE_MB", said)
    spec = platforms().get("telegram")
    assert spec is not None
    assert spec.build(BotSettings(), product_topics()).capabilities.file_bytes == megabytes * 1_000_000 - FORM_BYTES
