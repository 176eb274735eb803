"""Jobs: who may run one is decided here, by one conditional update each.

States: queued → running (one holder, a lease that expires) → done, waiting (for a person), dead or cancelled. Only the
lease's holder may save, finish or put back a job; for anybody else these raise `LeaseLost`.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from db.connection import ids, jsonb, row, rows
from db.errors import LeaseLost
from db.models import Artifact, Job

LEASE_SECONDS: Final = 10.0
"""How long a lease lasts unless renewed: a dead worker's job starts again after this and a reaper's round."""
MAX_CRASHES: Final = 3
"""A job that lost this many leases is not run again."""
MAX_RETRIES: Final = 5
INTERACTIVE: Final = 0
BACKGROUND: Final = 10

Queue = Literal["cpu", "gpu"]

_STOP: Final = {"stop": True}
_RELEASE: Final = "lease_token = NULL, lease_expires = NULL"


async def add(
    type_: str,
    parameters: dict[str, Any],
    *,
    queue: Queue = "cpu",
    priority: int = INTERACTIVE,
    account_id: int | None = None,
    user_id: int | None = None,
    conversation_id: int | None = None,
    parent_id: int | None = None,
    event_key: str | None = None,
    destination: dict[str, Any] | None = None,
) -> int:
    """Add a queued job and return its id. Wake a worker for it after the commit (workers.queue)."""
    found = await row(
        "INSERT INTO jobs (type, parameters, queue, priority, account_id, user_id, conversation_id, parent_id, "
        "event_key, destination) VALUES ($1, $2::jsonb, $3, $4, $5, $6, $7, $8, $9, $10::jsonb) RETURNING id",
        type_, jsonb(parameters), queue, priority, account_id, user_id, conversation_id, parent_id, event_key,
        None if destination is None else jsonb(destination),
    )  # fmt: skip
    assert found is not None
    return found["id"]


async def claim(job_id: int) -> Job | None:
    """Take the lease of a queued job that is due; None if somebody else has it or there is nothing to do."""
    found = await row(
        "UPDATE jobs SET state = 'running', lease_token = gen_random_uuid(), "
        "lease_expires = now() + make_interval(secs => $2), started_at = coalesce(started_at, now()) "
        "WHERE id = $1 AND state = 'queued' AND run_after <= now() RETURNING id",
        job_id, LEASE_SECONDS,
    )  # fmt: skip
    return None if found is None else await Job.get(id=job_id)


async def renew(job_id: int, token: UUID) -> bool:
    """Extend the lease; False if it is lost (expired and taken, or the job was cancelled)."""
    return await _held(job_id, token, "lease_expires = now() + make_interval(secs => $3)", LEASE_SECONDS)


async def report(job_id: int, token: UUID, phase: str, percent: int) -> None:
    """Record progress. Raises `LeaseLost`."""
    await _change(job_id, token, "phase = $3, percent = $4", phase, percent)


async def finish(job_id: int, token: UUID) -> None:
    """Mark a job done. Raises `LeaseLost`: then nothing of the transaction may be committed."""
    await _change(job_id, token, f"state = 'done', percent = 100, phase = 'DONE', finished_at = now(), {_RELEASE}")


async def wait(job_id: int, token: UUID) -> None:
    """Let a job wait for a person, without lease or worker. Raises `LeaseLost`."""
    await _change(job_id, token, f"state = 'waiting', percent = 100, {_RELEASE}")


async def put_back(job_id: int, token: UUID) -> None:
    """Give a job back unharmed (the worker stops): it costs no attempt. Raises `LeaseLost`."""
    await _change(job_id, token, f"state = 'queued', {_RELEASE}")


async def move(job_id: int, token: UUID, queue: Queue) -> None:
    """Queue a job for workers of another kind, which go on with it; wake one after the commit. Raises `LeaseLost`."""
    await _change(
        job_id, token,
        f"state = 'queued', queue = $3, run_after = now(), woken_at = now(), {_RELEASE}",
        queue,
    )  # fmt: skip


async def retry(job_id: int, token: UUID, delay: float, error: str) -> None:
    """Queue a job again after ``delay`` seconds. Raises `LeaseLost`."""
    await _change(
        job_id, token,
        "state = 'queued', retries = retries + 1, run_after = now() + make_interval(secs => $3), "
        f"error = $4, {_RELEASE}",
        delay, error,
    )  # fmt: skip


async def bury(job_id: int, token: UUID, error: str) -> None:
    """Give a job up for good. Tell the person in the same transaction. Raises `LeaseLost`."""
    await _change(job_id, token, f"state = 'dead', error = $3, finished_at = now(), {_RELEASE}", error)


async def cancel(job_id: int) -> bool:
    """Cancel a job that is not over; a running one stops at its next renewal. False if it is over."""
    found = await row(
        f"UPDATE jobs SET state = 'cancelled', finished_at = now(), {_RELEASE} "
        "WHERE id = $1 AND state IN ('queued', 'running', 'waiting') RETURNING id",
        job_id,
    )
    return found is not None


async def cancel_all(job_ids: list[int]) -> list[int]:
    """Cancel those jobs that are not over and return their ids."""
    return ids(
        await rows(
            f"UPDATE jobs SET state = 'cancelled', finished_at = now(), {_RELEASE} "
            "WHERE id = ANY($1) AND state IN ('queued', 'running', 'waiting') RETURNING id",
            job_ids,
        )
    )


async def ask_to_stop(job_id: int) -> bool:
    """Ask a running job to end early and keep what it has; False if it does not run, or was asked before."""
    found = await row(
        "UPDATE jobs SET interaction = $2::jsonb WHERE id = $1 AND state = 'running' "
        "AND interaction IS DISTINCT FROM $2::jsonb RETURNING id",
        job_id, jsonb(_STOP),
    )  # fmt: skip
    return found is not None


def asked_to_stop(job: Job) -> bool:
    """Tell whether somebody wants that a job ends early."""
    return job.interaction == _STOP


async def interact(job_id: int, interaction: dict[str, Any]) -> bool:
    """Give a waiting job what it waits for and queue the rest of it; False if it does not wait."""
    found = await row(
        "UPDATE jobs SET state = 'queued', interaction = $2::jsonb, run_after = now(), woken_at = now() "
        "WHERE id = $1 AND state = 'waiting' RETURNING id",
        job_id, jsonb(interaction),
    )  # fmt: skip
    return found is not None


async def reap() -> list[int]:
    """Queue again the jobs whose lease expired, counting a crash; return their ids."""
    return ids(
        await rows(
            f"UPDATE jobs SET state = 'queued', attempt = attempt + 1, run_after = now(), {_RELEASE} WHERE id IN ("
            "SELECT id FROM jobs WHERE state = 'running' AND lease_expires < now() FOR UPDATE SKIP LOCKED) RETURNING id"
        )
    )


async def overdue(queue: Queue, *, seconds: float = 4.0, limit: int = 200) -> list[tuple[int, int]]:
    """Return queued jobs that are due but whose wake-up was longer ago than ``seconds`` (or lost), marking them woken.

    Id and priority of each, interactive ones first. Callers put these ids into the queue again, unless they are in it.
    """
    found = await rows(
        "UPDATE jobs SET woken_at = now() WHERE id IN (SELECT id FROM jobs WHERE state = 'queued' AND queue = $1 "
        "AND run_after <= now() AND (woken_at < now() - make_interval(secs => $2) OR woken_at < run_after) "
        "ORDER BY priority, id LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id, priority",
        queue, seconds, limit,
    )  # fmt: skip
    return sorted(((f["id"], f["priority"]) for f in found), key=lambda f: (f[1], f[0]))


async def position(job_id: int) -> int:
    """Return how many queued jobs of its queue stand before a queued job (0: next, or not queued any more)."""
    found = await row(
        "SELECT count(*) AS ahead FROM jobs j JOIN jobs o ON o.queue = j.queue AND o.state = 'queued' "
        "AND (o.priority, o.id) < (j.priority, j.id) WHERE j.id = $1 AND j.state = 'queued'",
        job_id,
    )
    return found["ahead"] if found else 0


async def get(job_id: int) -> Job | None:
    """Return a job."""
    return await Job.get_or_none(id=job_id)


@dataclass(frozen=True, slots=True)
class Status:
    """Where a job is: its state and phase, percent of the running phase's work, and the steps that are finished."""

    state: str
    phase: str
    percent: int
    steps: list[str]
    error: str


