"""A server without flood control and a real client for it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from functools import lru_cache

import httpx
import pytest
from telegram import Bot
from telegram.request import HTTPXRequest

from tests.doubles.telegram import Rules, TelegramServer


def client(server: TelegramServer, token: str | None = None) -> Bot:
    """The unmodified client library, pointed at the server."""
    root = server.api_url
    polling, others = (HTTPXRequest(size, httpx_kwargs={"verify": _trusted()}) for size in (1, 256))
    return Bot(
        token or server.token,
        base_url=f"{root}/bot",
        base_file_url=f"{root}/file/bot",
        request=others,
        get_updates_request=polling,
    )


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """The authorities, read once for all clients."""
    return httpx.create_ssl_context()


@pytest.fixture(autouse=True)
def modern_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library gives retry_after as a timedelta; without this it warns."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    async with TelegramServer(rules=Rules(flood=None)) as running:
        yield running


@pytest.fixture
async def bot(server: TelegramServer) -> AsyncIterator[Bot]:
    async with client(server) as running:
        yield running
