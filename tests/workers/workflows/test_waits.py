"""Waits: several in one workflow, in order, with deadlines; and joins, which wait for child jobs."""

import asyncio
from typing import Any

import pytest

from db import jobs
from db.connection import rows, transaction
from db.errors import NotFound
from db.models import JobRow
from db.work import Failure
from tests.db.job_kinds import Chore
from tests.workers.making import a_job, plan, run, step
from workers.services import Services
from workers.steps.base import Join, Run, WaitFor
from workers.workflows.base import WorkflowPlan


async def test_named_waits_take_two_interactions_that_came_before_the_run(services: Services):
    seen: list[Any] = []

    async def note(run: Run) -> Any:
        seen.append((run.outputs["title"], run.outputs["cover"]))
        return {}

    made = plan(step("ask", commit=True), WaitFor("title"), WaitFor("cover"), step("note", note, commit=True))
    job_id = await a_job()
    job = await run(services, job_id, made)
    assert (job.state, job.lease_token, job.waiting_for) == ("waiting", None, "title")
    assert await jobs.interact(job_id, {"title": "Kelp"}, name="title")
    assert await jobs.interact(job_id, {"cover": 2}, name="cover")
    assert (await run(services, job_id, made)).state == "done"
    assert seen == [({"title": "Kelp"}, {"cover": 2})]


async def test_the_reaper_ends_a_wait_at_its_deadline_with_the_default(services: Services):
    seen: list[Any] = []

    async def note(run: Run) -> Any:
        seen.append(run.outputs["vote"])
        return {}

    made = plan(WaitFor("vote", 60, default={"choice": 1}), step("note", note))
    job_id = await a_job()
    assert (await run(services, job_id, made)).state == "waiting"
    assert await jobs.wake_due() == []
    deadline = (await JobRow.get(id=job_id)).deadline
    # Woken too early (an old wake-up, say) it waits on, until the same moment.
    await rows("UPDATE jobs SET state = 'queued'")
    assert ((await run(services, job_id, made)).state, (await JobRow.get(id=job_id)).deadline) == ("waiting", deadline)
    await rows("UPDATE jobs SET deadline = now() - interval '1 second'")
    assert [w.id for w in await jobs.wake_due()] == [job_id]
    assert (await run(services, job_id, made)).state == "done"
    assert seen == [{"choice": 1}]


async def test_an_interaction_before_the_deadline_counts(services: Services):
    made = plan(WaitFor("vote", 60, default={"choice": 1}), step("end"))
    job_id = await a_job()
    await run(services, job_id, made)
    await jobs.interact(job_id, {"choice": 2})
    await rows("UPDATE jobs SET deadline = now() - interval '1 second'")
    assert (await run(services, job_id, made)).state == "done"
    assert (await jobs.artifacts(job_id))["vote"].content == {"choice": 2}


def family(seen: list[Any], children: int = 2) -> WorkflowPlan:
    async def spawn(run: Run) -> Any:
        for number in range(children):
            await run.spawn(Chore(note=str(number)))
        return {}

    async def note(run: Run) -> Any:
        seen.extend(run.outputs["children"])
        return {}

    return plan(step("spawn", spawn, commit=True), Join("children"), step("note", note, commit=True))


async def write(run: Run) -> Any:
    return {"text": run.parameters(Chore).note}


async def fail(run: Run) -> Any:
    raise ZeroDivisionError


async def test_the_last_childs_end_wakes_its_parent_which_sees_what_became_of_them(services: Services, chores: None):
    seen: list[Any] = []
    parent, made = await a_job(), family(seen)
    assert (await run(services, parent, made)).state == "waiting"
    first, second = await JobRow.filter(parent_id=parent).order_by("id")
    assert (first.account_id, first.event_key) == ((await JobRow.get(id=parent)).account_id, None)
    await run(services, first.id, WorkflowPlan("child", [step("write", write)]))
    assert (await JobRow.get(id=parent)).state == "waiting"
    await run(services, second.id, WorkflowPlan("child", [step("write", fail)]))
    assert (await JobRow.get(id=parent)).state == "queued"
    assert (await run(services, parent, made)).state == "done"
    assert [(c["state"], c["outputs"]) for c in seen] == [("done", {"write": {"text": "0"}}), ("dead", {})]
    assert seen[1]["error"].startswith("ZeroDivisionError")


async def test_a_join_of_children_that_have_ended_does_not_wait(services: Services):
    seen: list[Any] = []
    assert (await run(services, await a_job(), family(seen, children=0))).state == "done"
    assert seen == []


async def test_children_that_vanish_or_are_cancelled_hold_nobody_up(services: Services):
    parent, made = await a_job(), family([])
    await run(services, parent, made)
    first, second = await JobRow.filter(parent_id=parent).order_by("id")
    await rows("DELETE FROM jobs WHERE id = $1", first.id)  # with the story that it worked on
    assert await jobs.wake_due() == []
    assert await jobs.cancel(second.id)
    assert (await JobRow.get(id=parent)).state == "queued"
    await run(services, parent, made)
    other = await a_job()
    await run(services, other, made)
    await rows("DELETE FROM jobs WHERE parent_id = $1", other)
    assert [w.id for w in await jobs.wake_due()] == [other]


async def test_children_that_end_at_once_wake_their_parent_once(services: Services):
    for _ in range(10):
        parent = await a_job()
        await run(services, parent, family([], children=5))
        claimed = [await jobs.claim(job.id) for job in await JobRow.filter(parent_id=parent)]

        async def end(job: jobs.Job | None) -> jobs.Wakeup | None:
            assert job is not None
            assert job.lease_token is not None
            async with transaction():
                return await jobs.finish(job.id, job.lease_token)

        woken = [w for w in await asyncio.gather(*map(end, claimed)) if w is not None]
        assert [w.id for w in woken] == [parent]
        assert (await JobRow.get(id=parent)).state == "queued"


async def test_a_job_that_waits_for_its_children_can_be_abandoned_and_one_that_waits_for_a_person_cannot(
    services: Services,
):
    parent, waiting = await a_job(), await a_job()
    await run(services, parent, family([]))
    await run(services, waiting, WorkflowPlan("made", [WaitFor("choice")]))
    assert (await jobs.abandon(parent, Failure("job.cancelled"))).notification is not None
    with pytest.raises(NotFound):
        await jobs.abandon(waiting, Failure("job.cancelled"))


async def test_cancelling_a_parent_cancels_its_children(services: Services):
    parent = await a_job()
    await run(services, parent, family([]))
    assert await jobs.cancel(parent)
    assert {job.state for job in await JobRow.all()} == {"cancelled"}


@pytest.mark.parametrize(("deadline_s", "default"), [(float("nan"), None), (float("inf"), None), (1.0, float("nan"))])
def test_a_wait_that_could_never_end_is_refused_when_it_is_defined(deadline_s: float, default: Any):
    with pytest.raises(ValueError, match=r"not a deadline|not JSON compliant"):
        WaitFor("answer", deadline_s, default)
    with pytest.raises(TypeError, match="not JSON serializable"):
        WaitFor("answer", 1.0, {"kept": object()})
