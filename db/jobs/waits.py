"""Jobs that wait for interactions, in order, or for their children, up to a deadline."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from db.connection import ids, jsonb, row, rows
from db.errors import LeaseLost
from db.jobs.joins import DOWN, OPEN, RELEASE, Wakeup
from db.jobs.turns import BACKGROUND, INTERACTIVE, join_line
from db.records import Json, columns, fetch, fetch_one
from db.work import Job

# What changes lines has no turn yet in the new one.
_CHANGES_LINE: Final = f"(priority >= {BACKGROUND}) <> (least(priority, $2) >= {BACKGROUND})"
_RAISED: Final = (
    f"priority = least(priority, $2::smallint), lined = lined AND NOT {_CHANGES_LINE}, "
    f"turn = CASE WHEN NOT {_CHANGES_LINE} THEN turn END, "
    f"person_turn = CASE WHEN NOT {_CHANGES_LINE} THEN person_turn END"
)


@dataclass(frozen=True, slots=True)
class Awaited:
    """The result of a wait: an interaction's ``content``, or none by the deadline (``timed_out``)."""

    content: Json[Any] = None
    timed_out: bool = False


async def interact(job_id: int, interaction: dict[str, Any], *, name: str = "") -> Wakeup | None:
    """Hand a job an interaction; None if the job is over. Wake a worker for it after the commit.

    A job takes its interactions in order when it reaches the wait called ``name`` (empty: any wait), so one that
    arrives before the job waits is kept.
    """
    # In SET the conditions see the locked row; in WHERE they would first see the statement's snapshot.
    arrived = "state = 'waiting' AND NOT joining AND $2 IN ('', waiting_for)"
    return await fetch_one(
        Wakeup,
        f"WITH job AS (UPDATE jobs SET state = CASE WHEN {arrived} THEN 'queued' ELSE state END, "
        f"run_after = CASE WHEN {arrived} THEN now() ELSE run_after END, "
        f"woken_at = CASE WHEN {arrived} THEN now() ELSE woken_at END "
        f"WHERE id = $1 AND {OPEN} RETURNING id, queue, priority), "
        "added AS (INSERT INTO job_interactions (job_id, name, content) SELECT id, $2, $3::jsonb FROM job) "
        "SELECT * FROM job",
        job_id, name, jsonb(interaction),
    )  # fmt: skip


async def take_or_wait(
    job_id: int, token: UUID, name: str, deadline_s: float | None, expiry_s: float | None = None
) -> Awaited | None:
    """Take the oldest interaction for the wait ``name``; None if there is none: the job is parked until one comes.

    The deadline counts from when the job was first parked there. Without one the job ends after ``expiry_s``
    (`db.jobs.deadlines`; None: never). Call it in a transaction. Raises `LeaseLost`.
    """
    await _hold(job_id, token)
    found = await fetch_one(
        Awaited,
        "DELETE FROM job_interactions WHERE id = (SELECT id FROM job_interactions WHERE job_id = $1 "
        "AND name IN ('', $2) ORDER BY id LIMIT 1) RETURNING content, false AS timed_out",
        job_id, name,
    )  # fmt: skip
    if found is not None:
        return found
    return await _park(job_id, name, deadline_s, expiry_s, joining=False)


async def join_or_wait(job_id: int, token: UUID, name: str, deadline_s: float | None) -> Awaited | None:
    """Return at once if all child jobs have ended, else park the job until they have (None). Like `take_or_wait`."""
    await _hold(job_id, token)
    if await row(f"SELECT id FROM jobs WHERE parent_id = $1 AND {OPEN} LIMIT 1", job_id) is None:
        return Awaited()
    return await _park(job_id, name, deadline_s, None, joining=True)


async def wake_due(limit: int = 200) -> list[Wakeup]:
    """Queue the waiting jobs whose deadline has passed, or whose children are all gone: workers find them at once."""
    return await fetch(
        Wakeup,
        "UPDATE jobs SET state = 'queued', run_after = now() WHERE id = ANY (ARRAY ("
        "SELECT id FROM jobs WHERE state = 'waiting' AND (joining OR deadline IS NOT NULL) AND deadline <= now() "
        "AND NOT expires ORDER BY deadline LIMIT $1 FOR UPDATE SKIP LOCKED) || ARRAY ("
        "SELECT id FROM jobs j WHERE state = 'waiting' AND joining "
        f"AND (SELECT true FROM jobs c WHERE c.parent_id = j.id AND c.{OPEN} LIMIT 1) IS NULL "
        "ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING id, queue, priority",
        limit,
    )


async def promote(
    job_id: int, *, event_key: str, destination: dict[str, Any], priority: int = INTERACTIVE
) -> Job | None:
    """Make an open job answer an event, with that event's priority; None if the job is over or has answered.

    A job that waits for a retry starts at once. The answer goes to this event, even if the job already runs. If it was
    background work, it and its child jobs join the line of people's jobs.
    Call it in a transaction, and wake a worker for the job after the commit.
    """
    # The children's locks come before the parent's.
    moved = await rows(
        f"UPDATE jobs SET {_RAISED} WHERE id = ANY (ARRAY ({DOWN} SELECT id FROM jobs "
        f"WHERE id IN (SELECT id FROM down) AND {OPEN} AND priority > $2 ORDER BY id DESC FOR UPDATE)) RETURNING id",
        job_id, priority,
    )  # fmt: skip
    # The job's own lock first: the answer of a commit under way is then seen.
    await rows("SELECT id FROM jobs WHERE id = $1 FOR UPDATE", job_id)
    job = await fetch_one(
        Job,
        f"UPDATE jobs SET event_key = $3, destination = $4::jsonb, {_RAISED}, run_after = now(), woken_at = now() "
        f"WHERE id = $1 AND {OPEN} AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.event_key = jobs.event_key "
        f"AND o.part = 'reply') RETURNING {columns(Job)}",
        job_id, priority, event_key, jsonb(destination),
    )  # fmt: skip
    await join_line([*ids(moved), job_id])
    return job


async def _hold(job_id: int, token: UUID) -> None:
    """Lock a job for the rest of the transaction. Raises `LeaseLost`."""
    found = await row("SELECT id FROM jobs WHERE id = $1 AND lease_token = $2 FOR UPDATE", job_id, token)
    if found is None:
        raise LeaseLost(f"job {job_id}")


async def _park(
    job_id: int, name: str, deadline_s: float | None, expiry_s: float | None, *, joining: bool
) -> Awaited | None:
    expires = deadline_s is None and expiry_s is not None
    found = await row(
        "UPDATE jobs SET state = 'waiting', percent = 100, waiting_for = $2, joining = $3, "
        "expires = $5, "
        "deadline = CASE WHEN waiting_for = $2 THEN deadline ELSE now() + make_interval(secs => $4::float8) END, "
        f"{RELEASE} "
        "WHERE id = $1 AND NOT (waiting_for = $2 AND NOT $5 AND coalesce(deadline <= now(), false)) "
        "RETURNING id",
        job_id, name, joining, expiry_s if expires else deadline_s, expires,
    )  # fmt: skip
    return Awaited(timed_out=True) if found is None else None
