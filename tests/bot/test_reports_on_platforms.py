"""Reports as people make them: a reply with a command on Telegram, the menu of a message on Discord."""

from collections.abc import AsyncGenerator

import pytest

from bot.platforms.discord import DiscordPlatform
from bot.platforms.telegram import TelegramPlatform
from db import outbox
from db.connection import row, rows
from db.models import ChatMessageRow
from db.payloads.persona import ChatReply
from tests.bot.served import served
from tests.clean import known_people
from tests.doubles.discord import DiscordServer
from tests.doubles.telegram import TelegramServer
from tests.doubles.telegram.rules import Rules
from tests.topics import product_topics


@pytest.fixture
async def telegram(database: str, redis_url: str) -> AsyncGenerator[TelegramServer]:
    topics = product_topics()
    async with TelegramServer(rules=Rules(flood=None)) as server:
        platform = TelegramPlatform(server.token, topics.commands, api_url=server.api_url)
        async with served(topics, {"telegram": platform}, redis_url):
            yield server


@pytest.fixture
async def discord(database: str, redis_url: str) -> AsyncGenerator[DiscordServer]:
    topics = product_topics()
    async with DiscordServer() as server:
        platform = DiscordPlatform(
            server.token,
            topics.commands,
            menus=tuple(topics.menus),
            api_url=server.api_url,
            gateway_url=server.gateway_url,
        )
        async with served(topics, {"discord": platform}, redis_url):
            await server.ready(timeout=20)
            await server.commands_synced(timeout=20)
            yield server


async def says(platform: str, *texts: str) -> list[int]:
    """Replies of a persona, sent to the only conversation; returns their ids."""
    conversation = await row("SELECT id FROM conversations WHERE platform = $1", platform)
    persona = await row("SELECT id FROM personas ORDER BY id LIMIT 1")
    person = await row("SELECT user_id FROM identities WHERE platform = $1", platform)
    assert conversation is not None
    assert persona is not None
    assert person is not None
    place = await outbox.place_of(conversation["id"], person["user_id"])
    assert place is not None
    made: list[int] = []
    for text in texts:
        about = {"conversation_id": conversation["id"], "persona_id": persona["id"]}
        asked = await ChatMessageRow.create(**about, user_id=person["user_id"], role="user", text="And then?")
        message = await ChatMessageRow.create(**about, role="persona", reply_to_id=asked.id, text=text)
        await outbox.add(
            f"{platform}:{text}",
            outbox.REPLY,
            platform=platform,
            conversation_id=conversation["id"],
            payload=ChatReply(message=message.id),
            destination=place.destination,
        )
        made.append(message.id)
    return made


async def reported() -> list[tuple[int, str]]:
    return [(each["message_id"], each["reason"]) for each in await rows("SELECT * FROM reports ORDER BY id")]


async def test_a_reply_with_the_command_on_telegram_reports_that_message(telegram: TelegramServer):
    await known_people()
    ann, bob = telegram.person("ann"), telegram.person("bob")
    group = telegram.group("Readers", [ann, bob])
    await ann.say(group, "/help")
    await ann.wait_for_message(group, "Help")
    first, last = await says("telegram", "The first words.", "The last words.")
    shown = await ann.wait_for_message(group, "The first words.")
    newest = await ann.wait_for_message(group, "The last words.")
    said = await bob.say(group, "/report it is about me", reply_to=shown)
    await bob.wait_for_message(group, "Thank you", after=said)
    assert await reported() == [(first, "it is about me")]
    said = await bob.say(group, "/report", reply_to=said)
    await bob.wait_for_message(group, "nothing that can be reported", after=said)
    said = await bob.say(group, "/report", reply_to=newest)
    await bob.wait_for_message(group, "Thank you", after=said)
    assert await reported() == [(first, "it is about me"), (last, "")]


async def test_the_menu_of_a_message_on_discord_reports_that_message(discord: DiscordServer):
    await known_people()
    ann = discord.person("ann")
    channel = ann.dm()
    await ann.slash(channel, "help")
    await ann.wait_for_message(channel)
    first, _ = await says("discord", "The first words.", "The last words.")
    shown = await ann.wait_for_message(channel, lambda m: "The first words." in m.content)
    await ann.wait_for_message(channel, lambda m: "The last words." in m.content)
    asked = await ann.message_command(channel, "Report", shown)
    assert "Thank you" in (await asked.answered()).content
    assert await reported() == [(first, "")]
