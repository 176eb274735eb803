"""Every client goes through the proxy that the environment names, and past it where `NO_PROXY` says so."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import discord
import openai
import pytest
import telegram.error
from huggingface_hub import close_session

from bot.cli.checks import State, check_discord, check_telegram
from bot.platforms.discord import DiscordPlatform
from bot.platforms.telegram.api import make_bot
from bot.settings import BotSettings
from db.environment import prepare_environment
from tests.bot.test_cli import DISCORD_TOKEN, TELEGRAM_TOKEN
from tests.topics import product_topics
from workers.engines.openai.address import parse_address
from workers.engines.openai.client import open_client
from workers.models.hub import DownloadFailed, Hub
from workers.models.presets import Source


class RefusingProxy:
    """An HTTP proxy that answers 403 and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split()[1].decode())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[RefusingProxy]:
    refusing = RefusingProxy()
    server = await asyncio.start_server(refusing.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # As a desktop sets them: a SOCKS proxy for all, and one for HTTP without a scheme.
    for name in ("HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("all_proxy", "socks://127.0.0.1:1/")
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", "localhost,10.0.0.0/8,fd00::/8,[::1],*.local")
    prepare_environment()
    yield refusing
    server.close()


async def ask_discord() -> None:
    platform: Any = DiscordPlatform("a.b.c", product_topics().commands, api_url="http://discord.example/api/v10")
    client: discord.Client = platform._client
    with pytest.raises(discord.HTTPException):
        await client.login("a.b.c")
    await client.close()


async def ask_telegram() -> None:
    bot = make_bot(TELEGRAM_TOKEN, "http://telegram.example")
    with pytest.raises(telegram.error.TelegramError):
        await bot.initialize()
    await bot.shutdown()


async def ask_doctor() -> None:
    settings = BotSettings(discord_api_url="http://discord.example/api/v10", telegram_api_url="http://telegram.example")
    for checks in (
        await check_discord(settings, DISCORD_TOKEN, offline=False),
        await check_telegram(settings, "123456789:" + "a" * 35, offline=False),
    ):
        assert [check.state for check in checks] == [State.FAIL]


async def ask_engine() -> None:
    async with open_client(parse_address("http://engine.example/v1"), "", timeout_s=5) as client:
        with pytest.raises(openai.APIStatusError):
            await client.models.list()


async def ask_hub() -> None:
    def look() -> None:
        hub = Hub("http://hub.example", pause_s=0.01)
        hub.files(Source(repo="maker/tiny", files=("*",), into="x", licence="MIT", size_gb=0.1))

    close_session()  # the library keeps one for all, with the proxies of its first use
    with pytest.raises(DownloadFailed):
        await asyncio.to_thread(look)
    close_session()


CLIENTS = [ask_discord, ask_telegram, ask_doctor, ask_engine, ask_hub]


@pytest.mark.parametrize("ask", CLIENTS, ids=lambda ask: ask.__name__)
async def test_every_client_uses_the_proxy_whatever_is_reached_directly(ask: Any, proxy: RefusingProxy) -> None:
    await ask()
    # The hub's library also asks its own hub for something.
    assert any(".example" in url for url in proxy.asked), proxy.asked
