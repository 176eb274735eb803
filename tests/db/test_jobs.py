"""Leases: one holder at a time, and nobody else may commit."""

import asyncio
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from db import jobs
from db.connection import rows, transaction
from db.errors import LeaseLost
from db.models import Job


async def expire(job_id: int) -> None:
    await rows("UPDATE jobs SET lease_expires = now() - interval '1 second' WHERE id = $1", job_id)


@dataclass
class Held:
    """A claimed job, and the token of its lease."""

    id: int
    job: Job
    token: UUID


async def claimed(job_id: int) -> Held:
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    return Held(job.id, job, job.lease_token)


async def test_of_many_claims_at_once_one_wins(database: str):
    job_id = await jobs.add("t", {"page": 1})
    got = [j for j in await asyncio.gather(*(jobs.claim(job_id) for _ in range(20))) if j is not None]
    assert len(got) == 1
    assert (got[0].state, got[0].parameters) == ("running", {"page": 1})
    assert await jobs.claim(job_id) is None


async def test_only_the_holder_may_finish(database: str):
    job = await claimed(await jobs.add("t", {}))
    with pytest.raises(LeaseLost):
        await jobs.finish(job.id, uuid4())
    with pytest.raises(LeaseLost):
        await jobs.save_artifact(job.id, uuid4(), "s", "k", {})
    assert not await jobs.renew(job.id, uuid4())
    await jobs.finish(job.id, job.token)
    done = await jobs.get(job.id)
    assert done is not None
    assert (done.state, done.percent, done.lease_token) == ("done", 100, None)
    assert done.finished_at is not None


async def test_a_lost_lease_rolls_back_what_was_done_with_it(database: str):
    job = await claimed(await jobs.add("t", {}))
    await jobs.cancel(job.id)
    with pytest.raises(LeaseLost):
        async with transaction():
            await jobs.add("side effect", {})
            await jobs.finish(job.id, job.token)
    assert await Job.filter(type="side effect").count() == 0


async def test_a_dead_holders_job_starts_again_and_counts_a_crash(database: str):
    job = await claimed(await jobs.add("t", {}))
    assert await jobs.reap() == []
    await expire(job.id)
    assert await jobs.reap() == [job.id]
    again = (await claimed(job.id)).job
    assert again.attempt == 1
    with pytest.raises(LeaseLost):
        await jobs.finish(job.id, job.token)


async def test_putting_back_costs_no_attempt(database: str):
    job = await claimed(await jobs.add("t", {}))
    await jobs.put_back(job.id, job.token)
    again = (await claimed(job.id)).job
    assert (again.attempt, again.retries) == (0, 0)


async def test_a_retry_waits(database: str):
    job = await claimed(await jobs.add("t", {}))
    await jobs.retry(job.id, job.token, 60, "server down")
    assert await jobs.claim(job.id) is None
    await rows("UPDATE jobs SET run_after = now()")
    again = (await claimed(job.id)).job
    assert (again.retries, again.error) == (1, "server down")


async def test_a_waiting_job_takes_one_interaction(database: str):
    job = await claimed(await jobs.add("t", {}))
    assert not await jobs.interact(job.id, {"position": 1})
    await jobs.wait(job.id, job.token)
    assert await jobs.interact(job.id, {"position": 1})
    assert not await jobs.interact(job.id, {"position": 2})
    again = (await claimed(job.id)).job
    assert again.interaction == {"position": 1}


async def test_artifacts_are_saved_once(database: str):
    job = await claimed(await jobs.add("t", {}))
    first = await jobs.save_artifact(job.id, job.token, "write", "step", {"text": "a"}, metadata={"tokens": 3})
    assert await jobs.save_artifact(job.id, job.token, "write", "step", {"text": "b"}) == first
    left = await jobs.artifacts(job.id)
    assert (left["write"].content, left["write"].metadata) == ({"text": "a"}, {"tokens": 3})


async def test_overdue_jobs_come_interactive_first_and_not_again_at_once(database: str):
    slow = await jobs.add("t", {}, priority=jobs.BACKGROUND)
    quick = await jobs.add("t", {})
    other = await jobs.add("t", {}, queue="gpu")
    assert await jobs.overdue("cpu") == []
    await rows("UPDATE jobs SET woken_at = now() - interval '5 seconds', run_after = now() - interval '9 seconds'")
    assert await jobs.overdue("cpu") == [(quick, jobs.INTERACTIVE), (slow, jobs.BACKGROUND)]
    assert await jobs.overdue("cpu") == []
    assert await jobs.overdue("gpu") == [(other, jobs.INTERACTIVE)]


async def test_position_counts_what_goes_before(database: str):
    first = await jobs.add("t", {})
    background = await jobs.add("t", {}, priority=jobs.BACKGROUND)
    second = await jobs.add("t", {})
    assert [await jobs.position(j) for j in (first, second, background)] == [0, 1, 2]
    await jobs.claim(first)
    assert [await jobs.position(j) for j in (first, second, background)] == [0, 0, 1]


async def test_cancelling(database: str):
    job = await claimed(await jobs.add("t", {}))
    assert await jobs.cancel(job.id)
    assert not await jobs.cancel(job.id)
    assert not await jobs.renew(job.id, job.token)


async def test_the_status_of_a_job_can_be_read(database: str):
    assert await jobs.status(99) is None
    job = await claimed(await jobs.add("t", {}))
    await jobs.save_artifact(job.id, job.token, "write_page", "step", {})
    await jobs.report(job.id, job.token, "AI_CALL", 40)
    assert await jobs.status(job.id) == jobs.Status("running", "AI_CALL", 40, ["write_page"], "")
    await jobs.bury(job.id, job.token, "no more")
    status = await jobs.status(job.id)
    assert status is not None
    assert (status.state, status.error) == ("dead", "no more")
