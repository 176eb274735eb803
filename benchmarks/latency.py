"""A user's waiting time: event in → reply out, through the real bot, a real worker and a local platform server.

Arrivals are open-loop: events come at random times at a given rate (Poisson), whether or not earlier ones are answered.
Half are button presses on a choice, half are direct messages to a persona; each player has their own story or chat. An
event for which all players are busy is timed from when it was due. The offline writer writes, so no model is measured.

The last line is machine-readable: ``ack_p99_ms=… reply_p50_ms=… reply_p95_ms=… noop_ratio=…`` at 10 events/s.
"""

import argparse
import asyncio
import math
import random
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

# When run as a script: the other packages are beside this one.
sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil
from arq.connections import ArqRedis
from arq.worker import Worker
from redis.asyncio import ConnectionPool, Redis

from bot.stack.embedded import embedded_stack
from bot.stack.home import StackUrls
from db.connection import connect, rows
from db.migrate import migrate
from tests.clean import known_people
from tests.journeys.people import ANSWER_AGAIN, TOWNS, Act, Player, Shown, Town, now
from tests.journeys.processes import Program, bot, worker
from workers.queue import wake_channel

REPORTED_RATE: Final = 10.0
POLL: Final = 0.01
"""Seconds between two polls; the measured times are the local server's own."""
PATIENCE: Final = 30.0
PREMISE: Final = "a keeper finds a door under the sea"
REMARKS: Final = ("It rains again.", "What do you see from here?", "Tell me about the harbour.", "I cannot sleep.")


@dataclass(frozen=True, slots=True)
class Load:
    """The load: ``seconds`` at each of the ``rates`` (events/s), by ``people`` on each platform."""

    rates: dict[float, float]
    people: int
    noops: int


QUICK: Final = Load({1.0: 5.0, 10.0: 10.0, 50.0: 4.0}, people=50, noops=8)
FULL: Final = Load({1.0: 60.0, 10.0: 60.0, 50.0: 30.0}, people=160, noops=60)


@dataclass(slots=True)
class Timed:
    """One event: its kind, and the seconds until acknowledgement and reply."""

    kind: str
    key: str
    reply: float
    acknowledged: float | None


@dataclass(slots=True)
class Result:
    """The results on one platform at one rate.

    ``late``: events without a reply in time. ``queued``: milliseconds (median) that a job waited to be started.
    ``cpu``: cores that the bot and the worker were busy with.
    """

    platform: str
    rate: float
    timed: list[Timed] = field(default_factory=list[Timed])
    late: int = 0
    queued: float = math.nan
    cpu: tuple[float, ...] = ()

    @property
    def replies(self) -> list[float]:
        """Milliseconds."""
        return [t.reply * 1000 for t in self.timed]

    @property
    def acknowledgements(self) -> list[float]:
        """Milliseconds."""
        return [t.acknowledged * 1000 for t in self.timed if t.acknowledged is not None]


@dataclass(slots=True)
class Figures:
    """All results. ``start``: seconds until a program was ready; ``noops``: ms; ``rss``: MB."""

    results: list[Result] = field(default_factory=list[Result])
    noops: list[float] = field(default_factory=list[float])
    start: dict[str, float] = field(default_factory=dict[str, float])
    rss: float = math.nan


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of the values do not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


