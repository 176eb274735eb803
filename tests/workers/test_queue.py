"""Wake-ups: milliseconds, interactive first, ids only, and no harm when Redis is away."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import pytest
from redis.exceptions import RedisError

from db import jobs
from workers.main import WakeupWorker
from workers.queue import Queue, wake_channel


class Slots:
    """Stands where the runner stands: notes the ids it is given."""

    def __init__(self, free: int = 10) -> None:
        self.free, self.running, self.got = free, 0, list[int]()
        self.rang = asyncio.Event()

    def on_free(self, callback: Callable[[], None]) -> None:
        """Nothing ends here."""

    def start(self, queue: str, job_id: int) -> None:
        assert queue == "cpu"
        self.got.append(job_id)
        self.rang.set()


@pytest.fixture
async def queue(redis_url: str) -> AsyncGenerator[Queue]:
    async with Queue(redis_url) as queue:
        yield queue


async def listening(queue: Queue, slots: Slots) -> asyncio.Task[None]:
    wakeup = WakeupWorker(queue, "cpu", slots)  # type: ignore[arg-type]

    async def notify() -> None:
        async for _ in queue.listen(wake_channel("cpu")):
            wakeup.notify()

    async def serve() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(notify())
            group.create_task(wakeup.serve())

    return asyncio.create_task(serve())


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_wake_up_arrives_and_leaves_nothing_behind(queue: Queue):
    slots = Slots()
    task = await listening(queue, slots)
    for job_id in range(1, 21):
        await queue.wake(job_id)
    async with asyncio.timeout(5):
        while len(slots.got) < 20:
            slots.rang.clear()
            await slots.rang.wait()
    await asyncio.sleep(0.2)
    await stop(task)
    assert sorted(slots.got) == list(range(1, 21))
    keys = {k.decode() for k in await queue.redis.keys("*")}
    assert not {k for k in keys if "result" in k or k.startswith("arq:job")}
    assert await queue.redis.zcard(queue.name("cpu")) == 0


async def test_interactive_jobs_overtake_background_ones(queue: Queue):
    await queue.wake(1, priority=jobs.BACKGROUND)
    await queue.wake(2)
    slots = Slots()
    task = await listening(queue, slots)
    async with asyncio.timeout(5):
        while len(slots.got) < 2:
            slots.rang.clear()
            await slots.rang.wait()
    await stop(task)
    assert slots.got == [2, 1]


async def test_a_full_worker_takes_nothing(queue: Queue):
    slots = Slots(free=0)
    task = await listening(queue, slots)
    await queue.wake(1)
    await asyncio.sleep(0.7)
    assert slots.got == []
    slots.free = 1
    async with asyncio.timeout(5):
        await slots.rang.wait()
    await stop(task)
    assert slots.got == [1]


async def test_the_payload_is_ids_as_json(queue: Queue):
    await queue.wake(7)
    (key,) = await queue.redis.keys("arq:job:*")
    payload = json.loads(await queue.redis.get(key))
    assert payload["f"] == "start"
    assert payload["a"] == [7]


async def test_without_redis_nothing_raises():
    async with Queue("unix:///nowhere/redis.sock") as queue:
        await queue.wake(1)
        await queue.publish("x")
        with pytest.raises(RedisError):
            await queue.ping()


async def test_a_cancellation_is_never_lost(queue: Queue):
    # The client may have its answer at the moment the task is cancelled, and would go on with it.
    async def publishes() -> None:
        await queue.publish("anything")
        await asyncio.Event().wait()

    for turns in range(40):
        task = asyncio.create_task(publishes())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done, f"cancelled after {turns} turns of the loop, it waits for ever"
