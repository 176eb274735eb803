"""Whose turn it is: how long a newcomer waits behind a flood, whether the times that people are told come true, what it
costs.

    python -m benchmarks.queueing [--quick]

The worker is the real one (wake-ups by Redis, the search, leases) in this process, with a real database; its jobs do
nothing for so long. The last line is machine-readable.
"""

import argparse
import asyncio
import math
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.stack.embedded import embedded_stack
from db import jobs
from db.connection import connect, row, rows
from db.migrate import migrate
from db.people import Who
from prompts.registry import default_registry
from tests.db.job_kinds import Chore
from tests.db.world import somebody
from tests.workers.making import plan, step
from workers.engines.text.chain import TextChain
from workers.main import serve
from workers.queue import Queue
from workers.runner import Runner
from workers.services import Services
from workers.steps.base import Run

FLOOD: Final = 10_000
"""Jobs of the account that floods."""
LENGTH: Final = 0.1
"""Seconds that a job takes where all take the same time."""
NEWCOMERS: Final = 20
SLOTS: Final = 4
PEOPLE: Final = 8
LOAD: Final = 0.8
"""The share of the slots that people keep busy; somebody's 60 jobs at the beginning make a line."""
CLAIMERS: Final = 8
CLAIMS: Final = 2000
FIRST_IN_FIRST_OUT: Final = (
    "UPDATE jobs SET state = 'running', lease_token = gen_random_uuid(), claimed_at = now(), lined = false, "
    "lease_expires = now() + interval '10 s', started_at = now() WHERE id = (SELECT id FROM jobs WHERE queue = 'cpu' "
    "AND state = 'queued' ORDER BY queue, priority, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
)


async def work(run: Run) -> Any:
    """Take the time that a job's parameters say."""
    await asyncio.sleep(float(run.job.parameters["note"]))
    return {}


@asynccontextmanager
async def working(queue: Queue, slots: int) -> AsyncGenerator[None]:
    """A worker of so many slots in this process."""
    runner = Runner(Services(TextChain(), default_registry(), queue), slots, lambda _: plan(step("work", work)))
    serving = asyncio.create_task(serve(runner._services, ["cpu"], runner, drain=0.1, reaper=True))
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        await rows("TRUNCATE jobs CASCADE")


async def ask(who: Who, queue: Queue | None, seconds: float = LENGTH) -> int:
    """Add a person's job, and wake a worker for it."""
    job_id = await jobs.add(
        Chore(note=str(seconds)), account_id=who.account.id, user_id=who.user.id, conversation_id=who.conversation.id
    )
    if queue is not None:
        await queue.wake(job_id)
    return job_id


async def flood(who: Who, number: int = FLOOD) -> None:
    """Put many jobs of one person in line."""
    await rows(
        "INSERT INTO jobs (type, parameters, queue, account_id, user_id, conversation_id) SELECT 'chore', $1::jsonb, "
        "'cpu', $2, $3, $4 FROM generate_series(1, $5::int)",
        f'{{"note": "{LENGTH}"}}', who.account.id, who.user.id, who.conversation.id, number,
    )  # fmt: skip
    while await jobs.line_up("cpu"):
        pass


async def started(*job_ids: int) -> dict[int, float]:
    """Wait until jobs have started; return after how many seconds each did."""
    while True:
        found = await rows(
            "SELECT id, extract(epoch FROM started_at - created_at)::float8 AS waited FROM jobs "
            "WHERE id = ANY ($1) AND started_at IS NOT NULL",
            list(job_ids),
        )
        if len(found) == len(job_ids):
            return {job["id"]: job["waited"] for job in found}
        await asyncio.sleep(LENGTH)


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Waits of newcomers in lengths of a job, and how many jobs were added before each and had not started."""

    lengths: list[float]
    before: int


async def newcomers(queue: Queue, number: int, *, same_account: bool) -> Newcomers:
    """One worker of one slot; one person has asked for `FLOOD` jobs, then others come, each with one."""
    kind, chat = ("group", "place") if same_account else ("dm", "")
    await flood(await somebody("flooder", chat=chat, kind=kind))
    async with working(queue, 1):
        await asyncio.sleep(10 * LENGTH)
        asked: list[int] = []
        for n in range(number):
            await asyncio.sleep(LENGTH * random.uniform(3, 6))
            asked.append(await ask(await somebody(f"newcomer-{n}", chat=chat, kind=kind), queue))
        waits = await started(*asked)
        took = await row(
            "SELECT extract(epoch FROM max(claimed_at) - min(claimed_at))::float8 / (count(*) - 1) AS length, "
            "(SELECT count(*) FROM jobs WHERE state = 'queued') AS before FROM jobs WHERE claimed_at IS NOT NULL"
        )
        assert took is not None
        return Newcomers([wait / took["length"] for wait in waits.values()], took["before"])


async def persons(queue: Queue) -> float:
    """Ten persons of one account wait with 30 jobs each: the most starts of one over the fewest of another."""
    members = [await somebody(f"member-{n}", chat="place", kind="group") for n in range(10)]
    for member in members:
        for _ in range(30):
            await ask(member, None, 0.005)
    async with working(queue, 1):
        while True:
            found = await rows("SELECT user_id FROM jobs WHERE started_at IS NOT NULL ORDER BY started_at LIMIT 100")
            if len(found) == 100:
                counted = Counter(job["user_id"] for job in found)
                return max(counted.values()) / min(counted[member.user.id] for member in members)
            await asyncio.sleep(LENGTH)


@dataclass(frozen=True, slots=True)
class Told:
    """What a person was told when they asked, and what came true, in seconds and jobs."""

    eta: float
    actual: float
    position: int

    @property
    def error(self) -> float:
        """The error, relative to what came true."""
        return abs(self.eta - self.actual) / self.actual


async def forecasts(queue: Queue, seconds: float) -> list[Told]:
    """Steady load of people, and one person's line at the beginning; jobs take 0.2 s on average, some twice as long."""
    people = [await somebody(f"person-{n}") for n in range(PEOPLE)]
    told: dict[int, tuple[float, int]] = {}
    chance = random.Random(7)

    async def ask_for(who: Who) -> None:
        job_id = await ask(who, None, chance.lognormvariate(math.log(0.2) - 0.08, 0.4))
        found = await jobs.outlook(job_id)
        await queue.wake(job_id)
        if found.done_s is not None and found.position > 0:
            told[job_id] = (found.done_s, found.position)

    async with working(queue, SLOTS):
        for _ in range(60):
            await ask_for(people[0])
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(chance.expovariate(LOAD * SLOTS / 0.2))
            await ask_for(chance.choice(people))
            if chance.random() < 0.02:
                for _ in range(10):  # somebody wants a lot at once
                    await ask_for(chance.choice(people))
        while await rows("SELECT id FROM jobs WHERE state IN ('queued', 'running') LIMIT 1"):
            await asyncio.sleep(LENGTH)
        found = await rows(
            "SELECT id, extract(epoch FROM finished_at - created_at)::float8 AS took FROM jobs WHERE state = 'done'"
        )
        return [Told(told[job["id"]][0], job["took"], told[job["id"]][1]) for job in found if job["id"] in told]


