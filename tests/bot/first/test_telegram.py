"""The first minute on Telegram: real client, real router, a strict local Bot API."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from bot.platforms.telegram import TelegramPlatform
from db.connection import rows
from tests.bot.served import served
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


async def test_the_first_screen_changes_in_place_up_to_a_story(telegram: TelegramServer):
    ann = telegram.person("ann")
    dm = ann.chat()
    await ann.say(dm, "/start")
    panel = await ann.wait_for_message(dm, "Welcome to Storyfork")
    assert panel.labels == ["Begin a story", "Meet somebody", "Settings", "Help"]
    assert len([line for line in panel.text.splitlines() if line.strip()]) <= 4
    await ann.tap(panel, "Begin a story")
    await ann.wait_until(panel, "How shall it begin?")
    first = panel.text
    assert panel.labels[:7] == [
        "✓ Anything", "Fantasy", "Mystery", "Science fiction", "Horror", "Romance", "Adventure",
    ]  # fmt: skip
    await ann.tap(panel, "Horror")
    await ann.wait_until(panel, lambda m: "✓ Horror" in m.labels)
    second = panel.text
    await ann.tap(panel, "Other ideas")
    await ann.wait_until(panel, lambda m: m.text != second)
    shown = [
        line[3:] for text in (first, second, panel.text) for line in text.splitlines() if line[:2] in {"1.", "2.", "3."}
    ]
    assert len(set(shown)) == 9
    premise = next(line[3:] for line in panel.text.splitlines() if line.startswith("2."))
    await ann.tap(panel, "2")
    await ann.wait_until(panel, lambda m: not m.buttons)
    assert "▸ 2." in panel.text
    (story,) = await rows("SELECT premise, genre FROM stories")
    assert story == {"premise": premise, "genre": "horror"}


async def test_a_greeting_gets_the_first_screen_a_request_its_answer_and_one_hint(telegram: TelegramServer):
    ann, bob = telegram.person("ann"), telegram.person("bob")
    await ann.say(ann.chat(), "Hi there!")
    await ann.wait_for_message(ann.chat(), "Welcome to Storyfork")
    assert await rows("SELECT FROM jobs") == []
    said = await bob.say(bob.chat(), "Who lives in this lighthouse?")
    hint = await bob.wait_for_message(bob.chat(), "Here is what else you can do", after=said)
    assert hint.labels[0] == "Begin a story"
    await replies(1)
    await bob.say(bob.chat(), "Hello?")
    await replies(2)
    assert sum("what else you can do" in m.text for m in bob.chat().messages) == 1


async def replies(number: int) -> None:
    """Wait until so many replies of personas are asked for."""
    async with asyncio.timeout(60):
        while len(await rows("SELECT FROM jobs WHERE type = 'persona_reply'")) < number:
            await asyncio.sleep(0.02)


async def test_a_group_that_adds_the_bot_is_welcomed_once(telegram: TelegramServer):
    ann, bob = telegram.person("ann"), telegram.person("bob")
    group = telegram.group("Readers", [ann, bob])
    panel = await bob.wait_for_message(group, "Welcome to Storyfork")
    lines = [line for line in panel.text.splitlines() if line.strip()]
    assert len(lines) <= 4
    assert "/settings" in lines[-1]
    await bob.tap(panel, "Begin a story")
    own = await bob.wait_for_message(group, "How shall it begin?", after=panel)
    assert "Welcome" in panel.text  # the shared one stays
    tap = await ann.tap(own, "Surprise me")
    assert "opened by somebody else" in ((await tap.answered()).text or "")
    await bob.tap(own, "Back")
    await bob.wait_until(own, "Welcome to Storyfork")


async def test_settings_change_in_place_for_the_person_and_the_place(telegram: TelegramServer):
    ann, bob = telegram.person("ann"), telegram.person("bob")
    group = telegram.group("Readers", [ann, bob], privacy=False)
    telegram.appoint(group, ann, owner=True)
    said = await bob.say(group, "/settings")
    mine = await bob.wait_for_message(group, "Your settings", after=said)
    assert "This place" not in mine.labels
    said = await ann.say(group, "/settings")
    panel = await ann.wait_for_message(group, "Your settings", after=said)
    await ann.tap(panel, "This place")
    await ann.wait_until(panel, "Settings of this place")
    await ann.tap(panel, "Language of stories here")
    await ann.wait_until(panel, "Now: everybody's own")
    await ann.tap(panel, "German")
    await ann.wait_until(panel, "Saved. Language of stories here: German")
    tap = await bob.tap(panel, "Language of stories here")
    assert "opened by somebody else" in ((await tap.answered()).text or "")
    (settings,) = await rows("SELECT settings ->> 'language' AS language FROM accounts WHERE kind = 'group'")
    assert settings == {"language": "de"}
    await ann.say(group, "/story_new a keeper finds a door")
    await ann.wait_for_message(group, lambda m: m.labels == ["Cancel"], after=panel)
    assert await rows("SELECT language FROM stories") == [{"language": "de"}]
