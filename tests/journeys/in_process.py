"""A bot on the Telegram double, and workers, in this process: real router, courier and runner, without a model."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from bot.compose import Composer
from bot.courier import Courier
from bot.platforms.telegram import TelegramPlatform
from bot.progress import ProgressBoard
from bot.router import Router
from bot.views.base import ViewServices
from db import personas
from prompts.personas import load_personas
from prompts.registry import default_registry
from tests.doubles.telegram import TelegramServer
from tests.topics import product_topics
from workers.engines.text.base import TextEngine
from workers.engines.text.chain import TextChain
from workers.main import WakeupWorker
from workers.queue import Queue, outbox_channel, wake_channel
from workers.runner import Runner
from workers.services import Services


@asynccontextmanager
async def telegram_bot(server: TelegramServer, queue: Queue) -> AsyncGenerator[None]:
    """A bot without limits."""
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    topics, prompts = product_topics(), default_registry()
    platform = TelegramPlatform(server.token, topics.commands, api_url=server.api_url)
    composer = Composer(topics.views, ViewServices(topics.commands, topics.forms, prompts, queue, frozenset()))
    board = ProgressBoard({"telegram": platform}, composer.cancel_buttons)
    courier = Courier({"telegram": platform}, composer, board)
    router = Router(
        topics, composer, prompts, queue, {"telegram": platform.capabilities}, lambda e, _: courier.notify(e.platform)
    )

    async def hear() -> None:
        async for _ in queue.listen(outbox_channel("telegram")):
            courier.notify("telegram")

    async with together(platform.run(router), courier.run(), hear()):
        yield


@asynccontextmanager
async def cpu_worker(
    queue: Queue, slots: int, *engines: TextEngine, services: Services | None = None
) -> AsyncGenerator[None]:
    """A worker that is woken by Redis alone; without ``engines``, or ``services`` with some, templates write."""
    services = services or Services(TextChain(engines), default_registry(), queue)
    worker = WakeupWorker(queue, "cpu", Runner(services, slots))

    async def hear() -> None:
        async for _ in queue.listen(wake_channel("cpu")):
            worker.notify()

    async with together(worker.serve(), hear()):
        yield


@asynccontextmanager
async def together(*loops: Coroutine[Any, Any, Any]) -> AsyncGenerator[None]:
    """Run endless loops during the block."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