class Crowd:
    """Players on one platform, each with their own game."""

    def __init__(self, town: Town, people: int, seed: int) -> None:
        self._town = town
        self._random = random.Random(seed)
        self._players = [town.player(f"{'player' if n % 2 else 'talker'}-{n}") for n in range(people)]
        self._idle = {talks: [p for p in self._players if self._talks(p) == talks] for talks in (True, False)}

    @staticmethod
    def _talks(player: Player) -> bool:
        return player.name.startswith("talker")

    async def open(self) -> None:
        """Let all players begin: a story's first page, a persona's first reply."""
        waiting: list[asyncio.Task[Timed | None]] = []
        for player in self._players:
            waiting.append(asyncio.create_task(self._turn(player, now(), begin=True)))
            await asyncio.sleep(0.04)
        if any(timed is None for timed in await asyncio.gather(*waiting)):
            raise SystemExit("the bot does not answer: there is nothing to measure")

    async def play(self, rate: float, seconds: float) -> Result:
        """Let events come at ``rate`` for ``seconds``."""
        result = Result(self._town.name, rate)
        turns: list[asyncio.Task[None]] = []
        due = now()
        end = due + seconds
        while (due := due + self._random.expovariate(rate)) < end:
            await asyncio.sleep(max(0.0, due - now()))
            turns.append(asyncio.create_task(self._event(result, due, talks=self._random.random() < 0.5)))
        await asyncio.gather(*turns)
        return result

    async def _event(self, result: Result, due: float, *, talks: bool) -> None:
        idle = self._idle[talks]
        while not idle:
            await asyncio.sleep(POLL)
        player = idle.pop(0)
        timed = await self._turn(player, due)
        idle.append(player)
        if timed is None:
            result.late += 1
        else:
            result.timed.append(timed)

    async def _turn(self, player: Player, due: float, *, begin: bool = False) -> Timed | None:
        """One event and its reply; None if none came."""
        talks = self._talks(player)
        before = player.count()
        waited = now() - due
        act = await self._act(player, talks=talks, begin=begin)
        until = now() + PATIENCE
        while now() < until:
            if reply := self._reply(player, before, talks=talks):
                acknowledged = player.acknowledged(act)
                shown = waited + reply.at - act.at
                return Timed(act.kind, act.key, shown, None if acknowledged is None else waited + acknowledged)
            await asyncio.sleep(POLL)
        return None

    async def _act(self, player: Player, *, talks: bool, begin: bool) -> Act:
        if talks:
            return await player.say(self._random.choice(REMARKS))
        if begin:
            return await player.begin(PREMISE)
        page = player.page()
        if page is None:
            raise RuntimeError(f"{player.name} has no page to play on")
        # An ending is written again, which is as much work as a choice.
        return await player.press(page, self._random.choice(page.numbers) if page.numbers else "Retry")

    @staticmethod
    def _reply(player: Player, before: int, *, talks: bool) -> Shown | None:
        for shown in player.messages(before):
            if shown.content and (ANSWER_AGAIN in shown.labels if talks else shown.page):
                return shown
        return None


async def noop_round_trips(redis_url: str, count: int) -> list[float]:
    """Milliseconds from enqueueing a job that does nothing to its result, with arq's defaults (poll delay 0.5 s)."""

    async def noop(ctx: dict[Any, Any]) -> None:
        del ctx

    noop.__qualname__ = "noop"
    pool: Any = ConnectionPool.from_url(redis_url)
    redis = ArqRedis(pool_or_conn=pool, default_queue_name="benchmark:noop")
    serving = Worker([noop], queue_name="benchmark:noop", redis_pool=redis, handle_signals=False, burst=False)
    task = asyncio.create_task(serving.async_run())
    times: list[float] = []
    for _ in range(count):
        await asyncio.sleep(random.uniform(0.0, 0.3))
        began = now()
        job = await redis.enqueue_job("noop")
        assert job is not None
        await job.result(timeout=10, poll_delay=0.005)
        times.append((now() - began) * 1000)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await redis.aclose(close_connection_pool=True)
    return times


async def in_queue(result: Result) -> float:
    """Milliseconds (median) from a job's row to its start: the commit, the wake-up through arq, the claim."""
    waits = await rows(
        "SELECT extract(epoch FROM started_at - created_at)::float8 * 1000 AS ms FROM jobs "
        "WHERE started_at IS NOT NULL AND event_key = ANY($1)",
        [t.key for t in result.timed],
    )
    return percentile([w["ms"] for w in waits], 50)


async def worker_ready(redis_url: str) -> None:
    """Wait until a worker listens for wake-ups."""
    client = Redis.from_url(redis_url)
    # Before it stands what keeps deployments on one server apart.
    while not await client.pubsub_channels(f"*{wake_channel('cpu')}"):
        await asyncio.sleep(0.01)
    await client.aclose()


@asynccontextmanager
async def serving(
    program: Program, ready: Awaitable[object], start: dict[str, float]
) -> AsyncGenerator[psutil.Process]:
    """Run a program; ``start`` gets the seconds until ``ready`` is done, under the program's name."""
    began = now()
    await program.start()
    try:
        await ready
        start[program.name] = now() - began
        yield psutil.Process(program.pid)
    except BaseException:
        sys.stderr.write(program.output()[-4000:])
        raise
    finally:
        await program.stop()


