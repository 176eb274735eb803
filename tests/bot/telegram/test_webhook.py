import asyncio
import io
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.events import Event
from bot.platforms.base import Outcome
from bot.platforms.telegram import TelegramPlatform, WebhookConfig
from tests.bot.telegram.conftest import RecordingInbound, registry, running
from tests.doubles.telegram import Person, TelegramServer


@pytest.fixture
def config() -> WebhookConfig:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return WebhookConfig(url=f"http://127.0.0.1:{port}/hook", port=port, secret="s3cret")


@pytest.fixture
async def hooked(
    server: TelegramServer, inbound: RecordingInbound, config: WebhookConfig
) -> AsyncIterator[TelegramPlatform]:
    async with running(server, inbound, config) as platform:
        yield platform


async def post(url: str, body: bytes, secret: str | None = "s3cret") -> int:
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=headers) as response,
    ):
        return response.status


async def test_updates_are_pushed(
    server: TelegramServer, hooked: TelegramPlatform, inbound: RecordingInbound, alice: Person
) -> None:
    await alice.say(alice.chat(), "/help")
    assert (await inbound.wait(1)).event_id == f"m{alice.id}.1"
    (call,) = server.calls("setWebhook")
    assert call.params["secret_token"] == "s3cret"
    assert call.params.get("drop_pending_updates", "false") == "false"
    assert await hooked.check_ready() == ""
    assert server.calls("getUpdates") == []


async def test_refused_update_is_pushed_again(
    server: TelegramServer, hooked: TelegramPlatform, inbound: RecordingInbound, alice: Person
) -> None:
    tries: list[str] = []

    async def away(event: Event) -> Outcome:
        tries.append(event.event_id)
        return Outcome("refused", "Later") if len(tries) < 3 else Outcome("silent")

    inbound.answer = away
    await alice.say(alice.chat(), "hi")
    await inbound.wait(3)
    assert tries == [f"m{alice.id}.1"] * 3
    async with asyncio.timeout(5):
        while server.pending_updates:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("secret", [None, "", "s3cre", "S3cret", "s3créte"])
async def test_strangers_are_turned_away(
    hooked: TelegramPlatform, config: WebhookConfig, inbound: RecordingInbound, secret: str | None
) -> None:
    assert await post(config.url, b'{"update_id": 1}', secret) == 403
    assert inbound.events == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b"[" * 100_000, 400), (b'"' + b"x" * (1 << 20) + b'"', 413),
     (b'{"update_id": 1, "message": {"chat": 7}}', 200), (b'{"update_id": 1}', 200)],
    ids=["broken", "list", "deep", "large", "poison", "nothing for us"],
)  # fmt: skip
async def test_odd_bodies(hooked: TelegramPlatform, config: WebhookConfig, body: bytes, status: int) -> None:
    assert await post(config.url, body) == status


def test_configuration_is_checked() -> None:
    token = "123456:abc"
    with pytest.raises(ValueError, match="must not hold the token"):
        TelegramPlatform(token, registry(), webhook=WebhookConfig(url=f"https://example.org/{token}"))
    with pytest.raises(ValueError, match="secret"):
        TelegramPlatform(token, registry(), webhook=WebhookConfig(url="https://example.org/x", secret="a b"))
    derived = WebhookConfig(url="https://example.org").secret_for(token)
    assert token not in derived
    assert derived == WebhookConfig(url="https://example.org").secret_for(token)
