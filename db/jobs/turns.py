"""Whose turn it is: the one order in which queued jobs start.

**The order.** Accounts take turns, and the persons of an account take turns with its turns; each person's own jobs
start in the order in which they were asked for. So a newcomer waits for the jobs that have started and for one round
of the others, however many jobs anybody has added before. Jobs of people start before background work, but one start
of `BACKGROUND_SHARE` of a worker goes to background work that has waited for `AGING_SECONDS`; and a quarter of a
worker's slots is never given to it (`workers/slots.py`). An account of weight 2 (``accounts.weight``) has two turns
where others have one. Engines share themselves out by the same rule (`workers/engines/fairness.py`).

**Turns.** This is start-time fair queueing (Goyal, Vin, Cheng 1996), on two levels. A job that joins the line gets its
account's next turn, a number: the one that the queue has reached (`_NOW`), or ``1 / weight`` after the account's last
turn if it still has jobs in line or running. An account that was idle gains no credit by it, and of equal turns the one
that was given first comes first. In the same way the job gets its person's next turn within the account. To start a
job is to take the first turn in line, which names the account, and then the job of that account whose person's turn is
first. Where these are two jobs, the second takes over the turn of the first, and the first gets the second's: an
account's turns do not depend on who of it uses them.

Turns are fixed when a job joins, so a start reads two rows of two indexes, whether ten jobs wait or a million, and no
row is shared by all: eight workers that start jobs at once skip one another's. The alternative, one row per account
with its virtual time, makes each start wait for the one before where one account has all the jobs; a scan over the
accounts with waiting work costs a step for each of them. What is given up: jobs of one person that are added in
concurrent transactions may get the same turn, as many as the bot has connections.

**Who is in line.** Jobs that may start now, and no others: what waits for a retry must not be read again and again. A
job joins when it is added (`db.jobs.add`), or when its time has come (`line_up`). One that was started before keeps its
turn, so it is soon the first: a retry, a crash, a wait for a person or a stopped worker costs it nothing and gains it
nothing, as it brings no second turn. A child job shares the turn of its parent in the same queue. A job that moves to
another queue, or that a click makes out of background work, joins that line at its end.

**Wake-ups** are hints that a queue has work. A worker that hears one starts the job whose turn it is; the job that was
named starts with the next wake-up, or is found by the search for jobs. Only a job that has been started before goes on
at once when it is named: its turn has been.
"""

from collections.abc import Sequence
from typing import Final

from db.connection import ids, rows
from db.work import WorkerQueue

INTERACTIVE: Final = 0
BACKGROUND: Final = 10
AGING_SECONDS: Final = 20.0
"""Background work that has waited for this long gets its share although people wait; engines use the same time."""
BACKGROUND_SHARE: Final = 5
"""Of so many starts of a worker one is for background work that has waited long."""
BATCH: Final = 500
"""Maximum number of jobs that join the line in one statement."""
DUE: Final = "(run_after <= now() OR woken_at > now() + interval '5 seconds')"
"""SQL: a queued job may start. A wake-up in the future means that the server's clock was set back: then at once."""
# The migration's indexes have the very same expressions.
RANK: Final = f"(CASE WHEN priority < {BACKGROUND} THEN 0 ELSE 1 END)"
"""SQL: 0 for jobs of people, 1 for background work: two lines."""
ACCOUNT: Final = "coalesce(account_id, 0)"
PERSON: Final = "coalesce(user_id, 0)"
TIE: Final = "coalesce(turn_id, id)"
"""SQL: of equal turns the one with the smaller number is first. It goes with the turn where two jobs swap theirs."""
LINED: Final = "state = 'queued' AND lined"
"""SQL: the job is in line."""
OPEN_TURN: Final = "(state = 'running' OR (state = 'queued' AND lined))"
"""SQL: the job's turn counts as its account's last."""

