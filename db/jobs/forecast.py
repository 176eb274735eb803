"""When a job starts and is done: how many start before it (`db.jobs.turns`), and how long they take."""

import heapq
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from db.connection import row, rows
from db.heartbeats import ALIVE_SECONDS
from db.jobs.turns import ACCOUNT, AGING_SECONDS, BACKGROUND_SHARE, LINED, OPEN_TURN, RANK, TIE, TURNS
from db.work import WorkerQueue

COUNTED: Final = 1000
"""Jobs are counted up to this number."""
RECENT: Final = 300
"""The durations of so many jobs that have ended last are looked at, of all types together, …"""
RECENT_MINUTES: Final = 60.0
"""… if that was so many minutes ago at most."""
OWN_SAMPLES: Final = 5
"""From so many jobs on an account has durations of its own: it may have chosen a slower model."""
_LEAST_SHARE: Final = 0.1
"""What is left of a running job is at least this share of the usual duration, however long it has run."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """``position`` jobs start before a job, counted up to `COUNTED`; times are in seconds from now, None: unknown.

    ``start_s``: when it starts; ``done_s``: when it is done.
    """

    position: int = 0
    start_s: float | None = None
    done_s: float | None = None


_QUEUED: Final = f"""job AS (
    SELECT id, type, queue, {RANK} AS rank, {ACCOUNT} AS account, turn, {TIE} AS tie, person_turn FROM jobs
    WHERE id = $1 AND {LINED})"""
_ASKED_NOW: Final = f"""arrivals AS (
    SELECT {2**62} AS id, coalesce($1::bigint, 0) AS account, coalesce($3::bigint, 0) AS person, $4::text AS queue,
        0 AS rank, coalesce((SELECT weight FROM accounts WHERE id = $1), 1) AS weight,
        NULL::float8 AS turn, NULL::float8 AS person_turn),
job AS (
    SELECT a.id, '' AS type, a.queue, a.rank, a.account, t.turn, a.id AS tie, t.person_turn
    FROM arrivals a, ({TURNS}) t)"""
# A job takes the turn of its account that is as far behind the account's first as the job is behind the first there.
_PLACE: Final = f"""
WITH %s,
before AS (
    SELECT count(*) AS n FROM job, LATERAL (SELECT FROM jobs o WHERE {ACCOUNT} = job.account AND o.queue = job.queue
        AND {RANK} = job.rank AND {LINED} AND (o.person_turn, o.id) < (job.person_turn, job.id)
        ORDER BY o.person_turn, o.id LIMIT $2) found),
place AS (
    SELECT t.turn, t.tie FROM job, before, LATERAL (
        (SELECT o.turn, {TIE} AS tie FROM jobs o WHERE {ACCOUNT} = job.account AND o.queue = job.queue
            AND {RANK} = job.rank AND {LINED} AND {OPEN_TURN} ORDER BY o.turn, {TIE} LIMIT before.n + 1)
        UNION SELECT job.turn, job.tie ORDER BY turn, tie LIMIT 1 OFFSET before.n) t),
ahead AS (
    SELECT a.type FROM job, place, LATERAL (SELECT type FROM jobs o WHERE o.queue = job.queue
        AND {RANK} = job.rank AND {LINED} AND (o.turn, {TIE}) < (place.turn, place.tie)
        ORDER BY o.turn, {TIE} LIMIT $2) a
    UNION ALL SELECT a.type FROM job, LATERAL (SELECT type FROM jobs o WHERE job.rank = 1 AND o.queue = job.queue
        AND {RANK} = 0 AND {LINED} ORDER BY o.turn, {TIE} LIMIT $2) a),
slots AS (
    SELECT coalesce(sum(h.capacity), 0) AS n FROM job, heartbeats h WHERE h.worker <> '' AND job.queue = ANY (h.queues)
    AND abs(extract(epoch FROM now() - h.seen_at)) < {ALIVE_SECONDS}),
running AS (
    SELECT r.type, extract(epoch FROM now() - r.claimed_at)::float8 AS elapsed FROM job, LATERAL (
        SELECT type, claimed_at FROM jobs o WHERE o.queue = job.queue AND o.state = 'running' LIMIT $2) r),
aged AS (
    SELECT a.run_after < now() - make_interval(secs => {AGING_SECONDS}) AS waits FROM job, LATERAL (
        SELECT run_after FROM jobs o WHERE job.rank = 0 AND o.queue = job.queue AND {RANK} = 1 AND {LINED}
        ORDER BY o.turn, {TIE} LIMIT 1) a)
SELECT job.type, job.account, slots.n AS slots, (SELECT waits FROM aged) AS aged,
    (SELECT coalesce(jsonb_object_agg(type, n), '{{}}') FROM (SELECT type, count(*) AS n FROM ahead GROUP BY type) a)
        AS ahead,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(type, elapsed)), '[]') FROM running) AS running
