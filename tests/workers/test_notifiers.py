"""Notifiers hear what became of jobs; what they do wrong harms nobody."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from db.errors import BadInput
from tests.workers.making import a_job, run, step
from workers.notifiers import LogNotifier, Notifiers, OperationalEvent
from workers.runner import Runner
from workers.services import Services
from workers.steps.base import Run
from workers.workflows.base import WorkflowPlan


class Remembering:
    name = "remembering"

    def __init__(self) -> None:
        self.events: list[OperationalEvent] = []

    async def notify(self, event: OperationalEvent) -> None:
        self.events.append(event)


class Broken:
    name = "broken"

    async def notify(self, event: OperationalEvent) -> None:
        raise ZeroDivisionError


async def refuse(_: Run) -> Any:
    raise BadInput("ai.context_full", tokens=9, limit=5)


async def test_done_dead_and_cancelled_jobs_are_heard_of(services: Services, caplog: pytest.LogCaptureFixture):
    heard, started = Remembering(), asyncio.Event()
    services = replace(services, notifiers=Notifiers([Broken(), heard]))

    async def long(_: Run) -> Any:
        started.set()
        await asyncio.sleep(60)

    done, dead, cancelled = [await a_job() for _ in range(3)]
    assert (await run(services, done, WorkflowPlan("made", [step("a")]))).state == "done"
    assert (await run(services, dead, WorkflowPlan("made", [step("a", refuse)]))).state == "dead"
    runner = Runner(services, 1, lambda _: WorkflowPlan("made", [step("a", long)]))
    assert await runner.start("cpu", cancelled)
    await asyncio.wait_for(started.wait(), 10)
    await services.queue.cancel(cancelled)
    runner.cancel(cancelled)
    await runner.drain(10)
    told = [(e.name, e.job_id, e.job_type, e.reason) for e in heard.events]
    assert told == [
        ("jobs.done", done, "chore", ""),
        ("jobs.dead", dead, "chore", "ai.context_full"),
        ("jobs.cancelled", cancelled, "chore", ""),
    ]
    assert "notifier broken failed" in caplog.text


async def test_the_log_has_names_ids_and_reasons(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    await LogNotifier().notify(OperationalEvent("jobs.dead", 7, "imagine", 1, "picture.no_model"))
    assert caplog.messages == ["jobs.dead 7 (imagine): picture.no_model"]
