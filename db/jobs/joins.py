"""Jobs that wait for their child jobs: the last child's end wakes its parent in its own transaction."""

from dataclasses import dataclass
from typing import Any, Final

from db.connection import row, rows
from db.records import Json, columns, fetch, fetch_one
from db.work import Job, WorkerQueue

RELEASE: Final = "lease_token = NULL, lease_expires = NULL, lined = false"
OPEN: Final = "state IN ('queued', 'running', 'waiting')"

DOWN: Final = (
    "WITH RECURSIVE down AS (SELECT id FROM jobs WHERE parent_id = $1 "
    "UNION ALL SELECT c.id FROM jobs c JOIN down ON c.parent_id = down.id)"
)
"""SQL: the beginning of a statement in which ``down`` are the descendants of the job $1."""


@dataclass(frozen=True, slots=True)
class Wakeup:
    """A job that was queued in this transaction: wake a worker for it after the commit."""

    id: int
    queue: WorkerQueue
    priority: int


@dataclass(frozen=True, slots=True)
class Child:
    """A child job: its state, its end reason, and the results of its steps, by step."""

    id: int
    type: str
    state: str
    error: str
    outputs: Json[dict[str, Any]]


async def wake_parent(parent_id: int) -> Wakeup | None:
    """Queue the parent of a job that has just ended if it waits for its children and this was the last."""
    # The parent's lock serialises children that end concurrently: the second sees that the first has ended.
    if await row("SELECT id FROM jobs WHERE id = $1 AND state IN ('running', 'waiting') FOR UPDATE", parent_id) is None:
        return None
    return await fetch_one(
        Wakeup,
        "UPDATE jobs SET state = 'queued', run_after = now(), woken_at = now() WHERE id = $1 AND state = 'waiting' "
        f"AND joining AND NOT EXISTS (SELECT FROM jobs c WHERE c.parent_id = $1 AND c.{OPEN}) "
        "RETURNING id, queue, priority",
        parent_id,
    )


async def children(job_id: int) -> list[Child]:
    """Return the child jobs of a job, oldest first."""
    return await fetch(
        Child,
        "SELECT c.id, c.type, c.state, c.error, coalesce(jsonb_object_agg(a.step, a.content) "
        "FILTER (WHERE a.id IS NOT NULL), '{}') AS outputs FROM jobs c LEFT JOIN artifacts a ON a.job_id = c.id "
        "WHERE c.parent_id = $1 GROUP BY c.id ORDER BY c.id",
        job_id,
    )


async def open_descendants(job_id: int) -> list[Job]:
    """Return the open descendants of a job, youngest first."""
    return await fetch(
        Job,
        f"{DOWN} SELECT {columns(Job)} FROM jobs WHERE id IN (SELECT id FROM down) AND {OPEN} ORDER BY id DESC",
        job_id,
    )


async def cancel_children(job_id: int) -> None:
    """Cancel the open descendants of a job, youngest first: locks are taken in that order everywhere."""
    await rows(
        f"UPDATE jobs SET state = 'cancelled', finished_at = now(), {RELEASE} WHERE id IN ({DOWN} "
        f"SELECT id FROM jobs WHERE id IN (SELECT id FROM down) AND {OPEN} ORDER BY id DESC FOR UPDATE)",
        job_id,
    )
