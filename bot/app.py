"""The bot process: wires platforms, router, courier and progress together and runs them."""

import asyncio
import logging
import signal
from collections.abc import Mapping

from bot.compose import Composer
from bot.courier import Courier
from bot.events import Event
from bot.fetching import FileFetcher
from bot.platforms.base import Outcome, Platform
from bot.platforms.registry import platforms as platform_registry
from bot.progress import ProgressBoard
from bot.router import Router
from bot.settings import BotSettings
from bot.topics import Topics, load_topics
from bot.views.base import ViewServices
from db import personas
from db.connection import connect
from db.settings import DatabaseSettings
from db.work import job_types
from prompts.personas import load_personas
from prompts.preload import preload
from prompts.registry import default_registry
from workers.queue import PROGRESS_CHANNEL, Queue, outbox_channel

_log = logging.getLogger(__name__)


async def run(settings: BotSettings, names: list[str]) -> int:
    """Run the named platforms until SIGTERM, SIGINT or the end of the console; return the exit status."""
    database = DatabaseSettings()
    topics = await asyncio.to_thread(_load)
    platforms = {name: _build(name, settings, topics) for name in names}
    async with (
        connect(database.database_url, pool_size=database.storyfork_database_pool),
        Queue(settings.redis_url) as queue,
    ):
        await personas.sync_shipped([card.model_dump(mode="json") for card in load_personas()])
        return await serve(
            platforms, topics, queue, operators=settings.storyfork_operators, adults=settings.storyfork_adults
        )


def _load() -> Topics:
    """Preload the files that events need, so that no event blocks the loop on disk reads."""
    preload()
    job_types()
    return load_topics()


async def serve(
    platforms: Mapping[str, Platform],
    topics: Topics,
    queue: Queue,
    *,
    operators: frozenset[str] = frozenset(),
    adults: bool = False,
) -> int:
    """Serve connected platforms; the database is open. Returns the exit status."""
    prompts = default_registry()
    composer = Composer(topics.views, ViewServices(topics.commands, topics.forms, prompts, queue, operators))
    board = ProgressBoard(platforms, composer.cancel_buttons)
    courier = Courier(platforms, composer, board)

    def on_commit(event: Event, outcome: Outcome) -> None:
        if outcome.status == "working" and event.deferred:
            board.expect(event.key, event.platform, event.destination, "", event.user.language)
        courier.notify(event.platform)
        fetcher.notify(event.platform)

    capabilities = {name: p.capabilities for name, p in platforms.items()}
    router = Router(topics, composer, prompts, queue, capabilities, on_commit, adults=adults)
    fetcher = FileFetcher(platforms, router, topics.commands)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listeners = {asyncio.create_task(p.run(router), name=name): p for name, p in platforms.items()}
    delivering = asyncio.create_task(courier.run(), name="courier")
    fetching = asyncio.create_task(fetcher.run(), name="fetching")
    hearing = asyncio.create_task(_hear(queue, courier, board, list(platforms)), name="hearing")
    stopping: asyncio.Task[object] = asyncio.create_task(stop.wait(), name="stop")
    tasks: list[asyncio.Task[object]] = [*listeners, delivering, fetching, hearing, stopping]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    _log.info("the bot stops: %s", ", ".join(t.get_name() for t in done))
    for task in (*listeners, stopping, fetching, hearing):
        task.cancel()
    await asyncio.wait([*listeners, stopping, fetching, hearing])
    delivering.cancel()
    await asyncio.wait([delivering])
    for task in done:
        task.result()
    return next((code for p in platforms.values() if (code := getattr(p, "exit_code", 0))), 0)


async def _hear(queue: Queue, courier: Courier, board: ProgressBoard, names: list[str]) -> None:
    channels = {outbox_channel(name): name for name in names}
    async for heard in queue.listen(PROGRESS_CHANNEL, *channels):
        if heard is None:
            for name in names:
                courier.notify(name)
        elif heard[0] == PROGRESS_CHANNEL:
            board.hear(heard[1])
        else:
            courier.notify(channels[heard[0]])


def _build(name: str, settings: BotSettings, topics: Topics) -> Platform:
    spec = platform_registry().get(name)
    if spec is None:
        raise ValueError(f"there is no platform {name!r}")
    return spec.build(settings, topics)
