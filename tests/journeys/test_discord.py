"""A person plays on Discord: the real bot, a real worker, a strict local Discord."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from bot.stack.home import StackUrls
from tests.doubles.discord import DiscordServer, Message
from tests.journeys.processes import Program, bot, running, worker

PREMISE = "a keeper finds a door under the sea"


def page(message: Message) -> bool:
    """Whether a message shows a page with open choices."""
    labels = [b.label for b in message.buttons if not b.disabled]
    return "1" in labels and "Retry" in labels


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


def programs(discord: DiscordServer, database: str, redis_url: str, home: Path) -> tuple[Program, Program]:
    urls = StackUrls(database, redis_url)
    settings = {
        "DISCORD_TOKEN": discord.token,
        "DISCORD_API_URL": discord.api_url,
        "DISCORD_GATEWAY_URL": discord.gateway_url,
    }
    return worker(urls, home), bot(urls, home, "discord", **settings)


async def test_a_story_from_the_first_page_to_an_own_action(
    discord: DiscordServer, database: str, redis_url: str, tmp_path: Path
):
    async with running(*programs(discord, database, redis_url, tmp_path)):
        await discord.ready(timeout=60)
        await discord.commands_synced(timeout=60)
        ann = discord.person("ann")
        dm = ann.dm()
        begun = await ann.slash(dm, "story new", premise=PREMISE)
        assert (await begun.acknowledged()).latency < 3
        first = await ann.wait_for_message(dm, page, timeout=60)
        assert "keeper" in first.text
        first_text = first.text

        pressed = await ann.click(first, "2")
        assert (await pressed.acknowledged()).latency < 3
        second = await ann.wait_for_message(dm, page, timeout=60, after=first)
        await ann.wait_until(lambda: not first.buttons, timeout=10)
        assert "▸ **2.**" in first.text
        assert second.text != first_text

        went = await ann.click(second, "Back")
        await went.acknowledged()
        home = await ann.wait_for_message(dm, page, timeout=60, after=second)
        assert home.text == first_text

        old_button = home.button("1")
        assert old_button is not None
        await ann.click(home, "Retry")
        other = await ann.wait_for_message(dm, page, timeout=60, after=home)
        assert other.text != first_text

        asked = await ann.click(other, "Write your own")
        await asked.acknowledged()
        assert asked.modal is not None
        await ann.submit(asked, {"text": "I sing to the door until it hums back"})
        own = await ann.wait_for_message(dm, page, timeout=60, after=other)
        assert own.text != other.text

        told = await ann.press(home, old_button).answered()
        assert told.ephemeral
        assert "moved on" in told.text
        assert [b.label for b in told.buttons] == ["Go to the current page"]


async def test_a_story_in_a_guild_is_told_in_a_thread(
    discord: DiscordServer, database: str, redis_url: str, tmp_path: Path
):
    async with running(*programs(discord, database, redis_url, tmp_path)):
        await discord.ready(timeout=60)
        await discord.commands_synced(timeout=60)
        ann, ben = discord.person("ann"), discord.person("ben")
        channel = discord.guild("Readers").text_channel("general")
        begun = await ann.slash(channel, "story new", premise=PREMISE)
        lead = await ann.wait_for_message(channel, lambda m: "📖" in m.text, timeout=60)
        assert lead.id == (await begun.answered()).id
        await ann.wait_until(lambda: lead.id in discord.world.channels, timeout=10)
        thread = discord.world.channels[lead.id]
        first = await ann.wait_for_message(thread, page, timeout=60)
        refused = await ben.click(first, "1")
        told = await refused.answered(timeout=10)
        assert told.ephemeral
        assert "Only the person who started" in told.text
        await ann.click(first, "1")
        await ann.wait_for_message(thread, page, timeout=60, after=first)


async def test_a_dm_is_answered_and_what_was_said_during_a_restart_is_caught_up(
    discord: DiscordServer, database: str, redis_url: str, tmp_path: Path
):
    work, program = programs(discord, database, redis_url, tmp_path)
    async with running(work, program):
        await discord.ready(timeout=60)
        ann = discord.person("ann")
        dm = ann.dm()
        await ann.say(dm, "Hello! I am tired of the rain.")
        reply = await ann.wait_for_message(dm, lambda m: any(b.label == "Answer again" for b in m.buttons), timeout=60)
        assert await program.stop(patience=15) == 0
        missed = await ann.say(dm, "Are you still there?")
        await program.start()
        answer = await ann.wait_for_message(dm, lambda m: bool(m.buttons), timeout=30, after=missed)
        assert answer.text != reply.text
        assert discord.log.duplicates() == {}
