"""What a worker starts next: the job whose turn it is, however it hears of it."""

import asyncio
from typing import Any

import pytest

from db import jobs
from tests.db.test_turns import adds
from tests.db.world import somebody
from tests.workers.making import step
from tests.workers.test_without_redis import NOWHERE, done, working
from workers.queue import Queue
from workers.steps.base import Run


@pytest.mark.parametrize("wakes", ["every job", "no job", "without Redis"])
async def test_a_newcomer_starts_among_the_next(database: str, redis_url: str, wakes: str):
    """One has asked for forty things and then another for one; wake-ups come in that order, are lost, or never come."""
    ann, ben = await somebody("ann"), await somebody("ben")
    begun: list[int] = []
    first, go_on = asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> Any:
        begun.append(run.job.id)
        first.set()
        await go_on.wait()
        return {}

    async with Queue(NOWHERE if wakes == "without Redis" else redis_url) as queue:
        flood = await adds(ann, 40)
        if wakes == "every job":
            for job_id in flood:
                await queue.wake(job_id)
        async with working(queue, 1, step=step("work", work)):
            async with asyncio.timeout(20):
                await first.wait()
            (mine,) = await adds(ben)
            if wakes == "every job":
                await queue.wake(mine)
            later = await adds(ann, priority=jobs.BACKGROUND)
            go_on.set()
            async with asyncio.timeout(30):
                while not await done(*flood, mine, *later)():
                    await asyncio.sleep(0.05)
    assert begun[:2] == [flood[0], mine]
    assert begun[2:] == [*flood[1:], *later]
