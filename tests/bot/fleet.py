"""Bot processes of one service, in one process: each with clients of its own to the local platforms, one database."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from bot.app import Bot, seat_names
from bot.identity import ProcessIdentity
from bot.platforms.registry import platforms
from bot.settings import BotSettings
from db import outbox, personas
from db.connection import row, rows
from db.leaders import leaders
from db.payloads.notice import Notice
from prompts.personas import load_personas
from tests.journeys.people import Town
from tests.topics import product_topics
from workers.queue import PROGRESS_CHANNEL, Queue, outbox_channel

FINAL: Final = "form.nothing_to_cancel"
"""The wording of every answer here."""
_numbers = itertools.count(1)


class Process:
    """One bot process."""

    def __init__(self, bot: Bot, key: str, queue: Queue) -> None:
        self.bot, self.key, self.queue = bot, key, queue
        self.stopping = asyncio.Event()
        self.task = asyncio.create_task(self._serve(), name=key)

    async def _serve(self) -> int:
        async with self.queue:
            return await self.bot.serve(self.stopping)

    async def stop(self) -> int:
        """As SIGTERM does; returns the exit status."""
        self.stopping.set()
        return await self.task

    async def freeze(self) -> None:
        """Its elections stand still, as if its database had gone silent: it does not know what the others do."""

        async def silent(connection: object) -> None:
            del connection
            await asyncio.sleep(3600)

        self.bot._leadership._round = silent  # type: ignore[method-assign]


class Fleet:
    """A service whose bot processes start and stop."""

    def __init__(self, database: str, redis_url: str, *towns: Town) -> None:
        self.database, self.redis_url, self.towns = database, redis_url, towns
        self.processes: list[Process] = []

    async def start(self, settings: Mapping[str, str] | None = None) -> Process:
        """Start one more process for all towns."""
        await personas.sync_shipped([shipped.card() for shipped in load_personas()])
        named = {name.lower(): value for town in self.towns for name, value in town.settings.items()}
        known = BotSettings.model_validate(named | {k.lower(): v for k, v in (settings or {}).items()})
        topics = product_topics()
        specs = [spec for town in self.towns if (spec := platforms().get(town.name)) is not None]
        key = f"process {next(_numbers)}"
        queue = Queue(self.redis_url)
        bot = Bot(
            {spec.name: spec.build(known, topics) for spec in specs}, topics, queue, self.database,
            ProcessIdentity(key=key, shown=key), seats={spec.name: seat_names(spec, known) for spec in specs},
        )  # fmt: skip
        process = Process(bot, key, queue)
        self.processes.append(process)
        return process

    async def led_by(self, process: Process, *names: str, within: float = 30.0) -> None:
        """Wait until a process leads these platforms (default: all)."""
        wanted = dict.fromkeys(names or [town.name for town in self.towns], process.key)
        async with asyncio.timeout(within):
            while not wanted.items() <= {leader.name: leader.holder for leader in await leaders()}.items():
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Stop what runs."""
        for process in self.processes:
            if not process.task.done():
                with contextlib.suppress(Exception):
                    await process.stop()


@asynccontextmanager
async def fleet(database: str, redis_url: str, *towns: Town) -> AsyncGenerator[Fleet]:
    """A service of these towns, without a process yet."""
    for town in towns:
        await town.start()
    service = Fleet(database, redis_url, *towns)
    try:
        yield service
    finally:
        await service.close()
        for town in towns:
            await town.stop()


class BusyWorker:
    """Stands where workers stand: publishes progress of every job, quickly, and answers it after a while."""

    def __init__(self, redis_url: str, *, seconds: float) -> None:
        self.queue, self.seconds = Queue(redis_url), seconds
        self.answered: set[str] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        busy: dict[int, asyncio.Task[None]] = {}
        async with self.queue, asyncio.TaskGroup() as group:
            while True:
                for job in await rows("SELECT id, event_key FROM jobs WHERE state = 'queued' ORDER BY id"):
                    if job["id"] not in busy:
                        busy[job["id"]] = group.create_task(self._work(job["id"], job["event_key"]))
                await asyncio.sleep(0.05)

    async def _work(self, job: int, event: str) -> None:
        loop = asyncio.get_running_loop()
        # Answers come at all phases of the platforms' pace.
        ends = loop.time() + self.seconds * (1 + job % 7 / 7)
        while loop.time() < ends:
            await self._progress(job, event)
            await asyncio.sleep(0.05)
        found = await row("SELECT conversation_id, destination::text AS place FROM jobs WHERE id = $1", job)
        assert found is not None
        platform = event.partition(":")[0]
        await rows("UPDATE jobs SET state = 'done', finished_at = now() WHERE id = $1 RETURNING id", job)
        await rows(
            "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination) "
            "VALUES ($1, $2, $3, $4, 'notice', $5::jsonb, $6::jsonb) RETURNING id",
            event, outbox.REPLY, platform, found["conversation_id"], Notice(key=FINAL).model_dump_json(),
            found["place"],
        )  # fmt: skip
        await self._progress(job, event)
        self.answered.add(event)
        await self.queue.publish(outbox_channel(platform))

    async def _progress(self, job: int, event: str) -> None:
        await self.queue.publish(PROGRESS_CHANNEL, {"job": job, "event": event, "phase": "finishing", "percent": 99})
