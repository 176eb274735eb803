"""Jobs that are late: nobody takes them up, they wait or run too long. They end with a notice instead of silence.

Each type says what is late for it (`db.work.Deadlines`). Every worker and every bot enforces it: a bot also where no
worker is left.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from db import outbox, work
from db.connection import row, rows, transaction
from db.errors import NotFound
from db.heartbeats import ALIVE_SECONDS
from db.jobs.endings import undo_children
from db.jobs.joins import RELEASE, Wakeup, cancel_children, wake_parent
from db.jobs.leases import get
from db.work import Failure, Job, job_types, spec_of

CHECK_SECONDS: Final = 5.0
"""Seconds between two checks."""
SETTLED_CHECKS: Final = 3
"""So many checks in a row must be undisturbed before one counts: after an outage workers first need to come back."""
_SLOW_SECONDS: Final = 2.0
_JUMP_SECONDS: Final = 5.0
"""A clock of the server that runs apart from ours by this much between two checks was set."""
_LATE: Final = (
    "WITH spec AS (SELECT * FROM unnest($1::text[], $2::float8[], $3::float8[], $4::float8[]) "
    "AS s (type, nobody_s, start_s, run_s)), "
    "served AS (SELECT unnest(queues) AS queue FROM heartbeats WHERE worker <> '' "
    f"AND abs(extract(epoch FROM now() - seen_at)) < {ALIVE_SECONDS}), "
    # The oldest are late first: a long queue need not be read to its end.
    "open AS (SELECT j.* FROM unnest(ARRAY['cpu', 'gpu']) AS q (queue) CROSS JOIN LATERAL (SELECT id, type, queue, "
    "state, run_after, claimed_at FROM jobs WHERE queue = q.queue AND state IN ('queued', 'running') "
    "ORDER BY priority, id LIMIT 500) j), "
    "late AS (SELECT open.id, CASE WHEN state = 'running' THEN "
    "CASE WHEN claimed_at < now() - make_interval(secs => run_s) THEN 'run' END "
    "WHEN run_after < now() - make_interval(secs => nobody_s) AND open.queue NOT IN (SELECT queue FROM served) "
    "THEN 'nobody' WHEN run_after < now() - make_interval(secs => start_s) THEN 'start' END AS reason "
    "FROM open JOIN spec ON spec.type = CASE WHEN open.type = ANY ($1::text[]) THEN open.type ELSE '' END) "
    "SELECT id, reason FROM late WHERE reason IS NOT NULL UNION ALL (SELECT id, 'wait' FROM jobs "
    "WHERE state = 'waiting' AND (joining OR deadline IS NOT NULL) AND expires AND deadline < now() LIMIT 50)"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LateJob:
    """A job that was ended, the platform that has a notice of it to send, and the job that waited for it."""

    job: Job
    platform: str | None
    wakeup: Wakeup | None


class LateJobs:
    """Ends late jobs; keep one for each process, and call `end` every `CHECK_SECONDS`."""

    def __init__(self) -> None:
        """Nothing is known about the database yet."""
        self._checks = 0
        self._before: tuple[float, float] | None = None

    async def end(self) -> list[LateJob]:
        """End what is late. Does nothing until the database and its clock have been steady for a while."""
        checks, self._checks = self._checks, 0
        loop = asyncio.get_running_loop()
        since = loop.time()
        found = await rows(_LATE, *_limits())
        clock = await row("SELECT extract(epoch FROM now())::float8 AS now")
        assert clock is not None
        ours, theirs = loop.time(), clock["now"]
        before, self._before = self._before, (ours, theirs)
        jump = 0.0 if before is None else (theirs - before[1]) - (ours - before[0])
        if jump > _JUMP_SECONDS:
            _log.warning("the clock of the database was set forward by %.0f s", jump)
            await _forgive(jump)
        if abs(jump) > _JUMP_SECONDS or ours - since > _SLOW_SECONDS:
            return []
        if before is not None and ours - before[0] > 3 * CHECK_SECONDS:
            return []
        self._checks = checks + 1
        if self._checks < SETTLED_CHECKS:
            return []
        ended = [await _end(late["id"], late["reason"]) for late in found]
        return [late for late in ended if late is not None]


def _limits() -> tuple[list[str], list[float], list[float], list[float]]:
    """Return the limits of all types; those of unknown types stand beside the empty name."""
    limits = {"": spec_of("").deadlines} | {name: spec_of(name).deadlines for name in job_types().names}
    return (
        list(limits),
        [d.nobody_s for d in limits.values()],
        [d.start_s for d in limits.values()],
        [d.run_s for d in limits.values()],
    )


async def _forgive(seconds: float) -> None:
    """Do not hold against the jobs of now what only the clock says that they have waited."""
    await rows(
        "UPDATE jobs SET run_after = least(now(), run_after + make_interval(secs => $1::float8)), "
        "claimed_at = least(now(), claimed_at + make_interval(secs => $1::float8)) "
        "WHERE state IN ('queued', 'running') AND run_after < now() - make_interval(secs => $1::float8 / 2)",
        seconds,
    )


async def _end(job_id: int, reason: str) -> LateJob | None:
    """End a job with its children, undo what it promised and notify the person, in one transaction; None: too late."""
    try:
        async with transaction():
            return await _end_now(job_id, reason)
    except NotFound:
        return None


async def _end_now(job_id: int, reason: str) -> LateJob:
    job = await get(job_id)
    if job is None:
        raise NotFound("job.over")
    failure = Failure(spec_of(job.type).nobody if reason == "nobody" else f"job.late_{reason}")
    # A job that waits for a person has answered, as a rule: there is nothing to undo.
    answered = reason == "wait" and await row(
        "SELECT id FROM outbox WHERE event_key = $1 AND part = 'reply'", job.event_key
    )
    # Undone first: locks are taken in the order story, page, job.
    told = None if answered else await work.abandon(job, failure)
    await undo_children(job_id, failure)
    await cancel_children(job_id)
    found = await row(
        f"UPDATE jobs SET state = $5, error = $6, finished_at = now(), {RELEASE} WHERE id = $1 AND state = $2 "
        "AND lease_token IS NOT DISTINCT FROM $3 AND run_after = $4 RETURNING parent_id, event_key, destination",
        job.id, job.state, job.lease_token, job.run_after, "cancelled" if answered else "dead", f"late: {reason}",
    )  # fmt: skip
    now = await get(job_id)
    if found is None or now is None:
        raise NotFound("job.over")
    _log.warning("job %d (%s) has ended because it was late: %s", job.id, job.type, reason)
    platform = None
    if told is not None and now.event_key and now.conversation_id is not None and now.destination is not None:
        platform = now.event_key.partition(":")[0]
        await outbox.add(
            now.event_key, outbox.REPLY, platform=platform, conversation_id=now.conversation_id, payload=told,
            destination=now.destination,
        )  # fmt: skip
    return LateJob(job, platform, None if now.parent_id is None else await wake_parent(now.parent_id))
