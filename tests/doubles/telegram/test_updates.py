"""getUpdates with its offsets and conflicts, the library's poller across restarts, and webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from telegram import Bot, Update
from telegram.error import Conflict
from telegram.ext import Updater

from tests.doubles.telegram import TelegramServer
from tests.doubles.telegram.conftest import client


def texts(updates: tuple[Update, ...]) -> list[str | None]:
    return [update.message.text for update in updates if update.message]


async def say(server: TelegramServer, *words: str) -> None:
    alice = server.person("alice")
    for word in words:
        await alice.say(alice.chat(), word)


async def test_offsets_confirm(server: TelegramServer, bot: Bot) -> None:
    await say(server, "1", "2", "3")
    first = await bot.get_updates()
    assert texts(first) == ["1", "2", "3"]
    assert await bot.get_updates() == first
    assert texts(await bot.get_updates(limit=2)) == ["1", "2"]
    assert texts(await bot.get_updates(offset=first[1].update_id)) == ["2", "3"]
    assert len(server.pending_updates) == 2
    await say(server, "4", "5")
    assert texts(await bot.get_updates(offset=-2)) == ["4", "5"]
    assert len(server.pending_updates) == 2
    last = first[-1].update_id + 2
    assert await bot.get_updates(offset=last + 1) == ()
    assert server.pending_updates == []


async def test_a_long_poll_ends_when_something_comes(server: TelegramServer, bot: Bot) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await say(server, "hello")
    async with asyncio.timeout(1):
        assert texts(await waiting) == ["hello"]
    started = asyncio.get_running_loop().time()
    assert await bot.get_updates(offset=server.pending_updates[-1]["update_id"] + 1, timeout=1) == ()
    assert 0.9 < asyncio.get_running_loop().time() - started < 1.5


async def test_two_pollers_conflict(server: TelegramServer, bot: Bot) -> None:
    async with client(server) as other:
        first = asyncio.create_task(bot.get_updates(timeout=10))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(other.get_updates(timeout=10))
        with pytest.raises(Conflict, match="terminated by other getUpdates"):
            await first
        await say(server, "hello")
        assert texts(await second) == ["hello"]


async def test_allowed_updates_are_remembered(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    await bot.get_updates(allowed_updates=["message"])
    said = await alice.say(alice.chat(), "helo")
    await alice.edit(said, "hello")
    assert texts(await bot.get_updates()) == ["helo"]
    assert len(server.pending_updates) == 1
    await bot.get_updates(allowed_updates=[])
    await alice.edit(said, "hello!")
    assert len(server.pending_updates) == 2


async def test_ids_start_again_from_below(server: TelegramServer, bot: Bot) -> None:
    await say(server, "before")
    (before,) = await bot.get_updates()
    server.restart_update_ids()
    await bot.get_updates(offset=before.update_id + 1)
    await say(server, "after")
    (after,) = await bot.get_updates()
    assert after.update_id < before.update_id
    assert await bot.get_updates(offset=before.update_id + 1) == ()
    assert server.pending_updates == []


@asynccontextmanager
async def poller(server: TelegramServer) -> AsyncGenerator[asyncio.Queue[object]]:
    queue: asyncio.Queue[object] = asyncio.Queue()
    async with Updater(client(server), queue) as updater:
        await updater.start_polling(timeout=5, poll_interval=0)
        yield queue
        await updater.stop()


async def test_the_librarys_poller_across_a_restart(server: TelegramServer) -> None:
    await say(server, "1")
    async with poller(server) as queue:
        first = await asyncio.wait_for(queue.get(), 30)
        await say(server, "2")
        second = await asyncio.wait_for(queue.get(), 30)
        assert isinstance(first, Update)
        assert isinstance(second, Update)
        assert texts((first, second)) == ["1", "2"]
    assert server.pending_updates == []
    await say(server, "3")
    async with poller(server) as queue:
        third = await asyncio.wait_for(queue.get(), 30)
        assert isinstance(third, Update)
        assert texts((third,)) == ["3"]
    assert {request.status for request in server.calls("getUpdates")} == {200}


async def test_a_killed_poller_loses_nothing(server: TelegramServer) -> None:
    async with client(server) as dead:
        waiting = asyncio.create_task(dead.get_updates(timeout=10))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await say(server, "hello")
    async with client(server) as born:
        assert texts(await born.get_updates(timeout=5)) == ["hello"]


@asynccontextmanager
async def receiver(answers: list[int]) -> AsyncGenerator[tuple[str, asyncio.Queue[tuple[int, str | None, Update]]]]:
    """A tiny webhook: answers with the given statuses, then 200; yields its url and what has come."""
    got: asyncio.Queue[tuple[int, str | None, Update]] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        update = Update.de_json(await request.json())
        status = answers.pop(0) if answers else 200
        got.put_nowait((status, request.headers.get("X-Telegram-Bot-Api-Secret-Token"), update))
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", got
    finally:
        await runner.cleanup()


async def test_webhook_delivery_with_retries(server: TelegramServer, bot: Bot) -> None:
    await say(server, "1")
    async with receiver([500, 403]) as (url, got):
        await bot.set_webhook(url, secret_token="s3cret_-")
        seen = [await asyncio.wait_for(got.get(), 30) for _ in range(3)]
        assert [status for status, _, _ in seen] == [500, 403, 200]
        assert {secret for _, secret, _ in seen} == {"s3cret_-"}
        assert len({update.update_id for _, _, update in seen}) == 1
        await say(server, "2", "3")
        later = [await asyncio.wait_for(got.get(), 30) for _ in range(2)]
        assert texts(tuple(update for _, _, update in later)) == ["2", "3"]
        info = await bot.get_webhook_info()
        assert info.url == url
        assert info.last_error_message == "Wrong response from the webhook: 403"
        with pytest.raises(Conflict, match="while webhook is active"):
            await bot.get_updates()
        await bot.delete_webhook()
    await say(server, "4")
    assert texts(await bot.get_updates())[-1] == "4"
    assert (await bot.get_webhook_info()).url == ""


async def test_a_webhook_ends_the_long_poll_and_waits_for_its_server(server: TelegramServer, bot: Bot) -> None:
    async with client(server) as other:
        polling = asyncio.create_task(other.get_updates(timeout=10))
        await asyncio.sleep(0.1)
        async with receiver([]) as (url, _):
            pass
        await bot.set_webhook(url, drop_pending_updates=True)
        with pytest.raises(Conflict, match="terminated by setWebhook"):
            await polling
    await say(server, "1")
    await asyncio.sleep(0.3)
    info = await bot.get_webhook_info()
    assert info.pending_update_count == 1
    assert (info.last_error_message or "").startswith("Connection failed")