_NOW: Final = "CASE WHEN served >= first - 1 THEN served ELSE coalesce(first, served, 0) END"
"""SQL: the turn that a line has reached: the last one that is being served, unless all that are served are old."""
TURNS: Final = f"""
SELECT a.id,
    CASE WHEN a.turn IS NOT NULL THEN least(a.turn, reached.turn)
        ELSE greatest(reached.turn, latest.turn + 1 / a.weight) + (row_number() OVER (
            PARTITION BY a.queue, a.rank, a.account, a.turn IS NULL ORDER BY a.id) - 1) / a.weight END AS turn,
    CASE WHEN a.person_turn IS NOT NULL THEN least(a.person_turn, own.turn)
        ELSE greatest(own.turn, person.turn + 1) + row_number() OVER (
            PARTITION BY a.queue, a.rank, a.account, a.person, a.person_turn IS NULL ORDER BY a.id) - 1
        END AS person_turn
FROM arrivals a,
LATERAL (SELECT {_NOW} AS turn FROM (SELECT
    (SELECT turn FROM jobs WHERE queue = a.queue AND {RANK} = a.rank AND {LINED} ORDER BY turn, {TIE}
        LIMIT 1) AS first,
    (SELECT turn FROM jobs WHERE queue = a.queue AND {RANK} = a.rank AND state = 'running' AND turn IS NOT NULL
        ORDER BY turn DESC LIMIT 1) AS served) found) reached,
LATERAL (SELECT (SELECT turn FROM jobs WHERE {ACCOUNT} = a.account AND queue = a.queue AND {RANK} = a.rank
    AND {OPEN_TURN} AND turn IS NOT NULL ORDER BY turn DESC, {TIE} DESC LIMIT 1) AS turn) latest,
LATERAL (SELECT {_NOW} AS turn FROM (SELECT
    (SELECT person_turn FROM jobs WHERE {ACCOUNT} = a.account AND queue = a.queue AND {RANK} = a.rank AND {LINED}
        ORDER BY person_turn LIMIT 1) AS first,
    (SELECT person_turn FROM jobs WHERE {ACCOUNT} = a.account AND queue = a.queue AND {RANK} = a.rank
        AND state = 'running' AND person_turn IS NOT NULL ORDER BY person_turn DESC LIMIT 1) AS served) found) own,
LATERAL (SELECT (SELECT person_turn FROM jobs WHERE {ACCOUNT} = a.account AND {PERSON} = a.person
    AND queue = a.queue AND {RANK} = a.rank AND {OPEN_TURN} AND person_turn IS NOT NULL
    ORDER BY person_turn DESC LIMIT 1) AS turn) person"""
"""SQL: the turns of ``arrivals`` (id, account, person, queue, rank, weight, turn, person_turn), who join by their ids.

A turn that they have already is kept, but it is no later than the one that the line has reached.
"""

_LINE_UP: Final = f"""
WITH due AS (
    SELECT id FROM jobs WHERE state = 'queued' AND NOT lined AND attempt = 0 AND %s FOR UPDATE SKIP LOCKED),
arrivals AS (
    SELECT j.id, coalesce(j.account_id, 0) AS account, coalesce(j.user_id, 0) AS person, j.queue,
        CASE WHEN j.priority < {BACKGROUND} THEN 0 ELSE 1 END AS rank,
        coalesce((SELECT weight FROM accounts a WHERE a.id = j.account_id), 1) AS weight, j.turn, j.person_turn
    FROM jobs j WHERE j.id = ANY (ARRAY (SELECT id FROM due))),
turns AS ({TURNS})
UPDATE jobs SET lined = true, turn = turns.turn, person_turn = turns.person_turn FROM turns
WHERE jobs.id = turns.id RETURNING jobs.id"""
_OF_QUEUE: Final = _LINE_UP % f"queue = $1 AND run_after <= now() ORDER BY run_after, id LIMIT {BATCH}"
_GIVEN: Final = _LINE_UP % f"id = ANY ($1::bigint[]) AND {DUE}"


async def line_up(queue: WorkerQueue) -> bool:
    """Let the jobs of a queue whose time has come join the line; return whether there may be more of them."""
    return len(await rows(_OF_QUEUE, queue)) >= BATCH


async def join_line(job_ids: Sequence[int]) -> list[int]:
    """Let these jobs join the line if they are due and not in it; return those that have."""
    return ids(await rows(_GIVEN, list(job_ids)))
