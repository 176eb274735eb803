"""Plays the material with a model: as the product does it, or as it did before the gate and the prompts by size."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.craft_bench.material import Amount, cards, chats, stories
from bot.stack.embedded import embedded_stack
from db import personas
from db.agents import FunctionSettings
from db.connection import connect
from db.environment import read_settings
from db.migrate import migrate
from prompts.registry import default_registry
from workers.craft.settings import CraftSettings
from workers.engine_registries import text_engines
from workers.engines.text.build import build_text_chain
from workers.engines.text.settings import TextSettings
from workers.offline import NAME as OFFLINE
from workers.preload import preload
from workers.queue import Queue
from workers.services import Services
from workers.trials.cases import ChatCase, StoryCase
from workers.trials.play import PlayedPage, PlayedReply, TrialPlayer, together


@dataclass(frozen=True, slots=True)
class Side:
    """A way to play: with one prompt for all models and no gate, or as it is."""

    name: str
    text: TextSettings
    craft: CraftSettings


@dataclass(frozen=True, slots=True)
class Play:
    """What was played, and the seconds that it took."""

    stories: list[tuple[StoryCase, list[PlayedPage]]]
    chats: list[tuple[ChatCase, list[PlayedReply]]]
    stories_s: float
    chats_s: float


def sides(settings: TextSettings) -> dict[str, Side]:
    """Return both ways for the model of ``settings``, and the offline writer's."""
    return {
        "before": Side("before", settings.model_copy(update={"model_size": "large"}), CraftSettings(enabled=False)),
        "after": Side("after", settings, CraftSettings(enabled=True)),
        OFFLINE: Side(OFFLINE, settings.model_copy(update={"use_ai": False}), CraftSettings(enabled=True)),
    }


async def play(
    side: Side, amount: Amount, language: str, seed: int, parallel: int, heard: Callable[[str], None]
) -> Play:
    """Play all of it, ``parallel`` at a time. ``heard`` gets a line for each story and chat."""
    async with _services(side) as services:
        player = TrialPlayer(services)

        async def story(case: StoryCase) -> tuple[StoryCase, list[PlayedPage]]:
            pages = await player.story(case, amount.pages)
            heard(f"{side.name}: {len(pages)} pages of “{case.premise}”")
            return case, pages

        begun = time.perf_counter()
        told = await together(parallel, [story(case) for case in stories(amount, language, seed)])
        middle = time.perf_counter()
        chatting = chats(amount, language, seed)
        replies = await player.chats(chatting, parallel)
        heard(f"{side.name}: {sum(map(len, replies))} replies")
        ended = time.perf_counter()
    return Play(told, list(zip(chatting, replies, strict=True)), middle - begun, ended - middle)


@asynccontextmanager
async def _services(side: Side) -> AsyncGenerator[Services]:
    """The services of a worker, in a database of its own with all cards."""
    with tempfile.TemporaryDirectory(prefix="storyfork-craft-") as home:
        async with embedded_stack(Path(home), durable=False) as stack:
            await migrate(stack.database_url)
            await asyncio.to_thread(preload)
            chain = await asyncio.to_thread(build_text_chain, side.text, text_engines()[0])
            try:
                async with connect(stack.database_url, pool_size=8), Queue(stack.redis_url) as queue:
                    await personas.sync_shipped(cards())
                    yield Services(
                        chain, default_registry(), queue, craft=side.craft, sampling=read_settings(FunctionSettings)
                    )
            finally:
                await chain.close()
