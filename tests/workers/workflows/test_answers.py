"""What a run says: to the event it answers, also one that came while it ran, or to its conversation without one."""

import asyncio
import contextvars
from typing import Any

import pytest

from db import jobs
from db.errors import BadInput
from db.models import JobRow, OutboxRow
from db.payloads.notice import Notice
from db.work import BranchingPage
from tests.workers.making import a_job, plan, run, step
from workers.services import Services
from workers.steps.base import Run
from workers.workflows.base import WorkflowPlan


async def greet(run: Run) -> Any:
    await run.reply(Notice(key="hello"))
    return {}


async def test_a_job_that_is_promoted_while_it_runs_answers_the_new_event(services: Services):
    job_id = await a_job(event_key=None, destination=None, priority=jobs.BACKGROUND)

    async def promoted(_: Run) -> Any:
        assert await jobs.promote(job_id, event_key="console:click", destination={"chat_id": "d"}) is not None
        return {}

    made = plan(step("write", promoted), step("greet", greet, commit=True))
    assert (await run(services, job_id, made)).state == "done"
    (row,) = await OutboxRow.all()
    assert (row.event_key, row.destination, row.platform) == ("console:click", {"chat_id": "d"}, "console")


async def test_a_job_that_is_promoted_and_fails_tells_the_new_event(services: Services):
    job_id = await a_job(priority=jobs.BACKGROUND)

    async def promoted(_: Run) -> Any:
        await jobs.promote(job_id, event_key="console:click", destination={"chat_id": "d"})
        raise BadInput("x.y")

    assert (await run(services, job_id, plan(step("write", promoted)))).state == "dead"
    assert [(r.event_key, r.payload["key"]) for r in await OutboxRow.all()] == [("console:click", "x.y")]


async def test_a_job_that_is_promoted_while_it_answers_answers_again(services: Services):
    job_id, tries = await a_job(event_key="console:old"), 0

    async def overtaken(run: Run) -> Any:
        nonlocal tries
        tries += 1
        await run.reply(Notice(key="hello"))
        if tries == 1:
            await asyncio.create_task(promote(), context=contextvars.Context())  # in no transaction of ours
        return {"tries": tries}

    async def promote() -> None:
        assert await jobs.promote(job_id, event_key="console:new", destination={"chat_id": "d"}) is not None

    assert (await run(services, job_id, plan(step("greet", overtaken, commit=True)))).state == "done"
    assert [r.event_key for r in await OutboxRow.all()] == ["console:new"]
    assert (await jobs.artifacts(job_id))["greet"].content == {"tries": 2}


async def test_whatever_the_moment_of_a_promotion_the_promoted_event_is_answered(services: Services):
    for number in range(20):
        job_id = await a_job(event_key=None, destination=None, priority=jobs.BACKGROUND)

        async def promote(job_id: int = job_id, number: int = number) -> bool:
            await asyncio.sleep(number / 1000)
            return await jobs.promote(job_id, event_key=f"console:{job_id}", destination={}) is not None

        made = plan(step("greet", greet, commit=True))
        _, promoted = await asyncio.gather(run(services, job_id, made), promote())
        assert (await JobRow.get(id=job_id)).state == "done"
        assert await OutboxRow.filter(event_key=f"console:{job_id}").count() == promoted


async def test_a_job_without_an_event_answers_nobody_but_may_send_to_its_conversation(services: Services):
    async def remind(run: Run) -> Any:
        await run.reply(Notice(key="unheard"))
        assert await run.send(Notice(key="reminder"))
        assert await run.send(Notice(key="again"))  # the same part: sent once
        assert await run.send(Notice(key="picture"), part="picture")
        return {}

    job_id = await a_job(event_key=None, destination=None)
    await run(services, job_id, WorkflowPlan("made", [step("remind", remind, commit=True)]))
    sent = await OutboxRow.all().order_by("id")
    assert [r.payload["key"] for r in sent] == ["reminder", "picture"]
    assert {r.event_key for r in sent} == {f"job:{job_id}"}
    assert sent[0].platform == "console"
    assert sent[0].destination == {"chat_id": "dm-ann", "thread_id": "", "kind": "dm", "user_id": "ann"}


async def test_there_is_nobody_to_send_to_without_a_conversation(services: Services):
    async def remind(run: Run) -> Any:
        return {"sent": await run.send(Notice(key="reminder"))}

    job_id = await a_job(event_key=None, conversation_id=None)
    await run(services, job_id, WorkflowPlan("made", [step("remind", remind, commit=True)]))
    assert (await jobs.artifacts(job_id))["remind"].content == {"sent": False}


async def test_a_step_of_another_job_type_is_a_defect(services: Services, caplog: pytest.LogCaptureFixture):
    async def misplaced(run: Run) -> Any:
        return run.parameters(BranchingPage).page

    job_id = await a_job()
    await run(services, job_id, WorkflowPlan("made", [step("misplaced", misplaced)]))
    assert (await JobRow.get(id=job_id)).state == "dead"
