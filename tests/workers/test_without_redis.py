"""Redis is disposable: absent, silent, cut, wiped, or shared with somebody else."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from db import heartbeats
from db.connection import rows
from db.models import JobRow
from prompts.registry import default_registry
from tests.doubles.redis_line import redis_line
from tests.workers.making import a_job, plan, step
from workers import main as worker_module
from workers import queue as queue_module
from workers.engines.text.chain import TextChain
from workers.main import WakeupWorker, serve
from workers.queue import CANCEL_CHANNEL, PROGRESS_CHANNEL, Queue, wake_channel
from workers.runner import Runner
from workers.services import Services
from workers.stop_requests import StopRequests

NOWHERE = "redis://127.0.0.1:1"


@asynccontextmanager
async def working(queue: Queue, capacity: int = 4, **made: Any) -> AsyncGenerator[Runner]:
    """A worker in this process, as it serves in its own."""
    services = Services(TextChain(), default_registry(), queue)
    runner = Runner(services, capacity, lambda _: plan(made.get("step") or step("a")))
    serving = asyncio.create_task(serve(services, ["cpu"], runner, drain=5, reaper=True))
    try:
        yield runner
    finally:
        serving.cancel()
        async with asyncio.timeout(15):
            await asyncio.wait([serving])


async def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


def done(*job_ids: int) -> Callable[[], Any]:
    async def check() -> bool:
        return await JobRow.filter(id__in=job_ids, state="done").count() == len(job_ids)

    return check


async def test_where_it_was_never_there_jobs_are_done_and_workers_known(database: str):
    async with Queue(NOWHERE) as queue, working(queue):
        job = await a_job()
        await queue.wake(job)
        await until(done(job))
        (found,) = await queue.heartbeats()
        assert (found["queues"], found["capacity"]) == (["cpu"], 4)


async def test_a_silent_server_costs_nobody_anything_but_the_first(database: str):
    async with redis_line_of_nothing() as url, Queue(url) as queue:
        loop = asyncio.get_running_loop()
        ids = [await a_job() for _ in range(40)]
        since = loop.time()
        for job in ids:
            await queue.wake(job)
            await queue.publish("progress", {"job": job})
        # Without memory of the failure: 80 times the patience for one operation.
        assert loop.time() - since < 20 * queue_module.PATIENCE
        async with working(queue):
            await until(done(*ids))


@asynccontextmanager
async def redis_line_of_nothing() -> AsyncGenerator[str]:
    """A server that accepts connections and never says anything."""
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in taken:
            writer.transport.abort()


async def test_a_line_that_falls_silent_is_left_for_a_new_one(
    database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(queue_module, "SILENCE_SECONDS", 0.5)
    async with redis_line(redis_url) as (url, line), Queue(url) as queue, working(queue):
        first = await a_job()
        await queue.wake(first)
        await until(done(first))
        async with Queue(url) as other, aclosing(other.listen(PROGRESS_CHANNEL)) as news:
            assert await anext(news) is None
            line.silent = True
            second = await a_job()
            await queue.wake(second)
            await until(done(second))
            hearing = asyncio.ensure_future(anext(news))
            await until(lambda: _true(other.away))
            line.silent = False
            async with asyncio.timeout(20):
                assert await hearing is None  # it has subscribed again
        await until(lambda: _true(not queue.away))


async def _true(value: object) -> bool:
    return bool(value)


async def test_lost_connections_leave_no_slot_taken(database: str, redis_url: str):
    async with redis_line(redis_url) as (url, line), Queue(url) as queue:
        runner = Runner(Services(TextChain(), default_registry(), queue), 200, lambda _: plan(step("a")))
        wakeup = WakeupWorker(queue, "cpu", runner)
        serving = asyncio.create_task(wakeup.serve())
        async with Queue(redis_url) as sound:
            for _ in range(25):
                for job_id in range(1, 9):
                    await sound.wake(1_000_000 + job_id)
                wakeup.notify()
                await asyncio.sleep(0.01)
                line.cut()
            await until(lambda: _true(wakeup.job_counter == 0 and not runner.running))
        serving.cancel()
        await asyncio.wait([serving])
        assert wakeup.sem._value == wakeup.max_jobs


async def test_after_a_wipe_queued_jobs_are_found(database: str, redis_url: str):
    async with Queue(redis_url) as queue:
        ids = [await a_job() for _ in range(10)]
        for job in ids:
            await queue.wake(job)
        await queue.redis.flushall()
        async with working(queue):
            await until(done(*ids))
            await queue.redis.flushall()
            assert await heartbeats.models() == ()


async def test_two_deployments_on_one_server_do_not_hear_each_other(database: str, redis_url: str):
    name = await heartbeats.deployment()
    assert name == await heartbeats.deployment()
    async with Queue(redis_url, name) as ours, Queue(redis_url, "another") as theirs:
        async with aclosing(ours.listen(PROGRESS_CHANNEL, wake_channel("cpu"))) as news:
            assert await anext(news) is None
            await theirs.wake(7)
            await theirs.publish(PROGRESS_CHANNEL, {"job": 7})
            await ours.publish(PROGRESS_CHANNEL, {"job": 8})
            async with asyncio.timeout(5):
                assert await anext(news) == (PROGRESS_CHANNEL, {"job": 8})
        assert await ours.redis.zcard(ours.name("cpu")) == 0
        assert await theirs.redis.zcard(theirs.name("cpu")) == 1
        await theirs.put_figures("den:1", {"engines": []})
        assert await ours.heartbeats() == []
        assert await theirs.redis.exists("storyfork:another:figures") == 1


@pytest.mark.parametrize("rubbish", [b"\xff\xfe", b"[1]", b"null", b'{"job": "x"}', b'{"job": true}', b"[" * 5000])
async def test_malformed_messages_are_dropped(database: str, redis_url: str, rubbish: bytes):
    started = asyncio.Event()

    async def slow(_: object) -> Any:
        started.set()
        await asyncio.sleep(60)

    async with Queue(redis_url) as queue, working(queue, step=step("slow", slow)) as runner:
        job = await a_job()
        await queue.wake(job)
        async with asyncio.timeout(10):
            await started.wait()
        for channel in (CANCEL_CHANNEL, wake_channel("cpu"), "nobody"):
            await queue.redis.publish(f"storyfork:{channel}", rubbish)
        await queue.redis.zadd(queue.name("cpu"), {"rubbish": 1})
        await queue.redis.hset("storyfork:figures", "den:1", rubbish)  # pyright: ignore
        assert await queue.cancel(job)
        await until(lambda: _true(not runner.has(job)))
        assert len(await queue.heartbeats()) == 1


async def test_a_worker_stops_at_any_moment(database: str, redis_url: str):
    for number in range(12):
        async with Queue(redis_url) as queue, working(queue):
            await queue.wake(number + 1)
            await asyncio.sleep(0.013 * number)


async def test_a_draining_worker_hands_on_what_it_has_not_begun(database: str, redis_url: str):
    async with Queue(redis_url) as queue:
        services = Services(TextChain(), default_registry(), queue, stop_requests=StopRequests())
        runner = Runner(services, 4, lambda _: plan(step("a")))
        job = await a_job()
        runner.close()
        runner.start("cpu", job)
        await runner.drain(5)
        assert (await JobRow.get(id=job)).state == "queued"
        assert await queue.redis.zcard(queue.name("cpu")) == 1
        assert (runner.free, runner.restricted) == (0, True)
        await rows("SELECT 1")


async def test_a_loop_that_loses_a_cancellation_does_not_keep_a_worker(
    database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    lost = asyncio.Event()

    async def deaf(*_: object) -> None:
        """Swallow the first cancellation, as a client does that is cancelled while its connection breaks."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(worker_module, "CANCEL_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(worker_module, "publish_heartbeat", deaf)
    async with Queue(redis_url) as queue, working(queue):
        await asyncio.sleep(0.05)
    assert lost.is_set()
