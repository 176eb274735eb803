"""Jobs of workers that are gone."""

from typing import Final

from db.connection import ids, rows
from db.heartbeats import STEADY
from db.jobs.joins import RELEASE
from db.jobs.leases import COUNTED

_ODD_LEASE_SECONDS: Final = 60
"""A lease that ends later than this was taken before the server's clock was set back."""


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
