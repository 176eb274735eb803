"""Leases: one holder at a time, and nobody else may commit."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from db import jobs, outbox
from db.connection import rows, transaction
from db.errors import LeaseLost
from db.models import JobRow
from db.payloads.notice import Notice
from tests.db.job_kinds import Chore
from tests.db.world import somebody


async def expire(job_id: int) -> None:
    await rows("UPDATE jobs SET lease_expires = now() - interval '1 second' WHERE id = $1", job_id)


@dataclass
class Held:
    """A claimed job, and the token of its lease."""

    id: int
    job: jobs.Job
    token: UUID


async def claimed(job_id: int) -> Held:
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    return Held(job.id, job, job.lease_token)


async def test_of_many_claims_at_once_one_wins(database: str):
    job_id = await jobs.add(Chore(note="x"))
    got = [j for j in await asyncio.gather(*(jobs.claim(job_id) for _ in range(20))) if j is not None]
    assert len(got) == 1
    assert (got[0].state, got[0].parameters) == ("running", {"note": "x", "about": {}})
    assert await jobs.claim(job_id) is None


async def test_only_the_holder_may_finish(database: str):
    job = await claimed(await jobs.add(Chore()))
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
    job = await claimed(await jobs.add(Chore()))
    await jobs.cancel(job.id)
    with pytest.raises(LeaseLost):
        async with transaction():
            await jobs.add(Chore(note="effect"))
            await jobs.finish(job.id, job.token)
    assert await JobRow.filter(parameters__contains={"note": "effect"}).count() == 0


async def test_a_dead_holders_job_starts_again_and_counts_a_crash(database: str):
    job = await claimed(await jobs.add(Chore()))
    assert await jobs.reap() == []
    await expire(job.id)
    assert await jobs.reap() == [job.id]
    again = (await claimed(job.id)).job
    assert again.attempt == 1
    with pytest.raises(LeaseLost):
        await jobs.finish(job.id, job.token)


async def test_putting_back_costs_no_attempt(database: str):
    job = await claimed(await jobs.add(Chore()))
    await jobs.put_back(job.id, job.token)
    again = (await claimed(job.id)).job
    assert (again.attempt, again.retries) == (0, 0)


async def test_a_retry_waits(database: str):
    job = await claimed(await jobs.add(Chore()))
    await jobs.retry(job.id, job.token, 60, "server down")
    assert await jobs.claim(job.id) is None
    await rows("UPDATE jobs SET run_after = now()")
    again = (await claimed(job.id)).job
    assert (again.retries, again.error) == (1, "server down")


async def take(job: Held, name: str, deadline_s: float | None = None) -> jobs.Awaited | None:
    async with transaction():
        return await jobs.take_or_wait(job.id, job.token, name, deadline_s)


async def test_interactions_are_taken_in_order_and_none_is_lost(database: str):
    job = await claimed(await jobs.add(Chore()))
    assert await jobs.interact(job.id, {"position": 1})  # it runs: kept until it gets there
    assert await take(job, "choice") == jobs.Awaited({"position": 1})
    assert await take(job, "choice") is None
    assert (await JobRow.get(id=job.id)).state == "waiting"
    for position in (2, 3):
        assert await jobs.interact(job.id, {"position": position})
    again = await claimed(job.id)
    assert [await take(again, "choice"), await take(again, "next")] == [
        jobs.Awaited({"position": 2}),
        jobs.Awaited({"position": 3}),
    ]
    await jobs.finish(again.id, again.token)
    assert not await jobs.interact(job.id, {"position": 4})


async def test_an_interaction_at_the_moment_of_waiting_is_not_lost(database: str):
    for number in range(30):
        job = await claimed(await jobs.add(Chore()))

        async def come(job_id: int = job.id, number: int = number) -> bool:
            await asyncio.sleep(number / 10_000)
            return await jobs.interact(job_id, {"position": number}) is not None

        taken, came = await asyncio.gather(take(job, "choice"), come())
        assert came
        if taken is None:
            taken = await take(await claimed(job.id), "choice")
        assert taken == jobs.Awaited({"position": number})


async def test_an_interaction_for_another_wait_is_kept_for_it(database: str):
    job = await claimed(await jobs.add(Chore()))
    assert await take(job, "title") is None
    assert await jobs.interact(job.id, {"cover": 1}, name="cover")
    assert (await JobRow.get(id=job.id)).state == "waiting"
    assert await jobs.interact(job.id, {"title": "x"}, name="title")
    again = await claimed(job.id)
    assert await take(again, "title") == jobs.Awaited({"title": "x"})
    assert await take(again, "cover") == jobs.Awaited({"cover": 1})


async def test_the_reaper_wakes_a_job_whose_deadline_is_over(database: str):
    job = await claimed(await jobs.add(Chore()))
    assert await take(job, "choice", 60) is None
    assert await jobs.wake_due() == []
    await rows("UPDATE jobs SET deadline = now() - interval '1 second'")
    assert await jobs.wake_due() == [jobs.Wakeup(job.id, "cpu", jobs.INTERACTIVE)]
    assert await jobs.wake_due() == []
    again = await claimed(job.id)
    assert await take(again, "choice", 60) == jobs.Awaited(timed_out=True)
    assert await take(again, "next", 60) is None  # another wait has a deadline of its own


async def test_a_job_can_be_set_for_later(database: str):
    later = datetime.now(UTC) + timedelta(minutes=1)
    job_id = await jobs.add(Chore(), run_after=later)
    assert await jobs.claim(job_id) is None
    assert (await JobRow.get(id=job_id)).run_after == later


async def test_a_job_that_has_answered_is_not_promoted(database: str):
    who = await somebody()
    job_id = await jobs.add(Chore(), event_key="console:6", conversation_id=who.conversation.id, destination={})
    await outbox.add(
        "console:6", outbox.REPLY, platform="console", conversation_id=who.conversation.id,
        payload=Notice(key="job.over"), destination={},
    )  # fmt: skip
    assert await jobs.promote(job_id, event_key="console:7", destination={}) is None


async def test_a_background_job_is_promoted_to_answer_an_event(database: str):
    job_id = await jobs.add(Chore(), priority=jobs.BACKGROUND, run_after=datetime.now(UTC) + timedelta(minutes=1))
    job = await jobs.promote(job_id, event_key="console:7", destination={"chat_id": "c"})
    assert job is not None
    assert (job.event_key, job.destination, job.priority) == ("console:7", {"chat_id": "c"}, jobs.INTERACTIVE)
    held = await claimed(job_id)
    saved = await jobs.save_artifact(held.id, held.token, "write", "step", {})
    assert saved.event_key == "console:7"
    await jobs.finish(held.id, held.token)
    assert await jobs.promote(job_id, event_key="console:8", destination={}) is None


async def test_artifacts_are_saved_once(database: str):
    job = await claimed(await jobs.add(Chore()))
    first = await jobs.save_artifact(job.id, job.token, "write", "step", {"text": "a"}, metadata={"tokens": 3})
    assert await jobs.save_artifact(job.id, job.token, "write", "step", {"text": "b"}) == first
    left = await jobs.artifacts(job.id)
    assert (left["write"].content, left["write"].metadata) == ({"text": "a"}, {"tokens": 3})


async def test_position_counts_what_goes_before(database: str):
    first = await jobs.add(Chore())
    background = await jobs.add(Chore(), priority=jobs.BACKGROUND)
    second = await jobs.add(Chore())
    assert [(await jobs.outlook(j)).position for j in (first, second, background)] == [0, 1, 2]
    await jobs.claim(first)
    assert [(await jobs.outlook(j)).position for j in (first, second, background)] == [0, 0, 1]


async def test_cancelling(database: str):
    job = await claimed(await jobs.add(Chore()))
    assert await jobs.cancel(job.id)
    assert not await jobs.cancel(job.id)
    assert not await jobs.renew(job.id, job.token)


async def test_the_status_of_a_job_can_be_read(database: str):
    assert await jobs.status(99) is None
    job = await claimed(await jobs.add(Chore()))
    await jobs.save_artifact(job.id, job.token, "write_page", "step", {})
    await jobs.report(job.id, job.token, "AI_CALL", 40)
    assert await jobs.status(job.id) == jobs.Status("running", "AI_CALL", 40, ["write_page"], "")
    await jobs.bury(job.id, job.token, "no more")
    status = await jobs.status(job.id)
    assert status is not None
    assert (status.state, status.error) == ("dead", "no more")
