"""What workers say about themselves, for `/status`."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from db import heartbeats
from db.connection import rows
from prompts.registry import default_registry
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.living import lives
from workers.engines.text.chain import TextChain
from workers.heartbeat import Rates, publish_heartbeat
from workers.queue import Queue
from workers.runner import Runner
from workers.services import Services


@pytest.mark.parametrize(
    ("figures", "reported"),
    [
        ({"model": "tiny", "steps": 3}, {"engine": "llama", "loaded": True, "model": "tiny", "steps": 3}),
        ({"loaded": False, "model": "tiny"}, {"engine": "llama", "loaded": False, "model": "tiny"}),
        (OSError("it is gone"), {"engine": "llama", "loaded": False, "problem": "it is gone"}),
    ],
)
async def test_engines_are_asked_and_may_have_nothing_to_say(
    figures: Mapping[str, Any] | Exception, reported: dict[str, Any]
):
    other = ScriptedEngine([""], name="remote")
    given = figures if isinstance(figures, Exception) else [figures]
    assert await TextChain([ScriptedEngine([""], name="llama", figures=given), other]).statistics() == [reported]


def sums(**values: int) -> list[dict[str, Any]]:
    return [{"engine": "llama", "model": "tiny", **values}]


def test_rates_are_differences_of_two_reports():
    rates = Rates()
    (first,) = rates.of(sums(completion_tokens=1000, prompt_tokens=400, cached_tokens=100, steps=500), 10.0)
    assert "tokens_per_s" not in first
    assert first["cache_share"] == 0.25
    (second,) = rates.of(sums(completion_tokens=1200, prompt_tokens=500, cached_tokens=190, steps=550), 14.0)
    assert (second["tokens_per_s"], second["batch"], second["cache_share"]) == (50.0, 4.0, 0.9)
    (idle,) = rates.of(sums(completion_tokens=1200, prompt_tokens=500, cached_tokens=190, steps=550), 18.0)
    assert idle["tokens_per_s"] == 0.0
    assert "batch" not in idle
    assert idle["cache_share"] == 0.38
    (restarted,) = rates.of(sums(completion_tokens=20, prompt_tokens=10, cached_tokens=0, steps=20), 20.0)
    assert (restarted["tokens_per_s"], restarted["batch"], restarted["cache_share"]) == (10.0, 1.0, 0.0)


async def test_a_worker_is_known_until_it_stops(database: str, redis_url: str):
    async with Queue(redis_url) as queue:
        engine = ScriptedEngine([""], name="llama", model_names=("tiny-1b", "big"), figures=[{"model": "tiny"}])
        services = Services(TextChain([engine]), default_registry(), queue)
        assert await queue.heartbeats() == []
        publishing = asyncio.create_task(publish_heartbeat(services, ["cpu"], Runner(services, 4)))
        async with asyncio.timeout(5):
            while not (known := await queue.heartbeats()) or not known[0]["engines"]:
                await asyncio.sleep(0.01)
        (beat,) = known
        assert beat["queues"] == ["cpu"]
        assert (beat["running"], beat["capacity"]) == (0, 4)
        assert beat["engines"] == [{"engine": "llama", "loaded": True, "model": "tiny"}, {"engine": "template"}]
        assert beat["size"] == "small"
        assert await heartbeats.models() == ("tiny-1b", "big")
        await queue.redis.flushall()
        (wiped,) = await queue.heartbeats()
        assert wiped == beat | {"engines": [], "size": None}
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing
        assert await queue.heartbeats() == []
        assert await queue.redis.keys("*") == []


async def test_a_silent_engine_does_not_stop_the_heart(database: str, redis_url: str):
    class Silent(ScriptedEngine):
        async def statistics(self) -> list[dict[str, Any]]:
            await asyncio.Event().wait()
            return []

    async with Queue("unix:///nowhere/redis.sock") as queue:
        services = Services(TextChain([Silent([""], name="llama", model_names=("tiny",))]), default_registry(), queue)
        publishing = asyncio.create_task(publish_heartbeat(services, ["cpu"], Runner(services, 4)))
        async with asyncio.timeout(5):
            while await heartbeats.models() != ("tiny",):
                await asyncio.sleep(0.01)
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing


async def test_the_dead_are_not_alive_and_clocks_that_jump_raise_nobody(database: str):
    await lives("den:1", queues=["gpu"], image_engines=["sdxl"])
    for jump in ("-1 day", "1 day", "-20 s"):
        await rows("UPDATE heartbeats SET seen_at = now() + $1::text::interval", jump)
        assert await heartbeats.alive() == []
        assert await heartbeats.image_engines() == ()
    await lives("den:1", queues=["gpu"], image_engines=["sdxl"])
    assert await heartbeats.image_engines() == ("sdxl",)
    assert await heartbeats.models() is None
    await lives("den:2", models=["tiny"])
    assert [h.worker for h in await heartbeats.alive()] == ["den:1", "den:2"]


async def test_a_row_is_changed_in_place(database: str):
    await lives("den:1")
    before = await rows("SELECT ctid::text FROM heartbeats")
    (kind,) = await rows("SELECT relpersistence::text AS kind FROM pg_class WHERE relname = 'heartbeats'")
    await lives("den:1")
    assert kind == {"kind": "u"}
    assert len(await rows("SELECT ctid FROM heartbeats")) == len(before) == 2