async def measure(load: Load, platforms: list[str], home: Path) -> Figures:
    """Start everything, measure, and stop it."""
    figures = Figures()
    async with AsyncExitStack() as open_:
        stack = await open_.enter_async_context(embedded_stack(home / "stack"))
        await migrate(stack.database_url)
        await open_.enter_async_context(connect(stack.database_url, pool_size=2))
        await known_people()
        urls = StackUrls(stack.database_url, stack.redis_url)
        towns = [TOWNS[name]() for name in platforms]
        for town in towns:
            await town.start()
            open_.push_async_callback(town.stop)
        settings = {key: value for town in towns for key, value in town.settings.items()}
        enter = open_.enter_async_context
        work = await enter(serving(worker(urls, home), worker_ready(stack.redis_url), figures.start))
        ready = asyncio.gather(*(town.ready() for town in towns))
        face = await enter(serving(bot(urls, home, *platforms, **settings), ready, figures.start))
        crowds = [Crowd(town, load.people, seed) for seed, town in enumerate(towns)]
        for crowd in crowds:
            await crowd.open()
        figures.noops = await noop_round_trips(stack.redis_url, load.noops)
        for rate, seconds in load.rates.items():
            for crowd in crowds:
                began, spent = now(), (_cpu(face), _cpu(work))
                result = await crowd.play(rate, seconds)
                result.cpu = tuple((_cpu(p) - s) / (now() - began) for p, s in zip((face, work), spent, strict=True))
                result.queued = await in_queue(result)
                figures.results.append(result)
        figures.rss = face.memory_info().rss / 1e6
    return figures


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def report(figures: Figures) -> str:
    """Return the table, further figures and the machine-readable line."""
    head = (
        f"{'platform':10}{'events/s':>9}{'events':>8}{'late':>6}{'ack p50':>9}{'p95':>7}{'p99':>7}"
        f"{'reply p50':>11}{'p95':>7}{'p99':>7}{'in arq':>8}{'share':>7}{'bot cpu':>9}{'worker':>8}"
    )
    lines = [head]
    for r in figures.results:
        ack = "".join(f"{percentile(r.acknowledgements, p):{w}.0f}" for p, w in ((50, 9), (95, 7), (99, 7)))
        reply = "".join(f"{percentile(r.replies, p):{w}.0f}" for p, w in ((50, 11), (95, 7), (99, 7)))
        share = r.queued / percentile(r.replies, 50)
        lines.append(
            f"{r.platform:10}{r.rate:9g}{len(r.timed) + r.late:8}{r.late:6}{ack}{reply}"
            f"{r.queued:8.1f}{share:7.0%}{r.cpu[0]:9.0%}{r.cpu[1]:8.0%}"
        )
    noop = percentile(figures.noops, 50)
    started = ", ".join(f"{name} ready after {seconds:.2f} s" for name, seconds in figures.start.items())
    lines.append("Times in milliseconds. in arq: median time from the job's row to its start; cpu: of one core.")
    lines.append(f"{started}; bot's memory {figures.rss:.0f} MB; a bare arq no-op job takes {noop:.0f} ms (median)")
    at = [r for r in figures.results if r.rate == REPORTED_RATE]
    replies = [ms for r in at for ms in r.replies]
    acknowledgements = [ms for r in at for ms in r.acknowledgements]
    lines.append(
        f"ack_p99_ms={percentile(acknowledgements, 99):.1f} reply_p50_ms={percentile(replies, 50):.1f} "
        f"reply_p95_ms={percentile(replies, 95):.1f} noop_ratio={percentile(replies, 50) / noop:.3f}"
    )
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks/latency.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer events: ends within a minute")
    parser.add_argument("--platform", action="append", choices=sorted(TOWNS), help="only this one; may be repeated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="storyfork-benchmark-") as home:
        platforms = options.platform or list(TOWNS)
        figures = asyncio.run(measure(QUICK if options.quick else FULL, platforms, Path(home)))
    sys.stdout.write(report(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
