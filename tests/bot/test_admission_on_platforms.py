"""What a banned person sees on Discord and Telegram: one answer, then nothing; operators; a bot that is blocked."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from bot.courier import Courier
from bot.platforms.base import Platform
from bot.platforms.discord import DiscordPlatform
from bot.platforms.telegram import TelegramPlatform
from bot.policy import OPEN, AccessPolicy
from bot.progress import ProgressBoard
from bot.router import Router
from db import access, audit, outbox
from db.access import Target
from db.connection import row, rows
from db.models import AccessRuleRow, ConversationRow, OutboxRow
from db.payloads.notice import Notice
from prompts.registry import default_registry
from tests.bot.world import Bot, running_bot
from tests.doubles.discord import DiscordServer
from tests.doubles.discord.interactions import NotAcknowledged
from tests.doubles.telegram import Rules, TelegramServer


@asynccontextmanager
async def serving(bot: Bot, platform: Platform, policy: AccessPolicy) -> AsyncGenerator[None]:
    """A platform with router and courier, until the block ends."""
    name = platform.name
    board = ProgressBoard({name: platform}, bot.composer.cancel_buttons)
    courier = Courier({name: platform}, bot.composer, board)
    router = Router(
        bot.topics, bot.composer, default_registry(), bot.around.queue, {name: platform.capabilities},
        lambda _event, _outcome: courier.notify(name), policy=policy, patience_s=30,
    )  # fmt: skip
    tasks = [asyncio.create_task(platform.run(router)), asyncio.create_task(courier.run())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as bot:
        yield bot


async def handled(count: int) -> None:
    """Wait until so many events were taken."""

    async with asyncio.timeout(20):
        while True:
            found = await row("SELECT count(*) AS n FROM inbox")
            if found is not None and found["n"] >= count:
                return
            await asyncio.sleep(0.02)


async def test_discord(bot: Bot):
    async with DiscordServer() as server:
        ann, boss = server.person("ann"), server.person("boss")
        platform = DiscordPlatform(
            server.token, bot.topics.commands, api_url=server.api_url, gateway_url=server.gateway_url
        )
        async with serving(bot, platform, AccessPolicy(frozenset({f"discord:{boss.user.id}"}))):
            await server.ready(timeout=20)
            await server.commands_synced(timeout=20)
            club = server.guild("Club").text_channel("general")
            asked = await boss.slash(boss.dm(), "operator ban", who=f"<@{ann.user.id}>", until="7d", reason="spam")
            assert "That ends <t:" in (await asked.answered()).content
            told = await ann.slash(club, "help")
            answer = await told.answered()
            assert "banned" in answer.content
            assert answer.ephemeral
            again = await ann.slash(club, "story list")
            await handled(3)
            with pytest.raises(NotAcknowledged):
                await again.acknowledged(timeout=0.5)
            lifted = await boss.slash(boss.dm(), "operator unban", who=f"<@{ann.user.id}>")
            assert "not banned any more" in (await lifted.answered()).content
            assert (await (await ann.slash(club, "story list")).answered()).content != ""


async def test_telegram(bot: Bot):
    async with TelegramServer(rules=Rules(flood=None)) as server:
        ann, boss = server.person("ann"), server.person("boss")
        platform = TelegramPlatform(server.token, bot.topics.commands, api_url=server.api_url)
        async with serving(bot, platform, AccessPolicy(frozenset({f"telegram:{boss.user.id}"}))):
            said = await boss.say(boss.chat(), f"/operator_ban telegram:{ann.user.id} 7d spam")
            await boss.wait_for_message(boss.chat(), "in 7 days", after=said)
            assert (await AccessRuleRow.get()).reason == "spam"
            said = await ann.say(ann.chat(), "/help")
            await ann.wait_for_message(ann.chat(), "banned", after=said)
            count = len(server.sent)
            await ann.say(ann.chat(), "/story_list")
            await handled(3)
            await ann.say(ann.chat(), "let me in")
            assert len(server.sent) == count
            assert await OutboxRow.filter(state="pending").count() == 0


async def test_a_person_who_blocks_the_bot_and_comes_back(bot: Bot):
    async with TelegramServer(rules=Rules(flood=None)) as server:
        ann = server.person("ann")
        platform = TelegramPlatform(server.token, bot.topics.commands, api_url=server.api_url)
        async with serving(bot, platform, OPEN):
            said = await ann.say(ann.chat(), "/status")
            await ann.wait_for_message(ann.chat(), "Status", after=said)
            ann.block()
            last = await OutboxRow.all().order_by("-id").first()
            assert last is not None
            await outbox.add(
                "telegram:late", outbox.REPLY, platform="telegram", conversation_id=last.conversation_id,
                payload=Notice(key="job.over"), destination=last.destination,
            )  # fmt: skip
            async with asyncio.timeout(20):
                while (await ConversationRow.get(platform="telegram")).left_at is None:
                    await asyncio.sleep(0.05)
            ann.unblock()
            said = await ann.say(ann.chat(), "/status")
            await ann.wait_for_message(ann.chat(), "Status", after=said)
    assert (await ConversationRow.get(platform="telegram")).left_at is None
    assert [entry.action for entry in await audit.entries()] == ["bot_added", "bot_blocked"]


async def leaves() -> None:
    """Let the bot leave at once what it is about to leave, and wait until it has."""
    async with asyncio.timeout(20):
        while not await OutboxRow.filter(kind="leave", state="sent").count():
            await rows("UPDATE outbox SET not_before = now() WHERE kind = 'leave' AND state = 'pending'")
            await asyncio.sleep(0.05)


async def test_a_guild_that_is_not_on_the_list_is_told_and_left(bot: Bot):
    async with DiscordServer() as server:
        ann, guild = server.person("ann"), server.guild("Club")
        club = guild.text_channel("general")
        platform = DiscordPlatform(
            server.token, bot.topics.commands, api_url=server.api_url, gateway_url=server.gateway_url
        )
        async with serving(bot, platform, AccessPolicy(access="listed", appeal="boss@example.org", leave=True)):
            await server.ready(timeout=20)
            await server.commands_synced(timeout=20)
            told = await ann.slash(club, "help")
            assert "boss@example.org" in (await told.answered()).content
            await leaves()
            assert not guild.installed


async def test_a_group_that_is_banned_is_told_and_left(bot: Bot):
    async with TelegramServer(rules=Rules(flood=None)) as server:
        ann = server.person("ann")
        club = server.group("Club", [ann])
        await access.put("banned", Target("place", "telegram", str(club.id)), by=None)
        platform = TelegramPlatform(server.token, bot.topics.commands, api_url=server.api_url)
        async with serving(bot, platform, AccessPolicy(leave=True)):
            said = await ann.say(club, "/help@storyfork_bot")
            await ann.wait_for_message(club, "banned this place", after=said)
            await leaves()
            assert club.blocked
