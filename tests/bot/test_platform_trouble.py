"""A platform's trouble is its own: named, retried, over when it is over; the other platforms notice nothing."""

import asyncio
import socket
from collections.abc import AsyncGenerator

import pytest

from bot.platforms.base import PlatformRefused
from db.connection import rows
from db.leaders import leaders
from tests.bot.fleet import FINAL, BusyWorker, Fleet, fleet
from tests.db.world import somebody
from tests.doubles import discord
from tests.doubles.telegram import Fault
from tests.journeys.people import DiscordTown, Player, TelegramTown

REVOKED = "123456:REVOKED-token"


@pytest.fixture
def telegram() -> TelegramTown:
    return TelegramTown()


@pytest.fixture
def chat() -> DiscordTown:
    return DiscordTown()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries as in life, but sooner."""
    monkeypatch.setattr("bot.runners.REFUSED_PAUSE", 0.3)
    monkeypatch.setattr("bot.runners.LONGEST_REFUSED_PAUSE", 0.6)


async def problems() -> dict[str, str]:
    return {leader.name: leader.problem for leader in await leaders()}


async def until_problem(name: str, words: str) -> None:
    """Wait until operators are told of a platform's problem (empty: that there is none)."""
    async with asyncio.timeout(30):
        while not (
            (found := (await problems()).get(name)) is not None and words in found and bool(found) == bool(words)
        ):
            await asyncio.sleep(0.05)


async def helped(player: Player, within: float = 30.0) -> None:
    """The person asks for help, and is helped."""
    before = player.count()
    await player.say("/help")
    async with asyncio.timeout(within):
        while not any("want to know more about" in m.text for m in player.messages(before)):
            await asyncio.sleep(0.02)


async def chatted(player: Player, within: float = 30.0) -> None:
    """The person says something, and is answered."""
    before = player.count()
    await player.say("Hello!")
    async with asyncio.timeout(within):
        while not any(m.content for m in player.messages(before)):
            await asyncio.sleep(0.02)


async def put(platform: str, chat_id: str, event: str) -> int:
    """A reply that waits to be sent; returns its row."""
    conversation = (await somebody(f"{platform}-{chat_id}")).conversation.id
    found = await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination) VALUES "
        "($1, 'reply', $2, $3, 'notice', jsonb_build_object('key', $4::text), "
        "jsonb_build_object('chat_id', $5::text, 'user_id', $5::text, 'kind', 'dm')) RETURNING id",
        event, platform, conversation, FINAL, chat_id,
    )  # fmt: skip
    return int(found[0]["id"])


async def state_of(row_id: int) -> tuple[str, int]:
    (found,) = await rows("SELECT state, attempts FROM outbox WHERE id = $1", row_id)
    return found["state"], found["attempts"]


async def sent(row_id: int) -> int:
    """Wait until a row is sent; returns the attempts that it took."""
    async with asyncio.timeout(30):
        while (found := await state_of(row_id))[0] != "sent":
            await asyncio.sleep(0.05)
    return found[1]


@pytest.fixture
async def both(database: str, redis_url: str, telegram: TelegramTown, chat: DiscordTown) -> AsyncGenerator[Fleet]:
    async with fleet(database, redis_url, telegram, chat) as service:
        yield service


async def test_a_token_revoked_in_mid_run_degrades_its_platform_alone_until_it_works_again(
    both: Fleet, telegram: TelegramTown, chat: DiscordTown, redis_url: str
):
    process = await both.start()
    await both.led_by(process)
    await chat.server.ready()
    working = asyncio.create_task(BusyWorker(redis_url, seconds=0.1).run())
    await telegram.player("ann").say("Hi.")
    token, telegram.server.token = telegram.server.token, REVOKED
    waiting = await put("telegram", telegram.player("ann").chat_id, "telegram:x")
    await until_problem("telegram", "check TELEGRAM_TOKEN")
    await chatted(chat.player("ben"))
    assert not process.task.done()
    await until_problem("discord", "")
    telegram.server.token = token
    await until_problem("telegram", "")
    await helped(telegram.player("ann"))
    await sent(waiting)
    working.cancel()
    await asyncio.wait([working])


async def test_discord_closing_for_good_in_mid_run_is_a_refused_token(both: Fleet, chat: DiscordTown):
    process = await both.start()
    await both.led_by(process)
    await chat.server.ready()
    token, chat.server.token = chat.server.token, "MTAx.other.token"
    await chat.server.gateway.close(4004)
    await until_problem("discord", "check DISCORD_TOKEN")
    await until_problem("telegram", "")
    chat.server.token = token
    await until_problem("discord", "")
    assert await both.processes[0].stop() == 0


