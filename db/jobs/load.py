"""The load of the workers, and the status of a job."""

from dataclasses import dataclass
from typing import Final

from db.connection import row, rows
from db.jobs.artifacts import artifacts
from db.jobs.forecast import COUNTED
from db.jobs.leases import get
from db.jobs.turns import BACKGROUND, LINED, RANK
from db.work import WorkerQueue

_QUEUED: Final = "SELECT FROM jobs WHERE queue IN ('cpu', 'gpu') AND state = 'queued'"


@dataclass(frozen=True, slots=True)
class Status:
    """A job's state and phase, its progress in percent, and its finished steps."""

    state: str
    phase: str
    percent: int
    steps: list[str]
    error: str


async def status(job_id: int) -> Status | None:
    """Return the status of a job; None if there is no such job."""
    job = await get(job_id)
    if job is None:
        return None
    return Status(job.state, job.phase, job.percent, list(await artifacts(job_id)), job.error)


async def counts() -> dict[str, int]:
    """Return how many jobs are in each open state, and dead, each counted up to `COUNTED`."""
    # One constant each: a partial index serves no parameter.
    each = (
        f"SELECT '{state}' AS state, count(*) AS n FROM (SELECT FROM jobs WHERE state = '{state}' LIMIT $1) {state}"
        for state in ("queued", "running", "waiting", "dead")
    )
    return {r["state"]: r["n"] for r in await rows(" UNION ALL ".join(each), COUNTED) if r["n"]}


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """How busy the workers are: jobs by state, up to `COUNTED`."""

    interactive: int
    background: int
    running: int


@dataclass(frozen=True, slots=True)
class InLine:
    """How many jobs of a queue may start now and wait for a worker."""

    people: int
    background: int


async def in_line(queue: WorkerQueue, most: int) -> InLine:
    """Return how many jobs of a queue wait for a worker, each kind counted up to ``most``."""
    found = await row(
        f"SELECT (SELECT count(*) FROM (SELECT FROM jobs WHERE queue = $1 AND {RANK} = 0 AND {LINED} LIMIT $2) p) "
        f"AS people, (SELECT count(*) FROM (SELECT FROM jobs WHERE queue = $1 AND {RANK} = 1 AND {LINED} LIMIT $2) b) "
        "AS background",
        queue, most,
    )  # fmt: skip
    assert found is not None
    return InLine(found["people"], found["background"])


async def load() -> QueueLoad:
    """Return how busy the workers are."""
    found = await row(
        f"SELECT (SELECT count(*) FROM ({_QUEUED} AND priority < $1 LIMIT $2) q) AS interactive, "
        f"(SELECT count(*) FROM ({_QUEUED} AND priority >= $1 LIMIT $2) q) AS background, "
        "(SELECT count(*) FROM (SELECT FROM jobs WHERE state = 'running' LIMIT $2) r) AS running",
        BACKGROUND, COUNTED,
    )  # fmt: skip
    assert found is not None
    return QueueLoad(found["interactive"], found["background"], found["running"])
