"""One job from claim to commit, and every way in which it can go wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from db import jobs, outbox
from db.connection import rows
from db.errors import BadInput, LeaseLost, NotFound, Outage, Retryable
from db.models import ArtifactRow, JobRow, OutboxRow
from db.payloads.base import Payload
from db.payloads.notice import Notice
from db.work import Failure, JobType, job_types, notice
from tests.db.job_kinds import Chore
from tests.workers.making import Deed, a_job, nothing, plan, run, step, told
from workers.runner import Runner
from workers.services import Services
from workers.steps.base import Parallel, Run, WaitFor
from workers.workflows.base import WorkflowPlan
from workers.workflows.registry import known_types


async def test_steps_run_in_order_and_leave_artifacts(services: Services):
    seen: list[str] = []

    def note(name: str) -> Deed:
        async def deed(run: Run) -> Any:
            seen.append(name)
            return {"after": sorted(run.outputs)}

        return deed

    async def publish(run: Run) -> Any:
        await run.reply(Notice(key="done"))
        return {}

    made = plan(
        step("a", note("a")),
        Parallel([step("b", note("b")), step("c", note("c"))]),
        step("d", publish, commit=True),
    )
    job = await run(services, await a_job(), made)
    assert job.state == "done"
    assert seen == ["a", "b", "c"]
    left = {a.step: a.content for a in await ArtifactRow.all()}
    assert left == {"a": {"after": []}, "b": {"after": ["a"]}, "c": {"after": ["a"]}, "d": {}}
    assert await told() == ["done"]


async def test_a_rerun_goes_on_behind_the_last_artifact(services: Services):
    ran: list[str] = []

    async def first(_: Run) -> Any:
        ran.append("first")
        return {"text": "kept"}

    async def second(run: Run) -> Any:
        ran.append("second")
        if len(ran) < 4:
            raise Retryable("not yet", delay=0)
        return run.outputs["first"]

    made = plan(step("first", first), step("second", second))
    job_id = await a_job()
    for _ in range(2):
        await run(services, job_id, made)
    job = await run(services, job_id, made)
    assert ran == ["first", "second", "second", "second"]
    assert (job.state, job.retries) == ("done", 2)
    assert (await ArtifactRow.get(step="second")).content == {"text": "kept"}


async def test_a_waiting_job_holds_no_lease_and_goes_on_with_the_interaction(services: Services):
    got: list[Any] = []

    async def after(run: Run) -> Any:
        got.append(run.outputs["choice"])
        return {}

    made = plan(step("publish", nothing, commit=True), WaitFor("choice"), step("settle", after, commit=True))
    job_id = await a_job()
    job = await run(services, job_id, made)
    assert (job.state, job.lease_token) == ("waiting", None)
    assert (await run(services, job_id, made)).state == "waiting"
    assert await jobs.interact(job_id, {"position": 2})
    assert (await run(services, job_id, made)).state == "done"
    assert got == [{"position": 2}]


async def test_a_commit_is_all_or_nothing(services: Services):
    async def half(run: Run) -> Any:
        await run.reply(Notice(key="half"))
        await jobs.cancel(run.job.id)  # as if somebody else took the job in this moment
        return {}

    job = await run(services, await a_job(), plan(step("half", half, commit=True)))
    assert job.state == "running"
    assert await told() == []


async def test_what_the_person_can_act_on_is_told(services: Services):
    async def refuse(_: Run) -> Any:
        raise BadInput("ai.context_full", tokens=9, limit=5)

    job = await run(services, await a_job(), plan(step("a", refuse)))
    assert job.state == "dead"
    assert await told() == ["ai.context_full"]


async def test_a_defect_is_told_with_a_reference(services: Services):
    async def broken(_: Run) -> Any:
        raise ZeroDivisionError

    job = await run(services, await a_job(), plan(step("a", broken)))
    (row,) = await OutboxRow.all()
    assert job.state == "dead"
    assert row.payload["key"] == "job.defect"
    assert job.error == f"ZeroDivisionError {row.payload['values']['reference']}"


async def test_trouble_that_lasts_ends_in_a_dead_letter_with_a_notice(services: Services):
    async def down(_: Run) -> Any:
        raise Retryable("server down", delay=0)

    made, job_id = plan(step("a", down)), await a_job()
    for tries in range(1, jobs.MAX_RETRIES + 1):
        job = await run(services, job_id, made)
        assert (job.state, job.retries) == ("queued", tries)
    assert (await run(services, job_id, made)).state == "dead"
    assert await told() == ["job.unavailable"]


async def test_a_job_that_kills_its_worker_three_times_is_given_up(services: Services):
    ran: list[int] = []

    async def deadly(run: Run) -> Any:
        ran.append(run.job.attempt)
        # What SIGKILL leaves behind: a lease that nobody renews.
        await rows("UPDATE jobs SET lease_expires = now() - interval '1 second', lease_token = gen_random_uuid()")
        return {}

    made, job_id = plan(step("a", deadly)), await a_job()
    for _ in range(3):
        await run(services, job_id, made)
        assert await jobs.reap() == [job_id]
    job = await run(services, job_id, made)
    assert ran == [0, 1, 2]
    assert job.state == "dead"
    assert await told() == ["job.crashed"]


async def test_a_stopping_worker_puts_its_jobs_back(services: Services):
    started = asyncio.Event()

    async def slow(_: Run) -> Any:
        started.set()
        await asyncio.sleep(60)

    runner = Runner(services, 4, lambda _: plan(step("a", slow)))
    job_id = await a_job()
    assert await runner.start("cpu", job_id)
    await asyncio.wait_for(started.wait(), 5)
    assert (runner.running, runner.free) == (1, 3)
    await runner.drain(0.05)
    job = await JobRow.get(id=job_id)
    assert (job.state, job.attempt, job.retries, runner.running) == ("queued", 0, 0, 0)


async def test_a_stopping_worker_lets_a_job_finish(services: Services):
    started = asyncio.Event()

    async def brief(_: Run) -> Any:
        started.set()
        await asyncio.sleep(0.1)
        return {}

    runner = Runner(services, 4, lambda _: plan(step("a", brief)))
    job_id = await a_job()
    assert await runner.start("cpu", job_id)
    await asyncio.wait_for(started.wait(), 5)
    await runner.drain(10)
    assert (await JobRow.get(id=job_id)).state == "done"


async def test_cancelling_stops_the_work_at_once(services: Services):
    started, stopped = asyncio.Event(), asyncio.Event()

    async def slow(_: Run) -> Any:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    runner = Runner(services, 4, lambda _: plan(step("a", slow)))
    job_id = await a_job()
    assert await runner.start("cpu", job_id)
    await asyncio.wait_for(started.wait(), 5)
    assert await services.queue.cancel(job_id)
    runner.cancel(job_id)
    await asyncio.wait_for(stopped.wait(), 5)
    await runner.drain(5)
    assert (await JobRow.get(id=job_id)).state == "cancelled"


class Refused(WorkflowPlan):
    """A plan that is given up at once."""

    async def run(self, run: Run) -> bool:
        raise BadInput("x.y")


@pytest.fixture
def careful(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Awaitable[Any]]], None]:
    """Registers the chore with a way of its own to be abandoned."""

    def register(undo: Callable[[], Awaitable[Any]]) -> None:
        async def abandon(job: jobs.Job, parameters: Any, failure: Failure) -> Payload | None:
            await undo()
            return await notice(job, parameters, failure)

        monkeypatch.setitem(job_types()._specs, "chore", JobType(Chore, abandon))

    return register


async def test_giving_up_undoes_and_tells_in_one_transaction(services: Services, careful: Any):
    job_id = await a_job()
    careful(lambda: jobs.cancel(job_id))
    job = await run(services, job_id, Refused("made", ()))
    assert job.state == "running"
    assert await OutboxRow.all().count() == 0


async def test_a_job_that_cannot_be_given_up_for_an_outage_is_tried_again(services: Services, careful: Any):
    async def fail() -> None:
        raise Outage("it is away")

    careful(fail)
    job = await run(services, await a_job(), Refused("made", ()))
    assert (job.state, job.attempt, job.retries) == ("queued", 0, 1)
    assert await told() == []


@pytest.mark.parametrize("fault", ["SELECT 1 / 0", "SELECT nothing", ""])
async def test_a_type_that_fails_to_undo_its_promise_keeps_no_job_alive(services: Services, careful: Any, fault: str):
    async def fail() -> None:
        await rows("UPDATE jobs SET phase = 'half undone'")
        if fault:
            await rows(fault)
        raise NotFound("dice.unknown")

    careful(fail)
    job = await run(services, await a_job(), Refused("made", ()))
    assert (job.state, job.phase) == ("dead", "")
    assert await told() == ["x.y"]


async def test_a_job_of_a_newer_release_waits_for_a_newer_worker(services: Services):
    job_id = await a_job()
    await rows("UPDATE jobs SET type = 'from the future'")
    old = Runner(services, 4, types=known_types())
    assert not await old.start("cpu", job_id)
    job = await JobRow.get(id=job_id)
    assert (job.state, job.attempt, job.retries, job.started_at) == ("queued", 0, 0, None)
    assert await outbox.counts() == {}
    claimed = await jobs.claim_next("cpu", jobs.Room(), ["from the future"])
    assert claimed is not None
    assert claimed.id == job_id


async def test_what_cannot_even_be_told_is_a_dead_letter_with_a_plain_notice(services: Services):
    class Unspeakable(WorkflowPlan):
        async def run(self, run: Run) -> bool:
            raise BadInput("x.y", said="\0\ud800")

    job = await run(services, await a_job(), Unspeakable("made", ()))
    assert job.state == "dead"
    assert await told() == ["job.defect"]


async def test_an_answer_that_cannot_be_stored_ends_the_job_all_the_same(services: Services):
    job_id = await a_job(event_key="console:" + "x" * 20)
    await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, destination) "
        "SELECT event_key, 'placeholder', 'console', conversation_id, 'notice', '{}' FROM jobs"
    )
    await rows("ALTER TABLE outbox ADD CONSTRAINT no_answers CHECK (part <> 'reply')")
    try:
        job = await run(services, job_id, Refused("made", ()))
    finally:
        await rows("ALTER TABLE outbox DROP CONSTRAINT no_answers")
    assert job.state == "dead"


async def test_counters_stop_where_their_columns_end(services: Services):
    job_id = await a_job()
    await rows("UPDATE jobs SET attempt = $1, retries = $1", 32_000)
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    await jobs.retry(job_id, job.lease_token, 0, "a\0b")
    assert await jobs.claim(job_id) is not None
    await rows("UPDATE jobs SET lease_expires = now() - interval '1 s'")
    assert await jobs.reap() == [job_id]
    after = await JobRow.get(id=job_id)
    assert (after.attempt, after.retries, after.error) == (32_000, 32_000, "ab")
    assert (await run(services, job_id, plan(step("a")))).state == "dead"


async def test_a_parent_that_is_given_up_takes_its_open_children_with_it(services: Services):
    held: list[jobs.Job] = []

    async def family(run: Run) -> Any:
        await run.spawn(Chore(note="queued"))
        await run.spawn(Chore(note="running"))
        return {}

    async def fail(run: Run) -> Any:
        for child in await JobRow.filter(parent_id=run.job.id):
            if child.parameters["note"] == "running" and (claimed := await jobs.claim(child.id)) is not None:
                held.append(claimed)
                grandchild = await jobs.add(Chore(), parent_id=child.id)
                assert await jobs.claim(grandchild) is not None
        raise BadInput("x.y")

    made = plan(step("family", family, commit=True), step("fail", fail))
    job = await run(services, await a_job(), made)
    assert job.state == "dead"
    assert await told() == ["x.y"]
    assert {row.state for row in await JobRow.exclude(id=job.id)} == {"cancelled"}
    (child,) = held
    assert child.lease_token is not None
    assert await jobs.renew(child.id, child.lease_token) is None
    with pytest.raises(LeaseLost):
        await jobs.finish(child.id, child.lease_token)
