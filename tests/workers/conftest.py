"""The services of a worker without models: AI functions write offline."""

from collections.abc import AsyncGenerator

import pytest

from db.work import JobType, job_types
from prompts.registry import default_registry
from tests.db.job_kinds import Chore
from workers.engines.text.chain import TextChain
from workers.queue import Queue
from workers.services import Services


@pytest.fixture
async def services(database: str, redis_url: str) -> AsyncGenerator[Services]:
    async with Queue(redis_url) as queue:
        yield Services(TextChain(), default_registry(), queue)


@pytest.fixture
def chores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chores are a registered job type."""
    monkeypatch.setitem(job_types()._specs, "chore", JobType(Chore))
