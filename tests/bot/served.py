"""Platforms in front of a router and a courier, over the real database and Redis, without a worker."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from bot.compose import Composer
from bot.courier import Courier
from bot.platforms.base import Platform
from bot.progress import ProgressBoard
from bot.router import Router
from bot.topics import Topics
from bot.views.base import ViewServices
from db import personas
from prompts.personas import load_personas
from prompts.registry import default_registry
from tests.clean import newcomers
from workers.queue import Queue


@asynccontextmanager
async def served(topics: Topics, platforms: Mapping[str, Platform], redis_url: str) -> AsyncGenerator[None]:
    """Serve platforms until the block ends; people are welcomed in their first message."""
    await newcomers()
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    async with Queue(redis_url) as queue:
        prompts = default_registry()
        composer = Composer(topics.views, ViewServices(topics.commands, topics.forms, prompts, queue))
        courier = Courier(platforms, composer, ProgressBoard(platforms, composer.cancel_buttons))
        capabilities = {name: platform.capabilities for name, platform in platforms.items()}
        router = Router(
            topics, composer, prompts, queue, capabilities, lambda e, _: courier.notify(e.platform), patience_s=60
        )
        tasks = [asyncio.create_task(courier.run()), *(asyncio.create_task(p.run(router)) for p in platforms.values())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
