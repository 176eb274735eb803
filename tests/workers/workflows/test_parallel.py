"""Steps that run at once: really at once, the first error ends the others, and what cannot be parallel is refused."""

import asyncio
from typing import Any

import pytest

from db.errors import BadInput, Retryable
from db.models import ArtifactRow
from tests.workers.making import a_job, nothing, plan, run, step, told
from workers.services import Services
from workers.steps.base import Parallel, Run
from workers.workflows.base import WorkflowPlan


async def test_steps_run_at_once(services: Services):
    met = asyncio.Barrier(3)

    async def meet(_: Run) -> Any:
        async with asyncio.timeout(10), met:
            return {}

    made = plan(Parallel([step(name, meet) for name in "abc"]), step("d"))
    job = await run(services, await a_job(), made)
    assert job.state == "done"
    assert {a.step for a in await ArtifactRow.all()} == {"a", "b", "c", "d"}


async def test_the_first_error_ends_the_others_and_is_told_by_itself(services: Services):
    started, ended = asyncio.Event(), asyncio.Event()

    async def long(_: Run) -> Any:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def refuse(_: Run) -> Any:
        await started.wait()
        raise BadInput("ai.context_full", tokens=9, limit=5)

    job = await run(services, await a_job(), WorkflowPlan("made", [Parallel([step("a", long), step("b", refuse)])]))
    assert ended.is_set()
    assert job.state == "dead"
    assert await told() == ["ai.context_full"]


async def test_a_rerun_repeats_only_what_left_nothing(services: Services):
    ran: list[str] = []

    async def once(_: Run) -> Any:
        ran.append("once")
        return {}

    async def twice(run: Run) -> Any:
        ran.append("twice")
        while "once" not in run.outputs:
            await asyncio.sleep(0.01)
        if run.job.retries == 0:
            raise Retryable("not yet", delay=0)
        return {}

    job_id, made = await a_job(), plan(Parallel([step("once", once), step("twice", twice)]))
    await run(services, job_id, made)
    assert (await run(services, job_id, made)).state == "done"
    assert sorted(ran) == ["once", "twice", "twice"]


def test_a_step_that_changes_the_record_is_refused():
    with pytest.raises(ValueError, match="b changes the record"):
        Parallel([step("a"), step("b", nothing, commit=True)])


def test_steps_of_different_queues_are_refused():
    Parallel([step("a", queue="gpu"), step("b", queue="gpu"), step("c")])
    with pytest.raises(ValueError, match="different queues"):
        Parallel([step("a", queue="gpu"), step("b", queue="cpu")])


async def test_steps_for_the_other_queue_are_handed_over_together(services: Services):
    made = plan(Parallel([step("a", queue="gpu"), step("b")]))
    job_id = await a_job()
    job = await run(services, job_id, made)
    assert (job.state, job.queue) == ("queued", "gpu")
    assert await ArtifactRow.all().count() == 0
    assert (await run(services, job_id, made)).state == "done"


def test_two_steps_cannot_leave_the_same():
    with pytest.raises(ValueError, match="two steps leave 'a'"):
        plan(step("a"), Parallel([step("b"), step("c", leaves="a")]))
