"""What workers find in the database without being woken: jobs that are due, and those of workers that are gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from db.connection import ids, rows
from db.heartbeats import STEADY
from db.jobs.joins import RELEASE
from db.jobs.leases import BACKGROUND, COUNTED, DUE
from db.work import WorkerQueue

_ODD_LEASE_SECONDS: Final = 60
"""A lease that ends later than this was taken before the server's clock was set back."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many jobs a worker can start: of people, in the background, and of those that have lost a worker."""

    interactive: int
    background: int
    suspects: int


async def reap(*, steady: bool = False) -> list[int]:
    """Requeue the jobs whose lease expired, counting a crash; return their ids.

    ``steady``: only if the database has been in service without a gap. After an outage all leases have expired, and
    living workers first get the time to renew theirs.
    """
    return ids(
        await rows(
            f"UPDATE jobs SET state = 'queued', attempt = least(attempt + 1, {COUNTED}), run_after = now(), {RELEASE} "
            "WHERE id = ANY (ARRAY (SELECT id FROM jobs WHERE state = 'running' AND (lease_expires < now() "
            f"OR lease_expires > now() + make_interval(secs => {_ODD_LEASE_SECONDS})) "
            f"AND ($1::boolean OR {STEADY}) ORDER BY id FOR UPDATE SKIP LOCKED)) RETURNING id",
            not steady,
        )
    )


async def overdue(
    queue: WorkerQueue, room: Room, types: Sequence[str] | None = None, *, seconds: float = 1.0
) -> list[int]:
    """Return jobs to start now that were woken longer ago than ``seconds`` (or never), marking them woken.

    Only those of ``types`` (None: all) for which there is room, interactive ones first. Other workers may start them
    too: the claim decides.
    """
    some = (
        f"SELECT id, priority FROM jobs WHERE state = 'queued' AND queue = $1 AND {DUE} "
        "AND (woken_at < now() - make_interval(secs => $2) OR woken_at < run_after OR woken_at > now()) "
        "AND ($3::text[] IS NULL OR type = ANY ($3::text[]))"
    )
    order = "ORDER BY priority, id LIMIT"
    found = await rows(
        f"WITH people AS ({some} AND attempt = 0 AND priority < {BACKGROUND} {order} $4 FOR UPDATE SKIP LOCKED), "
        f"rest AS ({some} AND attempt = 0 AND priority >= {BACKGROUND} {order} $5 FOR UPDATE SKIP LOCKED), "
        f"suspects AS ({some} AND attempt > 0 {order} $6 FOR UPDATE SKIP LOCKED) "
        "UPDATE jobs SET woken_at = now() WHERE id = ANY (ARRAY (SELECT id FROM people UNION ALL SELECT id FROM rest "
        "UNION ALL SELECT id FROM suspects)) RETURNING id, priority",
        queue, seconds, None if types is None else list(types), room.interactive, room.background, room.suspects,
    )  # fmt: skip
    return [f["id"] for f in sorted(found, key=lambda f: (f["priority"], f["id"]))]


async def hand_on(job_id: int, types: Sequence[str]) -> None:
    """Let the wake-up of a queued job of another type than ``types`` count as lost: a worker that knows it takes it."""
    await rows(
        "UPDATE jobs SET woken_at = run_after - interval '1 second' WHERE id = $1 AND state = 'queued' "
        "AND type <> ALL ($2::text[]) AND run_after <= now()",
        job_id, list(types),
    )  # fmt: skip
