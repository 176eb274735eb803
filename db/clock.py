"""The server's clock: stored times follow it when it is set, so that nothing freezes and nothing expires at once.

Times in the database are compared with the database's time only, and inside a process monotonic clocks count; so a
host's clock does not matter. What remains is the server's own clock. Workers look at it every few seconds (`follow`).
"""

import logging
from dataclasses import dataclass
from typing import Final

from db.connection import row, rows, transaction

BACK_SECONDS: Final = 2.0
"""A clock that shows so much less than it has shown was set back."""
AHEAD_SECONDS: Final = 60.0
"""If so much time has passed unseen, the clock was set forward or nobody could work: leases and waits go on."""
GRACE_SECONDS: Final = 15.0
"""What is left of a lease then: its holder renews it, or others take over."""
LEAP_SECONDS: Final = 6 * 3600.0
LEAP_HOLD_HOURS: Final = 24
"""After a leap of so many seconds nothing is deleted by its age for so many hours: the clock may be wrong."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Times:
    """The times of a table's open rows: ``since`` and ``starts`` begin something, ``leases`` and ``ends`` end it."""

    table: str
    open: str
    starts: tuple[str, ...]
    leases: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


_TIMES: Final = (
    _Times("jobs", "state IN ('queued', 'running', 'waiting')", ("run_after", "woken_at", "created_at"),
           ("lease_expires",), ("deadline",)),
    _Times("outbox", "state IN ('pending', 'sending')", ("not_before", "created_at", "asked_at"), ("lease_expires",)),
    _Times("awaited_files", "true", ("not_before", "created_at"), ("lease_expires",)),
    _Times("late_updates", "true", ("created_at",)),
    _Times("inbox", "received_at > now()", ("received_at",)),
)  # fmt: skip
_LOOK: Final = """
WITH locked AS (SELECT seen_at FROM clock FOR UPDATE)
SELECT extract(epoch FROM clock_timestamp() - seen_at)::float8 AS passed FROM locked"""


async def follow() -> float:
    """Bring open rows into line with a clock that was set; return by how many seconds (0: it was not).

    Any number of processes may call this: one acts.
    """
    async with transaction():
        found = await row(_LOOK)
        if found is None:
            await rows("INSERT INTO clock DEFAULT VALUES ON CONFLICT DO NOTHING")
            return 0.0
        passed: float = found["passed"]
        if 0 <= passed < 1:
            return 0.0
        shift = passed if passed < -BACK_SECONDS or passed > AHEAD_SECONDS else 0.0
        for times in _TIMES if shift else ():
            # What was written since the last look is by so much further off.
            await (_pull_back(times, BACK_SECONDS - shift) if shift < 0 else _extend(times, shift))
        leapt = ", leapt_at = clock_timestamp()" if shift > LEAP_SECONDS else ""
        await rows(f"UPDATE clock SET seen_at = clock_timestamp(){leapt}")
    if shift < 0:
        _log.warning("the database's clock was set back by %.0f s: what is due is brought forward", -shift)
    elif shift > 0:
        _log.warning("nobody looked at the database's clock for %.0f s, or it was set forward: leases go on", shift)
    return shift


async def trusted() -> bool:
    """Return whether rows may be deleted by their age: not soon after the clock went far ahead."""
    found = await row(
        "SELECT clock_timestamp() NOT BETWEEN leapt_at AND leapt_at + make_interval(hours => $1) "
        "AND clock_timestamp() < seen_at + make_interval(secs => $2) AS trusted FROM clock",
        LEAP_HOLD_HOURS, LEAP_SECONDS,
    )  # fmt: skip
    return found is None or found["trusted"]


async def _pull_back(times: _Times, seconds: float) -> None:
    """Without this, what the old clock wrote would start, and expire, only when the new one gets there."""
    columns = (*times.starts, *times.leases, *times.ends)
    changes = ", ".join(
        f"{c} = CASE WHEN {c} > now() THEN {c} - make_interval(secs => $1) ELSE {c} END" for c in columns
    )
    late = " OR ".join(f"{c} > now()" for c in columns)
    await rows(f"UPDATE {times.table} SET {changes} WHERE ({times.open}) AND ({late})", seconds)


async def _extend(times: _Times, seconds: float) -> None:
    changes = [
        f"{c} = CASE WHEN {c} IS NOT NULL THEN "
        f"least({c} + make_interval(secs => $1), now() + make_interval(secs => {GRACE_SECONDS})) END"
        for c in times.leases
    ]
    changes += [f"{c} = {c} + make_interval(secs => $1)" for c in times.ends]
    if changes:
        some = " OR ".join(f"{c} IS NOT NULL" for c in (*times.leases, *times.ends))
        await rows(f"UPDATE {times.table} SET {', '.join(changes)} WHERE ({times.open}) AND ({some})", seconds)
