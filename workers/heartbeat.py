"""The state of this worker and its engines, published every few seconds for `/status`.

It is kept in Redis under one key per worker, which expires soon after the worker has stopped.
"""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from db import jobs
from workers import offline
from workers.runner import Runner
from workers.services import Services

PUBLISH_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 3 * PUBLISH_SECONDS
"""A worker that has published nothing for this long is no longer shown."""
_SUMS: Final = ("completion_tokens", "prompt_tokens", "cached_tokens", "steps")


async def publish_heartbeat(services: Services, kinds: Sequence[jobs.WorkerQueue], runner: Runner) -> None:
    """Publish until cancelled; then remove the heartbeat."""
    host, name = socket.gethostname(), f"{socket.gethostname()}:{os.getpid()}"
    rates = Rates()
    try:
        while True:
            heartbeat = {
                "worker": name,
                "host": host,
                "queues": list(kinds),
                "running": runner.running,
                "capacity": runner.running + runner.free,
                "engines": [*rates.of(await services.text.statistics(), time.monotonic()), {"engine": offline.NAME}],
                "models": services.text.model_names,
                "pictures": await services.images.stats(),
            }
            await services.queue.put_heartbeat(name, heartbeat, KEPT_SECONDS)
            await asyncio.sleep(PUBLISH_SECONDS)
    finally:
        await services.queue.drop_heartbeat(name)


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
