"""Adding jobs, and what the holder of a job's lease does with it; each is one conditional update."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from db.connection import jsonb, row
from db.errors import LeaseLost
from db.jobs.joins import RELEASE, Wakeup, cancel_children, wake_parent
from db.jobs.turns import BACKGROUND, INTERACTIVE, TURNS, join_line
from db.records import columns, fetch_one
from db.work import Job, JobParameters, WorkerQueue, job_types

LEASE_SECONDS: Final = 10.0
"""How long a lease lasts unless renewed: a dead worker's job restarts after this plus one round of the reaper."""
MAX_CRASHES: Final = 3
"""After this many lost leases a job is not run again."""
MAX_RETRIES: Final = 5
COUNTED: Final = 32_000
"""Counters of crashes and retries stop here: their columns are small."""
_ADD: Final = f"""
WITH arrivals AS (
    SELECT NULL::bigint AS id, coalesce($6::bigint, 0) AS account, coalesce($7::bigint, 0) AS person,
        $3::text AS queue, CASE WHEN $4::smallint < {BACKGROUND} THEN 0 ELSE 1 END AS rank,
        coalesce((SELECT weight FROM accounts WHERE id = $6), 1) AS weight, p.turn, p.person_turn
    FROM (VALUES (true)) AS one LEFT JOIN jobs p ON p.id = $9::bigint AND p.queue = $3
        AND (p.priority < {BACKGROUND}) = ($4 < {BACKGROUND})),
turns AS ({TURNS})
INSERT INTO jobs (type, parameters, queue, priority, run_after, account_id, user_id, conversation_id, parent_id,
    event_key, destination, story_id, page_id, message_id, picture_id, persona_id, lined, turn, person_turn)
SELECT $1, $2::jsonb, $3, $4, coalesce($5::timestamptz, now()), $6, $7, $8, $9, $10, $11::jsonb,
    -- If a subject is deleted right now, the job's steps notice and report it.
    coalesce((SELECT id FROM stories WHERE id = $12), (SELECT story_id FROM pages WHERE id = $13)),
    (SELECT id FROM pages WHERE id = $13), (SELECT id FROM chat_messages WHERE id = $14),
    (SELECT id FROM pictures WHERE id = $15), (SELECT id FROM personas WHERE id = $16),
    due.now, CASE WHEN due.now THEN turns.turn END, CASE WHEN due.now THEN turns.person_turn END
FROM turns, (SELECT coalesce($5::timestamptz <= now(), true) AS now) due
RETURNING id"""


async def add(
    parameters: JobParameters,
    *,
    queue: WorkerQueue | None = None,
    priority: int = INTERACTIVE,
    run_after: datetime | None = None,
    account_id: int | None = None,
    user_id: int | None = None,
    conversation_id: int | None = None,
    parent_id: int | None = None,
    event_key: str | None = None,
    destination: dict[str, Any] | None = None,
) -> int:
    """Add a queued job and return its id. Wake a worker for it after the commit (workers.queue).

    ``queue`` is its type's unless given. ``run_after`` is the earliest time at which it starts: now if None.
    """
    links = parameters.links()
    found = await row(
        _ADD,
        parameters.type, parameters.model_dump_json(exclude_none=True), queue or queue_of(parameters), priority,
        run_after, account_id, user_id, conversation_id, parent_id, event_key,
        None if destination is None else jsonb(destination),
        links.story_id, links.page_id, links.message_id, links.picture_id, links.persona_id,
    )  # fmt: skip
    assert found is not None
    return found["id"]


def queue_of(parameters: JobParameters) -> WorkerQueue:
    """Return the default queue of a job."""
    known = job_types().get(parameters.type)
    return "cpu" if known is None else known.queue


async def get(job_id: int) -> Job | None:
    """Return a job."""
    return await fetch_one(Job, f"SELECT {columns(Job)} FROM jobs WHERE id = $1", job_id)


async def renew(job_id: int, token: UUID) -> Job | None:
    """Extend the lease and return the job's current row.

    None if the lease is lost: it expired and was taken, or the job was cancelled or deleted.
    """
    return await fetch_one(
        Job,
        "UPDATE jobs SET lease_expires = now() + make_interval(secs => $3) "
        f"WHERE id = $1 AND lease_token = $2 AND state = 'running' RETURNING {columns(Job)}",
        job_id, token, LEASE_SECONDS,
    )  # fmt: skip


async def report(job_id: int, token: UUID, phase: str, percent: int) -> None:
    """Record progress. Raises `LeaseLost`."""
    await _change(job_id, token, "phase = $3, percent = $4", phase, percent)


async def finish(job_id: int, token: UUID) -> Wakeup | None:
    """Mark a job done; return the job that waited for it: wake it after the commit.

    Raises `LeaseLost`: then nothing of the transaction may be committed.
    """
    change = f"state = 'done', percent = 100, phase = 'DONE', finished_at = now(), {RELEASE}"
    return await _end(await _change(job_id, token, change))


async def put_back(job_id: int, token: UUID) -> Wakeup | None:
    """Requeue a job because the worker stops, or could not reach the database: it costs no attempt.

    Wake a worker for it after the commit. Raises `LeaseLost`.
    """
    await _change(job_id, token, f"state = 'queued', run_after = now(), {RELEASE}")
    return await fetch_one(Wakeup, "SELECT id, queue, priority FROM jobs WHERE id = $1", job_id)


async def forget_parameters(job_id: int, token: UUID) -> None:
    """Drop the parameters of a job that has used them and will not run again. Raises `LeaseLost`."""
    await _change(job_id, token, "parameters = '{}'")


async def move(job_id: int, token: UUID, queue: WorkerQueue) -> None:
    """Hand a job over to another queue, whose workers continue it; wake one after the commit. Raises `LeaseLost`."""
    await _change(
        job_id, token,
        "state = 'queued', queue = $3, run_after = now(), woken_at = now(), turn = NULL, person_turn = NULL, "
        f"{RELEASE}",
        queue,
    )  # fmt: skip
    await join_line([job_id])


async def retry(job_id: int, token: UUID, delay: float, error: str) -> None:
    """Queue a job again after ``delay`` seconds. Raises `LeaseLost`."""
    await _change(
        job_id, token,
        f"state = 'queued', retries = least(retries + 1, {COUNTED}), run_after = now() + make_interval(secs => $3), "
        f"error = $4, {RELEASE}",
        delay, line(error),
    )  # fmt: skip


async def bury(job_id: int, token: UUID, error: str) -> Wakeup | None:
    """Mark a job as dead, and cancel its open child jobs; notify the person in the same transaction.

    Returns and raises like `finish`. What the children promised is not undone: see `db.jobs.endings.undo_children`.
    """
    await cancel_children(job_id)
    change = f"state = 'dead', error = $3, finished_at = now(), {RELEASE}"
    return await _end(await _change(job_id, token, change, line(error)))


def line(error: str) -> str:
    """Return an error as it can be stored: without what PostgreSQL's text cannot hold, and not too long."""
    return error.replace("\0", "").encode(errors="replace").decode()[:1000]


async def _end(parent_id: int | None) -> Wakeup | None:
    return None if parent_id is None else await wake_parent(parent_id)


async def _change(job_id: int, token: UUID, change: str, *values: Any) -> int | None:
    """Change a job and return its parent's id."""
    found = await row(
        f"UPDATE jobs SET {change} WHERE id = $1 AND lease_token = $2 AND state = 'running' RETURNING parent_id",
        job_id, token, *values,
    )  # fmt: skip
    if found is None:
        raise LeaseLost(f"job {job_id}")
    return found["parent_id"]