async def claims_per_second(take: Callable[[], Awaitable[bool]], accounts: int) -> float:
    """Claims of `CLAIMERS` at once, of `FLOOD` waiting jobs in so many accounts."""
    await rows("TRUNCATE jobs CASCADE")
    for n in range(accounts):
        await flood(await somebody(f"person-{n}"), FLOOD // accounts)
    await rows("ANALYZE jobs")

    async def some() -> None:
        for _ in range(CLAIMS // CLAIMERS):
            assert await take()

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(CLAIMERS)))
    return CLAIMS / (time.perf_counter() - began)


async def throughput(accounts: int) -> dict[str, float]:
    """Claims per second: by the fair order, first in first out, and of ids that somebody else has ordered."""

    async def fair() -> bool:
        return await jobs.claim_next("cpu", jobs.Room()) is not None

    async def fifo() -> bool:
        return await row(FIRST_IN_FIRST_OUT) is not None

    async def by_id() -> bool:
        return await jobs.claim(next(ids)) is not None

    found: dict[str, float] = {}
    for name, take in (("fair", fair), ("fifo", fifo), ("by_id", by_id)):
        first = await row("SELECT coalesce(max(id), 0) AS id FROM jobs")
        assert first is not None
        # Ids go on after TRUNCATE.
        ids = iter(range(first["id"] + 1, first["id"] + FLOOD + 1))
        found[name] = await claims_per_second(take, accounts)
    return found


async def measure(home: Path, *, quick: bool) -> list[str]:
    """Start the servers, measure everything, and return the lines of the report."""
    async with embedded_stack(home) as stack:
        await migrate(stack.database_url)
        async with connect(stack.database_url, pool_size=CLAIMERS), Queue(stack.redis_url) as queue:
            others = await newcomers(queue, NEWCOMERS // 2 if quick else NEWCOMERS, same_account=False)
            members = await newcomers(queue, NEWCOMERS // 2 if quick else NEWCOMERS, same_account=True)
            share = await persons(queue)
            told = await forecasts(queue, 30.0 if quick else 120.0)
            one, many = await throughput(1), await throughput(100)
    return report(others, members, share, told, one, many)


def report(
    others: Newcomers,
    members: Newcomers,
    share: float,
    told: Sequence[Told],
    one: dict[str, float],
    many: dict[str, float],
) -> list[str]:
    """Return the tables and the machine-readable line."""
    lines = [f"behind {FLOOD:,} jobs of one person, one slot    waits in job lengths, median and longest; old order"]
    for name, found in (("a person of another account", others), ("another person of the account", members)):
        waits = f"{statistics.median(found.lengths):8.2f}{max(found.lengths):8.2f}{found.before:10,}"
        lines.append(f"{name:45}{waits}")
    lines.append(f"ten persons of one account, 100 starts: the most of one over the fewest of another {share:.2f}")
    errors = [each.error for each in told]
    waits = [each.actual for each in told]
    lines.append(
        f"told {len(told)} people who waited {statistics.median(waits):.1f} s (median), {max(waits):.1f} s (longest) "
        f"behind {statistics.median(each.position for each in told):.0f} jobs (median): "
        f"error median {statistics.median(errors):.2f}, p90 {statistics.quantiles(errors, n=10)[-1]:.2f}"
    )
    lines.append(f"{CLAIMERS} claimers at once, claims/s{'':12}{'fair order':>12}{'first in':>12}{'by id':>12}")
    for name, found in (("one account", one), ("100 accounts", many)):
        lines.append(f"{name:40}{found['fair']:12.0f}{found['fifo']:12.0f}{found['by_id']:12.0f}")
    lines.append(
        f"queueing_newcomer_lengths={max(others.lengths):.2f} queueing_member_lengths={max(members.lengths):.2f} "
        f"queueing_persons_ratio={share:.2f} queueing_eta_error={statistics.median(errors):.3f} "
        f"queueing_claims_vs_first_in={one['fair'] / one['fifo']:.2f} "
        f"queueing_claims_vs_by_id={one['fair'] / one['by_id']:.2f}"
    )
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer newcomers, a shorter steady load")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="storyfork-queueing-") as home:
        print("\n".join(asyncio.run(measure(Path(home), quick=given.quick))))


if __name__ == "__main__":
    main()
