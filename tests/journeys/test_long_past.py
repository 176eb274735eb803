"""Chats and stories longer than the model's window, on both platforms, with a real model: a tiny random one.

Bot and worker are in this process, so that what the model is told can be read.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from bot.platforms.base import Platform
from bot.platforms.discord import DiscordPlatform
from bot.platforms.telegram import TelegramPlatform
from bot.topics import Topics
from db import stories
from db.agents import FunctionSettings
from db.connection import row, rows, transaction
from db.memory import facts, indexing
from db.stories import Page
from prompts.registry import default_registry
from tests.bot.served import served
from tests.effort import times
from tests.journeys.in_process import cpu_worker
from tests.journeys.people import ANSWER_AGAIN, RETRY, TOWNS, DiscordTown, Player, Shown, TelegramTown, Town
from tests.models.tiny_gguf import tiny_gguf
from tests.topics import product_topics
from workers.context.builder import ContextBuilder
from workers.context.settings import ContextSettings
from workers.engine_registries import text_engines
from workers.engines.text.base import Completion, TextRequest
from workers.engines.text.build import build_text_chain
from workers.engines.text.chain import FallbackNote, TextChain
from workers.engines.text.settings import TextSettings
from workers.queue import Queue
from workers.services import Services

WINDOW: Final = 4096
TOLD: Final = "My brother Orlando keeps bees in Dubrovnik."
LATER: Final = 100
"""Exchanges after that."""
PAGES: Final = 60
SHORT: Final = 200
"""Tokens of an answer: what a random model says does not matter."""
LONG: Final = "The road goes on through the rain, and nobody has lit the lamps yet. " * 14


class OverheardChain(TextChain):
    """A chain that keeps what it is asked."""

    def __init__(self, chain: TextChain) -> None:
        super().__init__(chain.engines, "large")
        self.requests: list[TextRequest] = []

    async def stream(
        self, request: TextRequest, notes: list[FallbackNote] | None = None, **how: Any
    ) -> AsyncGenerator[str | Completion]:
        self.requests.append(request)
        async for piece in super().stream(request, notes, **how):
            yield piece


@dataclass(frozen=True)
class Overheard:
    """A platform with a person, and what the model was asked."""

    ann: Player
    chain: OverheardChain

    async def shown(self, wanted: Callable[[Shown], bool], after: int) -> Shown:
        """Wait for a message that is wanted, made since the chat had ``after``."""
        async with asyncio.timeout(400):
            while True:
                for message in self.ann.messages(after):
                    if wanted(message):
                        return message
                await asyncio.sleep(0.2)

    async def reply_to(self, text: str) -> str:
        """Say something, and return the last message of the prompt of its answer."""
        after, asked = self.ann.count(), len(self.chain.requests)
        await self.ann.say(text)
        await self.shown(lambda m: ANSWER_AGAIN in m.labels, after)
        return self.chain.requests[asked].messages[-1].content


def platform_of(town: Town, topics: Topics) -> Platform:
    """The bot's side of a town."""
    if isinstance(town, TelegramTown):
        return TelegramPlatform(town.server.token, topics.commands, api_url=town.server.api_url)
    assert isinstance(town, DiscordTown)
    server = town.server
    return DiscordPlatform(server.token, topics.commands, api_url=server.api_url, gateway_url=server.gateway_url)


@pytest.fixture
async def place(
    request: pytest.FixtureRequest, database: str, redis_url: str, tmp_path: Path
) -> AsyncGenerator[Overheard]:
    del database
    town: Town = TOWNS[request.param]()
    settings = TextSettings(text_model=tiny_gguf(tmp_path), llama_context=WINDOW)
    chain = OverheardChain(await asyncio.to_thread(build_text_chain, settings, text_engines()[0]))
    await town.start()
    try:
        async with Queue(redis_url) as queue:
            patient = ContextBuilder(ContextSettings(recall_ms=20_000))
            short = FunctionSettings.model_construct(writer_max_tokens=SHORT, persona_max_tokens=SHORT)
            services = Services(chain, default_registry(), queue, context=patient, sampling=short)
            topics = product_topics()
            platform = platform_of(town, topics)
            async with cpu_worker(queue, 2, services=services), served(topics, {town.name: platform}, redis_url):
                await town.ready(timeout=200)
                yield Overheard(town.player("ann"), chain)
    finally:
        await town.stop()
        await chain.close()


