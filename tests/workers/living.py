"""Workers that exist by their heartbeats only."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from db import heartbeats
from db.heartbeats import Heartbeat
from workers.queue import Queue


async def lives(
    worker: str,
    *,
    queues: Sequence[str] = ("cpu",),
    models: Sequence[str] = (),
    image_engines: Sequence[str] = (),
    running: int = 0,
    capacity: int = 32,
) -> None:
    """A worker beats once."""
    host = worker.partition(":")[0]
    await heartbeats.beat(Heartbeat(worker, host, [*queues], [*models], [*image_engines], running, capacity))


async def reports(queue: Queue, worker: str, *engines: dict[str, Any], running: int = 3) -> None:
    """A worker beats once and publishes the figures of its engines."""
    await lives(worker, running=running)
    await queue.put_figures(worker, {"engines": list(engines)})


@asynccontextmanager
async def living(worker: str, *, queues: Sequence[str], image_engines: Sequence[str]) -> AsyncGenerator[None]:
    """A worker beats for the length of the block."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(heartbeats.BEAT_SECONDS)
            await lives(worker, queues=queues, image_engines=image_engines)

    await lives(worker, queues=queues, image_engines=image_engines)
    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])
