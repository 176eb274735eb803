"""A job and its run, without a runner: steps are called one by one."""

from dataclasses import replace
from typing import Any

import pytest

from db import jobs
from db.connection import rows
from db.people import Who
from db.work import JobParameters
from tests.db.world import somebody
from workers.engines.text.chain import TextChain
from workers.services import Services
from workers.steps.base import Run


@pytest.fixture
def writing(services: Services) -> Services:
    """Services without an engine: what is written is written offline."""
    return replace(services, text=TextChain())


class Bench:
    """Makes runs of jobs for one person."""

    def __init__(self, who: Who, services: Services) -> None:
        self.who = who
        self.services = services

    async def run(self, parameters: JobParameters, **outputs: Any) -> Run:
        """The run of a job that was just claimed, after the steps that left ``outputs``."""
        added = await jobs.add(
            parameters,
            account_id=self.who.account.id,
            user_id=self.who.user.id,
            conversation_id=self.who.conversation.id,
            event_key=f"console:{parameters.type}",
            destination={"chat_id": "dm-ann", "user_id": "ann", "kind": "dm"},
        )
        job = await jobs.claim(added)
        assert job is not None
        assert job.lease_token is not None
        run = Run(job, job.lease_token, self.services)
        run.outputs.update(outputs)
        return run

    async def sent(self) -> list[tuple[str, str]]:
        """Part and kind of what stands in the outbox."""
        return [(r["part"], r["kind"]) for r in await rows("SELECT part, kind FROM outbox ORDER BY id")]


@pytest.fixture
async def bench(writing: Services) -> Bench:
    return Bench(await somebody(), writing)
