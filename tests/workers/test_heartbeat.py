"""What workers say about themselves, for `/status`."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio import Redis

from prompts.registry import default_registry
from tests.doubles.text_engine import ScriptedEngine
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


async def test_a_worker_is_known_until_it_stops(redis_url: str):
    async with Queue(redis_url) as queue:
        engine = ScriptedEngine([""], name="llama", model_names=("tiny", "big"), figures=[{"model": "tiny"}])
        services = Services(TextChain([engine]), default_registry(), queue)
        assert await queue.heartbeats() == []
        publishing = asyncio.create_task(publish_heartbeat(services, ["cpu"], Runner(services, 4)))
        async with asyncio.timeout(5):
            while not (known := await queue.heartbeats()):
                await asyncio.sleep(0.01)
        (heartbeat,) = known
        assert heartbeat["queues"] == ["cpu"]
        assert (heartbeat["running"], heartbeat["capacity"]) == (0, 4)
        assert heartbeat["models"] == ["tiny", "big"]
        assert await queue.models() == ("tiny", "big")
        assert heartbeat["engines"] == [{"engine": "llama", "loaded": True, "model": "tiny"}, {"engine": "template"}]
        client = Redis.from_url(redis_url)
        (key,) = await client.keys("storyfork:heartbeat:*")
        assert 0 < await client.pttl(key) <= 15_000
        await client.flushall()
        assert await queue.heartbeats() == []
        await client.aclose()
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing
        assert await queue.heartbeats() == []


async def test_without_redis_nobody_knows(tmp_path: object):
    async with Queue(f"unix://{tmp_path}/nothing.sock") as queue:
        assert await queue.heartbeats() is None
        assert await queue.models() is None
        await queue.put_heartbeat("me", {}, 1.0)
        await queue.drop_heartbeat("me")