async def status(job_id: int) -> Status | None:
    """Return where a job is; None if there is no such job."""
    job = await Job.get_or_none(id=job_id)
    if job is None:
        return None
    return Status(job.state, job.phase, job.percent, list(await artifacts(job_id)), job.error)


async def counts() -> dict[str, int]:
    """Return how many jobs are in each state that is not over, and how many are dead."""
    found = await rows("SELECT state, count(*) AS n FROM jobs WHERE state NOT IN ('done', 'cancelled') GROUP BY state")
    return {r["state"]: r["n"] for r in found}


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the workers are: jobs by state, and the seconds that somebody who comes now waits for a worker."""

    interactive: int
    background: int
    running: int
    wait_s: float


async def load(*, recent: int = 200, minutes: float = 10.0) -> Load:
    """Return how busy the workers are.

    The wait is what people waited in the last ``minutes`` (among the ``recent`` newest jobs), or what the one who has
    waited longest has waited so far, if that is more.
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
    return Load(open_["interactive"], open_["background"], open_["running"], wait)


async def save_artifact(
    job_id: int,
    token: UUID,
    step: str,
    kind: str,
    content: Any,
    *,
    metadata: dict[str, Any] | None = None,
    parent_id: int | None = None,
) -> int:
    """Save what a step left and return its id; the second save of a step changes nothing. Raises `LeaseLost`."""
    found = await row(
        "INSERT INTO artifacts (job_id, step, kind, content, metadata, parent_id) "
        "SELECT id, $3, $4, $5::jsonb, $6::jsonb, $7 FROM jobs WHERE id = $1 AND lease_token = $2 FOR SHARE "
        "ON CONFLICT (job_id, step) DO UPDATE SET step = excluded.step RETURNING id",
        job_id, token, step, kind, jsonb(content), jsonb(metadata or {}), parent_id,
    )  # fmt: skip
    if found is None:
        raise LeaseLost(f"job {job_id}")
    return found["id"]


async def artifacts(job_id: int) -> dict[str, Artifact]:
    """Return what the finished steps of a job left, by step."""
    return {a.step: a for a in await Artifact.filter(job_id=job_id).order_by("id")}


async def _held(job_id: int, token: UUID, change: str, *values: Any) -> bool:
    found = await row(
        f"UPDATE jobs SET {change} WHERE id = $1 AND lease_token = $2 AND state = 'running' RETURNING id",
        job_id, token, *values,
    )  # fmt: skip
    return found is not None


async def _change(job_id: int, token: UUID, change: str, *values: Any) -> None:
    if not await _held(job_id, token, change, *values):
        raise LeaseLost(f"job {job_id}")