FROM job, slots"""


async def outlook(job_id: int) -> Outlook:
    """Return how many jobs start before a queued one, and when it is done. It is next if it is not in line any more."""
    place = await row(_PLACE % _QUEUED, job_id, COUNTED)
    return Outlook() if place is None else await _outlook(place)


async def next_in_line(queue: WorkerQueue, seconds: float, limit: int) -> dict[int, str]:
    """Return the jobs of people that have waited for ``seconds``, of the first ``limit`` in line, and their events."""
    found = await rows(
        f"SELECT id, event_key FROM (SELECT id, event_key, created_at FROM jobs WHERE queue = $1 AND {RANK} = 0 "
        f"AND {LINED} ORDER BY turn, {TIE} LIMIT $3) j "
        "WHERE event_key IS NOT NULL AND created_at < now() - make_interval(secs => $2)",
        queue, seconds, limit,
    )  # fmt: skip
    return {job["id"]: job["event_key"] for job in found}


async def outlook_now(account_id: int, user_id: int, queue: WorkerQueue = "cpu") -> Outlook:
    """Return the same for what a person would ask for in an account now; when it would be done is not known."""
    place = await row(_PLACE % _ASKED_NOW, account_id, COUNTED, user_id, queue)
    assert place is not None
    return await _outlook(place)


async def _outlook(place: dict[str, Any]) -> Outlook:
    ahead, running = json.loads(place["ahead"]), json.loads(place["running"])
    position = min(COUNTED, sum(ahead.values()))
    if not place["slots"]:
        return Outlook(position)
    usual = await Durations.recent()
    own = usual.of(place["type"], place["account"]) if place["type"] else None
    start = usual.wait(place["slots"], running, ahead, background=bool(place["aged"]))
    return Outlook(position, start, None if own is None or start is None else start + own)


@dataclass(frozen=True)
class Durations:
    """How long the jobs that have ended last took from start to end, in seconds, newest first."""

    by_type: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    by_account: dict[tuple[str, int], list[float]] = field(default_factory=dict[tuple[str, int], Any])

    @classmethod
    async def recent(cls) -> "Durations":
        """Read them."""
        found = await rows(
            "SELECT type, account_id, extract(epoch FROM finished_at - claimed_at)::float8 AS seconds FROM ("
            "SELECT type, account_id, claimed_at, finished_at, state FROM jobs WHERE state IN ('done', 'dead', "
            "'cancelled') AND finished_at > now() - make_interval(mins => $1) ORDER BY finished_at DESC LIMIT $2) j "
            "WHERE state = 'done' AND claimed_at <= finished_at",
            RECENT_MINUTES, RECENT,
        )  # fmt: skip
        by_type: defaultdict[str, list[float]] = defaultdict(list)
        by_account: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        for job in found:
            by_type[job["type"]].append(job["seconds"])
            by_account[job["type"], job["account_id"] or 0].append(job["seconds"])
        return cls(dict(by_type), dict(by_account))

    def of(self, type_: str, account: int) -> float | None:
        """Return how long a job of a type is expected to take for an account; None if nothing is known."""
        own = self.by_account.get((type_, account), [])
        known = own if len(own) >= OWN_SAMPLES else self.by_type.get(type_, [])
        if not known:
            known = [seconds for each in self.by_type.values() for seconds in each]
        return sum(known) / len(known) if known else None

    def wait(
        self, slots: int, running: Sequence[tuple[str, float]], ahead: dict[str, int], *, background: bool
    ) -> float | None:
        """Return how many seconds a job waits for a slot behind ``running`` (type, seconds so far) and ``ahead``.

        ``background``: there is background work that has waited long and gets its share of the starts. None if that is
        not known: nothing has ended lately.
        """
        if not ahead and len(running) < slots:
            return 0.0
        usual = {type_: self.of(type_, 0) for type_ in {*ahead, *(type_ for type_, _ in running)}}
        known = {type_: seconds for type_, seconds in usual.items() if seconds is not None}
        if len(known) < len(usual):
            return None
        ends = [max(known[type_] - elapsed, _LEAST_SHARE * known[type_]) for type_, elapsed in running]
        ends = sorted(ends)[-slots:] + [0.0] * max(0, slots - len(ends))
        heapq.heapify(ends)
        share = BACKGROUND_SHARE / (BACKGROUND_SHARE - 1) if background else 1.0
        for seconds in _mixed({type_: round(n * share) for type_, n in ahead.items()}, known):
            heapq.heapreplace(ends, ends[0] + seconds)
        return ends[0]


def _mixed(ahead: dict[str, int], usual: dict[str, float]) -> Iterator[float]:
    """Yield the usual durations of jobs, their types spread evenly."""
    spread = sorted(((i + 0.5) / n, type_) for type_, n in ahead.items() for i in range(n))
    return (usual[type_] for _, type_ in spread)
