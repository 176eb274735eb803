"""The load of the workers, and the status of a job."""

from dataclasses import dataclass

from db.connection import row, rows
from db.jobs.artifacts import artifacts
from db.jobs.leases import BACKGROUND, get


async def position(job_id: int) -> int:
    """Return how many jobs of its queue are ahead of a queued job (0: it is next, or no longer queued)."""
    found = await row(
        "SELECT count(*) AS ahead FROM jobs j JOIN jobs o ON o.queue = j.queue AND o.state = 'queued' "
        "AND (o.priority, o.id) < (j.priority, j.id) WHERE j.id = $1 AND j.state = 'queued'",
        job_id,
    )
    return found["ahead"] if found else 0


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
    """Return the number of jobs in each open state, and of dead ones."""
    found = await rows("SELECT state, count(*) AS n FROM jobs WHERE state NOT IN ('done', 'cancelled') GROUP BY state")
    return {r["state"]: r["n"] for r in found}


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """How busy the workers are: jobs by state, and the expected wait for a worker in seconds."""

    interactive: int
    background: int
    running: int
    wait_s: float


async def load(*, recent: int = 200, minutes: float = 10.0) -> QueueLoad:
    """Return how busy the workers are.

    The wait is the average of the last ``minutes`` (among the ``recent`` newest jobs), or the current longest wait if
    that is greater.
    """
    open_ = await row(
        "SELECT count(*) FILTER (WHERE state = 'queued' AND priority < $1) AS interactive, "
        "count(*) FILTER (WHERE state = 'queued' AND priority >= $1) AS background, "
        "count(*) FILTER (WHERE state = 'running') AS running, "
        "coalesce(max(extract(epoch FROM now() - greatest(created_at, run_after))) "
        "FILTER (WHERE state = 'queued' AND priority < $1), 0)::float8 AS longest "
        "FROM jobs WHERE state IN ('queued', 'running')",
        BACKGROUND,
    )
    lately = await row(
        "SELECT coalesce(avg(extract(epoch FROM started_at - created_at)), 0)::float8 AS wait FROM ("
        "SELECT priority, created_at, started_at FROM jobs ORDER BY id DESC LIMIT $2) j "
        "WHERE priority < $1 AND started_at > now() - make_interval(secs => 60 * $3)",
        BACKGROUND, recent, minutes,
    )  # fmt: skip
    assert open_ is not None
    assert lately is not None
    wait = max(0.0, open_["longest"], lately["wait"])
    return QueueLoad(open_["interactive"], open_["background"], open_["running"], wait)
