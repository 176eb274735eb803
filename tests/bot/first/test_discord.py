"""The first minute on Discord: real client, real router, a strict local Discord."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from bot.platforms.discord import DiscordPlatform
from db.connection import rows
from tests.bot.served import served
from tests.doubles.discord import DiscordServer, Message, Person
from tests.topics import product_topics


@pytest.fixture
async def discord(database: str, redis_url: str) -> AsyncGenerator[DiscordServer]:
    topics = product_topics()
    async with DiscordServer() as server:
        platform = DiscordPlatform(
            server.token, topics.commands, api_url=server.api_url, gateway_url=server.gateway_url
        )
        async with served(topics, {"discord": platform}, redis_url):
            await server.ready(timeout=20)
            await server.commands_synced(timeout=20)
            yield server


def labels(message: Message) -> list[str]:
    return [button.label for button in message.buttons]


async def test_a_greeting_in_a_private_chat_gets_the_first_screen(discord: DiscordServer):
    ann = discord.person("ann")
    dm = ann.dm()
    await ann.say(dm, "hey")
    panel = await ann.wait_for_message(dm, lambda m: "Welcome to Storyfork" in m.content)
    assert labels(panel) == ["Begin a story", "Meet somebody", "Settings", "Help"]
    await ann.click(panel, "Meet somebody")
    await changed(ann, panel, "Keeper of the last lighthouse")
    await ann.click(panel, "Next")
    await changed(ann, panel, "Vex")
    await ann.click(panel, "Back")
    await changed(ann, panel, "Welcome to Storyfork")
    assert len([m for m in ann.messages(dm) if m.author.bot]) == 1


async def test_a_guild_that_adds_the_bot_is_welcomed_where_it_may_write(discord: DiscordServer):
    ann, bob = discord.person("ann"), discord.person("bob")
    guild = discord.guild("Harbour")
    guild.make_admin(ann)
    closed, hall = guild.text_channel("rules"), guild.text_channel("hall")
    closed.deny("SEND_MESSAGES")
    guild.add_bot()
    panel = await bob.wait_for_message(hall, lambda m: "Welcome to Storyfork" in m.content)
    assert len([line for line in panel.content.splitlines() if line.strip()]) <= 4
    assert "/settings" in panel.content
    # What one person opens, they alone see; it changes in place all the same.
    await bob.click(panel, "Help")
    mine = await bob.wait_for_message(hall, lambda m: "What do you want to know more about" in m.content)
    assert mine.ephemeral
    (topics,) = mine.selects
    await bob.select(mine, topics.custom_id, [value for label, value in topics.options if label == "Stories"])
    await changed(bob, mine, "/story new premise: a keeper finds a door under the sea genre: mystery")
    await bob.click(mine, "Back")
    await changed(bob, mine, "What do you want to know more about")
    assert "/imagine" not in mine.content
    guild.add_bot()  # the event comes again
    await bob.slash(hall, "status")
    await bob.wait_for_message(hall, lambda m: "Status" in m.content)
    assert sum("Welcome to Storyfork" in m.content for m in bob.messages(hall)) == 1
    guild.remove_bot()
    async with asyncio.timeout(20):
        while await rows("SELECT FROM accounts WHERE kind = 'guild' AND left_at IS NULL"):
            await asyncio.sleep(0.02)


async def test_a_story_is_begun_from_a_menu_that_only_one_person_sees(discord: DiscordServer):
    ann = discord.person("ann")
    hall = discord.guild("Harbour").text_channel("hall")
    await ann.slash(hall, "start")
    panel = await ann.wait_for_message(hall, lambda m: "Welcome to Storyfork" in m.content)
    assert panel.ephemeral
    await ann.click(panel, "Begin a story")
    await changed(ann, panel, "How shall it begin?")
    await ann.click(panel, "2")
    await ann.wait_until(lambda: not panel.buttons)
    (story,) = await rows("SELECT premise FROM stories")
    assert f"▸ **2.** **{story['premise']}**" in panel.content


async def test_settings_in_a_channel_are_seen_by_the_person_alone(discord: DiscordServer):
    ann = discord.person("ann")
    guild = discord.guild("Harbour")
    guild.make_admin(ann)
    hall = guild.text_channel("hall")
    await ann.slash(hall, "settings")
    panel = await ann.wait_for_message(hall, lambda m: "Your settings" in m.content)
    assert panel.ephemeral
    await ann.click(panel, "Language of your stories")
    await changed(ann, panel, "Now: **that of your app**")
    (select,) = panel.selects
    german = next(value for label, value in select.options if label == "German")
    await ann.select(panel, select.custom_id, [german])
    await changed(ann, panel, "Language of your stories: German")
    assert await rows("SELECT story_language FROM users WHERE story_language <> ''") == [{"story_language": "de"}]
    await ann.click(panel, "This place")
    await changed(ann, panel, "Settings of this place")


async def changed(person: Person, message: Message, text: str) -> None:
    await person.wait_until(lambda: text in message.content)
