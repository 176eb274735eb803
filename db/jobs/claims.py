"""Starting a queued job: its lease is taken by one conditional update. Which one is next says `db.jobs.turns`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from db.jobs.leases import LEASE_SECONDS
from db.jobs.turns import ACCOUNT, AGING_SECONDS, BACKGROUND, DUE, LINED, RANK, TIE
from db.records import columns, fetch_one
from db.work import Job, WorkerQueue

_START: Final = (
    "state = 'running', lined = false, lease_token = gen_random_uuid(), claimed_at = now(), "
    f"lease_expires = now() + make_interval(secs => {LEASE_SECONDS}), started_at = coalesce(started_at, now())"
)
_KNOWN: Final = "($2::text[] IS NULL OR type = ANY ($2::text[]))"
# In line is what is due and was not interrupted. Workers of an older release may leave others there.
_READY: Final = f"{LINED} AND attempt = 0 AND {DUE}"
_HEAD: Final = f"""SELECT id, attempt = 0 AND lined AS lined, turn, {TIE} AS tie, run_after, {RANK} AS rank,
    {ACCOUNT} AS account FROM jobs WHERE queue = $1 AND {_KNOWN}"""
_FIRST: Final = f"ORDER BY turn, {TIE} LIMIT 1 FOR UPDATE SKIP LOCKED"
# A job that goes on keeps its turn, but it is no later than the first in line: that may have begun anew meanwhile.
#
# Each of the heads is looked up only if those before it have found nothing: a CTE is read as far as it is needed.
_NEXT: Final = f"""
WITH suspects AS (
    {_HEAD} AND $5 AND state = 'queued' AND attempt > 0 AND {DUE} AND (priority < {BACKGROUND} OR $4)
    ORDER BY priority, id LIMIT 1 FOR UPDATE SKIP LOCKED),
resumed AS (
    {_HEAD} AND id = $3 AND state = 'queued' AND NOT lined AND attempt = 0 AND turn IS NOT NULL AND {DUE}
    AND (priority < {BACKGROUND} OR $4) FOR UPDATE SKIP LOCKED),
aged AS ({_HEAD} AND $4 AND $6 AND {RANK} = 1 AND {_READY} {_FIRST}),
people AS ({_HEAD} AND {RANK} = 0 AND {_READY} {_FIRST}),
background AS ({_HEAD} AND $4 AND {RANK} = 1 AND {_READY} {_FIRST}),
head AS MATERIALIZED (
    SELECT * FROM suspects UNION ALL SELECT * FROM resumed
    UNION ALL SELECT * FROM aged WHERE run_after < now() - make_interval(secs => {AGING_SECONDS})
    UNION ALL SELECT * FROM people UNION ALL SELECT * FROM background LIMIT 1),
found AS MATERIALIZED (
    SELECT first.id, first.turn, first.tie FROM head, LATERAL (
        SELECT id, turn, {TIE} AS tie FROM jobs WHERE head.lined AND {ACCOUNT} = head.account AND queue = $1
        AND {RANK} = head.rank AND {_READY} AND {_KNOWN} ORDER BY person_turn, id LIMIT 1 FOR UPDATE SKIP LOCKED) first
    UNION ALL SELECT id, turn, tie FROM head WHERE NOT lined),
passed AS (
    UPDATE jobs SET turn = found.turn, turn_id = found.tie FROM head, found
    WHERE jobs.id = head.id AND found.id <> head.id)
UPDATE jobs SET {_START}, turn_id = head.tie,
    turn = CASE WHEN head.lined THEN head.turn ELSE least(head.turn, (
        SELECT turn FROM jobs o WHERE queue = $1 AND {RANK} = head.rank AND {LINED} ORDER BY turn, {TIE} LIMIT 1)) END,
    person_turn = CASE WHEN head.lined THEN person_turn ELSE least(person_turn, (
        SELECT person_turn FROM jobs o WHERE {ACCOUNT} = head.account AND queue = $1 AND {RANK} = head.rank AND {LINED}
        ORDER BY person_turn, id LIMIT 1)) END
FROM head, found WHERE jobs.id = found.id
RETURNING {columns(Job, "jobs")}"""


@dataclass(frozen=True, slots=True)
class Room:
    """What a worker may start besides jobs of people.

    ``background``: background work; ``aged``: before people's jobs, if it has waited long. ``suspects``: jobs that have
    lost a worker.
    """

    background: bool = True
    suspects: bool = True
    aged: bool = False


async def claim_next(
    queue: WorkerQueue, room: Room, types: Sequence[str] | None = None, *, named: int | None = None
) -> Job | None:
    """Take the lease of the job of a queue whose turn it is; None if none may start.

    Only of ``types`` (None: all). ``named`` is the job of the wake-up: it goes on at once if it was started before.
    """
    known = None if types is None else list(types)
    return await fetch_one(Job, _NEXT, queue, known, named, room.background, room.suspects, room.aged)


async def claim(job_id: int) -> Job | None:
    """Take the lease of one job that is due, whatever its turn; None if another worker has it, or it is over."""
    return await fetch_one(
        Job,
        f"UPDATE jobs SET {_START} WHERE id = $1 AND state = 'queued' AND {DUE} RETURNING {columns(Job)}",
        job_id,
    )