async def fits() -> None:
    """Every prompt left room for its answer in the window."""
    found = await rows(
        "SELECT (receipt -> 'context' ->> 'prompt_tokens')::int AS prompt, (receipt -> 'context' ->> 'answer')::int "
        "AS answer, (receipt -> 'context' ->> 'window')::int AS size FROM ai_tasks WHERE receipt ? 'context'"
    )
    assert found
    assert all(each["prompt"] + each["answer"] <= each["size"] <= WINDOW for each in found)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("place", ["telegram", "discord"][: times(1, 2)], indirect=True)
async def test_what_was_told_200_messages_ago_is_known_until_it_is_forgotten(place: Overheard):
    assert TOLD not in await place.reply_to("Hello, who are you?")
    (chat,) = await rows(
        "SELECT m.id AS memory, c.account_id, c.id AS conversation, m.persona_id, u.id AS user FROM memories m "
        "JOIN conversations c ON c.id = m.conversation_id, users u"
    )
    for said in (TOLD, *(f"On day {n} we counted {n} gulls over the harbour and went home." for n in range(LATER))):
        await rows(
            "WITH said AS (INSERT INTO chat_messages (conversation_id, persona_id, user_id, role, text, verdict) "
            "VALUES ($1, $2, $3, 'user', $4, 'checked') RETURNING id) INSERT INTO chat_messages "
            "(conversation_id, persona_id, role, reply_to_id, text) SELECT $1, $2, 'persona', id, 'I see.' FROM said",
            chat["conversation"], chat["persona_id"], chat["user"], said,
        )  # fmt: skip
    while await indexing.index_chat(chat["account_id"], chat["conversation"], chat["persona_id"], 0):
        pass
    assert TOLD in await place.reply_to("Where does Orlando keep his bees?")
    asked = place.chain.requests[-1]
    assert "On day 99" in str(asked.messages)
    assert "On day 30 " not in str(asked.messages), "the chat is longer than the window"
    await facts.forget_about(chat["account_id"], chat["memory"], "Dubrovnik")
    assert "Dubrovnik" not in await place.reply_to("And where are the bees of Orlando?")
    await fits()


async def grow(story_id: int) -> Page:
    """Read on until the story has `PAGES` pages; nobody is shown these."""
    story = await row("SELECT account_id, owner_id, cursor_id, revision FROM stories WHERE id = $1", story_id)
    assert story is not None
    page, revision = story["cursor_id"], story["revision"]
    while True:
        async with transaction():
            move = await stories.choose(story["account_id"], story["owner_id"], page, revision, 1)
            made = await stories.attach_page(
                move.page.id, title="", text=f"Page {move.page.number}. {LONG}", ending=False,
                choices=[("Go left", "bold"), ("Go right", "careful")],
            )  # fmt: skip
        assert made is not None
        page, revision = made.id, move.story.revision
        if made.number == PAGES:
            return made


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("place", ["discord", "telegram"][: times(1, 2)], indirect=True)
async def test_a_story_of_60_pages_never_exceeds_the_window(place: Overheard):
    await place.ann.begin("a keeper finds a door under the sea")
    first = await place.shown(lambda m: m.page and "1" in m.labels, 0)
    (story,) = await rows("SELECT id FROM stories")
    await grow(story["id"])
    # The old buttons lead to the current page.
    after = place.ann.count()
    await place.ann.press(first, "1")
    moved = await place.shown(lambda m: "Go to the current page" in m.labels, after)
    await place.ann.press(moved, "Go to the current page")
    shown = await place.shown(lambda m: m.page and f"Page {PAGES}." in m.text, after)
    # The model may end the story here; written anew it is in any case.
    for label in ("1", RETRY):
        after, asked = place.ann.count(), len(place.chain.requests)
        await place.ann.press(shown, label)
        shown = await place.shown(lambda m: m.page, after)
        prompt = str(place.chain.requests[asked].messages)
        assert f"Write page {PAGES + 1}" in prompt
        assert f"Page {PAGES}." in prompt
        assert "keeper finds a door" in prompt
    await fits()