async def test_a_token_refused_from_the_start_stops_no_other_platform(both: Fleet, telegram: TelegramTown):
    token, telegram.server.token = telegram.server.token, REVOKED
    process = await both.start({"TELEGRAM_TOKEN": token})
    await both.led_by(process, "discord")
    await until_problem("telegram", "check TELEGRAM_TOKEN")
    telegram.server.token = token
    await both.led_by(process, "telegram")
    await helped(telegram.player("ann"))


async def test_a_process_that_no_platform_accepts_from_the_start_ends_and_says_what_to_set(
    both: Fleet, telegram: TelegramTown, chat: DiscordTown
):
    known = telegram.settings | chat.settings
    telegram.server.token = REVOKED
    chat.server.token = "MTAx.other.token"
    process = await both.start(known)
    with pytest.raises(PlatformRefused, match=r"TELEGRAM_TOKEN; .*DISCORD_TOKEN|DISCORD_TOKEN; .*TELEGRAM_TOKEN"):
        async with asyncio.timeout(30):
            await process.task


async def test_while_a_platform_is_away_at_the_start_its_messages_are_not_tried_and_others_are_sent(
    both: Fleet, telegram: TelegramTown, chat: DiscordTown
):
    away = [Fault("error_before", "getMe", times=10_000), Fault("error_before", "getUpdates", times=10_000)]
    for fault in away:
        telegram.server.faults.add(fault)
    ann, ben = telegram.player("ann"), chat.player("ben")
    await ann.say("Hi.")
    waiting = [await put("telegram", ann.chat_id, f"telegram:{n}") for n in range(5)]
    other = await put("discord", ben.chat_id, "discord:1")
    process = await both.start()
    assert await sent(other) == 1
    await asyncio.sleep(2.5)  # the courier looks every second
    assert {await state_of(row) for row in waiting[:3]} == {("pending", 0)}
    await until_problem("telegram", "Bad Gateway")
    telegram.server.faults.clear()
    await both.led_by(process)
    assert await sent(waiting[-1]) == 1


async def test_a_message_under_way_is_sent_before_the_client_closes(both: Fleet, telegram: TelegramTown):
    process = await both.start()
    await both.led_by(process)
    await helped(telegram.player("ann"))
    telegram.server.faults.add(Fault("late_before", "sendMessage", seconds=1.5))
    under_way = await put("telegram", telegram.player("ann").chat_id, "telegram:1")
    await telegram.server.wait_for_request("sendMessage", count=2)
    assert await process.stop() == 0
    assert await state_of(under_way) == ("sent", 1)
    assert [m.content for m in telegram.player("ann").messages()] == [True, True]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_any_process_receives_a_webhook_and_the_leader_answers(
    database: str, redis_url: str, telegram: TelegramTown
):
    async with fleet(database, redis_url, telegram) as service:
        address = free_port()
        common = {"TELEGRAM_WEBHOOK_URL": f"http://127.0.0.1:{address}/hook", "TELEGRAM_WEBHOOK_SECRET": "s3cret"}
        leader = await service.start({**common, "TELEGRAM_WEBHOOK_PORT": str(free_port())})
        await service.led_by(leader)
        # Telegram's requests all reach the process that does not lead.
        await service.start({**common, "TELEGRAM_WEBHOOK_PORT": str(address)})
        await helped(telegram.player("ann"))
        await service.led_by(leader)
        taken = await service.start({**common, "TELEGRAM_WEBHOOK_PORT": str(address)})
        with pytest.raises(PlatformRefused, match="TELEGRAM_WEBHOOK_PORT"):
            await taken.task


async def test_shards_have_a_leader_each_and_messages_one(database: str, redis_url: str):
    town = DiscordTown()
    town.server = discord.DiscordServer(discord.Settings(shards=2, rate_limits=discord.RateLimits.off()))
    async with fleet(database, redis_url, town) as service:
        first = await service.start({"DISCORD_SHARD_IDS": "0", "DISCORD_SHARD_COUNT": "2"})
        await service.led_by(first, "discord 0 of 2", "discord")
        second = await service.start({"DISCORD_SHARD_IDS": "1", "DISCORD_SHARD_COUNT": "2"})
        await service.led_by(second, "discord 1 of 2")
        await town.server.ready()
        assert town.server.gateway.connected_shards() == {0, 1}
        await helped(town.player("ann"))
        await first.stop()
        await service.led_by(second, "discord")
        assert await sent(await put("discord", town.player("ann").chat_id, "discord:later")) == 1
