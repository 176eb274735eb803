"""A worker's heartbeat, in the database, and the figures of its engines, published for operators."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from db import heartbeats, jobs
from db.connection import OUTAGES
from db.heartbeats import BEAT_SECONDS, Heartbeat
from db.loops import forever
from workers import offline
from workers.runner import Runner
from workers.services import Services

ASK_SECONDS: Final = 2.0
"""Seconds that engines may take to report their figures."""
_SUMS: Final = ("completion_tokens", "prompt_tokens", "cached_tokens", "steps")


async def publish_heartbeat(services: Services, kinds: Sequence[jobs.WorkerQueue], runner: Runner) -> None:
    """Publish until cancelled; then remove the heartbeat. The heart does not wait for engines or Redis."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    rates, known = Rates(), asyncio.Event()

    async def beat() -> None:
        await heartbeats.beat(
            Heartbeat(
                worker=name,
                host=socket.gethostname(),
                queues=list(kinds),
                models=list(services.text.model_names),
                image_engines=[engine.name for engine in services.images.engines],
                running=runner.running,
                capacity=runner.capacity,
                sees=services.text.sees,
            )
        )
        known.set()

    async def publish() -> None:
        await known.wait()  # the figures of a worker that is not known are removed
        async with asyncio.timeout(ASK_SECONDS):
            text, pictures = await asyncio.gather(services.text.statistics(), services.images.stats())
        engines = [*rates.of(text, time.monotonic()), {"engine": offline.NAME}]
        judges = [{"server": server} for server in services.moderator.servers]
        figures = {"engines": engines, "pictures": pictures, "classifiers": judges}
        await services.queue.put_figures(name, figures | {"size": await services.text.usual_size()})

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(forever("the heartbeat", beat, pause_s=BEAT_SECONDS, backoff_most_s=BEAT_SECONDS))
            group.create_task(forever("the figures of engines", publish, pause_s=2 * BEAT_SECONDS))
    finally:
        with suppress(*OUTAGES):
            await heartbeats.leave(name)
        await services.queue.drop_figures(name)


class Rates:
    """Turns the running totals that engines report into rates since the previous report."""

    def __init__(self) -> None:
        """No report has been seen yet."""
        self._before: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def of(self, engines: Sequence[Mapping[str, Any]], now: float) -> list[dict[str, Any]]:
        """Return the reports with rates; ``now`` is in seconds of a monotonic clock.

        ``tokens_per_s`` are tokens written, ``batch`` is the average number of answers per step, ``cache_share`` the
        share of prompt tokens found in the cache: in the last interval, or in total if it had none.
        """
        return [{**engine, **self._rates(engine, now)} for engine in engines]

    def _rates(self, engine: Mapping[str, Any], now: float) -> dict[str, float]:
        sums = {name: float(engine[name]) for name in _SUMS if isinstance(engine.get(name), int | float)}
        key = f"{engine.get('engine')}:{engine.get('model')}"
        then, before = self._before.get(key, (now, sums))
        self._before[key] = (now, sums)
        if any(value < before.get(name, 0.0) for name, value in sums.items()):
            before = dict.fromkeys(sums, 0.0)  # the engine was started again
        passed = {name: value - before.get(name, 0.0) for name, value in sums.items()}
        found: dict[str, float] = {}
        if "completion_tokens" in sums and now > then:
            found["tokens_per_s"] = passed["completion_tokens"] / (now - then)
        if passed.get("steps"):
            found["batch"] = passed.get("completion_tokens", 0.0) / passed["steps"]
        span = passed if passed.get("prompt_tokens") else sums
        if span.get("prompt_tokens") and "cached_tokens" in span:
            found["cache_share"] = span["cached_tokens"] / span["prompt_tokens"]
        return found
