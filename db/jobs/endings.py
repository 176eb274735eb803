"""Jobs that end before they are done: cancelled, asked to stop, or deleted with what they work on."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from db import work
from db.connection import row, transaction
from db.errors import NotFound
from db.jobs.joins import OPEN, RELEASE, cancel_children, open_descendants, wake_parent
from db.jobs.leases import get
from db.payloads.base import Payload
from db.records import columns, fetch
from db.work import Failure, Job

Subject = Literal[
    "story_id", "page_id", "message_id", "picture_id", "persona_id", "conversation_id", "account_id", "user_id"
]


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A job that ended before it was done, and the notice for the person (None: nothing)."""

    job: Job
    notification: Payload | None


async def cancel(job_id: int) -> bool:
    """Cancel a job that is not over, with its child jobs; a running one stops at its next renewal. False if it is over.

    What it promised is not undone: see `abandon`.
    """
    await cancel_children(job_id)
    found = await row(
        f"UPDATE jobs SET state = 'cancelled', finished_at = now(), {RELEASE} WHERE id = $1 AND {OPEN} "
        "RETURNING parent_id",
        job_id,
    )
    if found is None:
        return False
    await cancel_children(job_id)  # child jobs added meanwhile
    if found["parent_id"] is not None:
        await wake_parent(found["parent_id"])
    return True


async def abandon(job_id: int, failure: Failure) -> Abandoned:
    """Cancel an open job with its child jobs, and undo what they promised; call it in a transaction.

    Raises `NotFound` if it is over, or has answered and waits for a person: roll back then.
    """
    job = await get(job_id)
    if job is None:
        raise NotFound("job.over")
    # Undone first: locks are taken in the order story, page, job.
    notification = await work.abandon(job, failure)
    await undo_children(job_id, failure)
    now = await get(job_id)
    if now is None or not (now.state in {"queued", "running"} or (now.state == "waiting" and now.joining)):
        raise NotFound("job.over")
    if not await cancel(job_id):
        raise NotFound("job.over")
    return Abandoned(job, notification)


async def abandon_about(subject: Subject, id_: int, failure: Failure) -> list[Abandoned]:
    """Cancel and undo all open jobs that work on a row that is about to be deleted; call it in the transaction.

    The caller holds the row's lock. Only a plain notice can follow: there is nothing left to show.
    """
    found = await fetch(
        Job, f"SELECT {columns(Job)} FROM jobs WHERE {subject} = $1 AND {OPEN} ORDER BY id DESC FOR UPDATE", id_
    )
    abandoned: list[Abandoned] = []
    for job in found:
        await undo_children(job.id, failure)
        await cancel(job.id)
        told = await work.abandon(job, failure)
        abandoned.append(Abandoned(job, None if told is None else await work.notice(job, None, failure)))
    return abandoned[::-1]


async def undo_children(job_id: int, failure: Failure) -> None:
    """Undo what the open descendants of a job promised, youngest first: they are about to be cancelled with it."""
    for child in await open_descendants(job_id):
        with suppress(NotFound):
            async with transaction():
                await work.abandon(child, failure)
                if await row(f"SELECT id FROM jobs WHERE id = $1 AND {OPEN} FOR UPDATE", child.id) is None:
                    raise NotFound("job.over")  # it has just kept its promise


async def ask_to_stop(job_id: int) -> bool:
    """Ask a running job to end early and keep what it has; False if it does not run, or was asked before."""
    found = await row(
        "UPDATE jobs SET stop_requested = true WHERE id = $1 AND state = 'running' AND NOT stop_requested RETURNING id",
        job_id,
    )
    return found is not None
