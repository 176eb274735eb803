"""The services of a worker without models."""

from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from db.work import JobType, job_types
from prompts.registry import default_registry
from tests.db.job_kinds import Chore
from workers.queue import Queue
from workers.services import Services


@pytest.fixture
async def services(database: str, redis_url: str) -> AsyncGenerator[Services]:
    async with Queue(redis_url) as queue:
        yield Services(cast("Any", None), default_registry(), queue)


@pytest.fixture
def chores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chores are a registered job type."""
    monkeypatch.setitem(job_types()._specs, "chore", JobType(Chore))
