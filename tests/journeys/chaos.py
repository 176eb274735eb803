"""The crash test: people play while programs are killed at random; afterwards the record and their eyes must agree.

A seed decides who does what and what breaks when; how the two meet is up to the machine. Everything is real: the
servers, the bot and the worker are processes of this machine, killed by SIGKILL and started again after a moment.
"""

import asyncio
import json
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.stack.embedded import EmbeddedStack, embedded_stack
from bot.stack.home import StackUrls
from bot.stack.supervisor import Backoff
from db.connection import connect, rows
from db.migrate import migrate
from tests.journeys.people import BACK, RETRY, TOWNS, Act, NotPossible, Player, Shown, Town, now
from tests.journeys.processes import Program, bot, running, worker

PREMISES: Final = (
    "a keeper finds a door under the sea",
    "two thieves inherit a lighthouse",
    "a clockmaker repairs the wrong hour",
    "the last train to the mountains stops at night",
)
REMARKS: Final = ("It rains again.", "What do you see from here?", "Tell me about the harbour.", "I cannot sleep.")
ACTIONS: Final = ("I sing to it", "I wait for the morning", "I ask the stranger for a light", "I go around")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does. Durations are seconds.

    ``mid_job``: a worker is killed only while it holds a job.

    ``rest``: between two acts of a person. ``pause``: between faults. ``down``: until a killed program is started
    again. ``patience``: how long a person waits for an answer before doing the next thing. ``drain``: how long the
    work may take to settle afterwards.
    """

    seed: int
    events: int
    towns: Sequence[str] = ("telegram",)
    players: int = 4
    reaper: bool = True
    mid_job: bool = False
    rest: tuple[float, float] = (0.2, 1.6)
    pause: tuple[float, float] = (0.6, 1.6)
    down: tuple[float, float] = (0.1, 1.0)
    patience: float = 6.0
    drain: float = 40.0


@dataclass(slots=True)
class Report:
    """What came of a run; ``lost``, ``duplicated`` and ``forked`` name each case.

    ``refused``: events of which the platform itself told the person that nobody took them.
    """

    events: int = 0
    answered: int = 0
    refused: int = 0
    moves: int = 0
    orphans: int = 0
    drained: bool = False
    faults: Counter[str] = field(default_factory=Counter[str])
    lost: list[str] = field(default_factory=list[str])
    duplicated: list[str] = field(default_factory=list[str])
    forked: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def __str__(self) -> str:
        faults = ", ".join(f"{n} {name}" for name, n in sorted(self.faults.items()))
        return (
            f"{self.events} events, {self.answered} answered, {self.refused} refused, {len(self.lost)} lost, "
            f"{len(self.duplicated)} duplicated, {self.moves} moves, {len(self.forked)} forked, "
            f"{self.orphans} orphan placeholders; "
            f"{sum(self.faults.values())} faults ({faults}); {self.seconds:.1f} s"
        )


async def chaos(home: Path, plan: Plan) -> Report:
    """Play and break, then look at what is left."""
    report = Report()
    began = now()
    async with AsyncExitStack() as open_:
        backoff = Backoff(first=0.2, longest=0.5)
        stack = await open_.enter_async_context(embedded_stack(home / "stack", durable=False, backoff=backoff))
        await migrate(stack.database_url)
        await open_.enter_async_context(connect(stack.database_url, pool_size=2))
        towns = {name: await open_.enter_async_context(_town(TOWNS[name]())) for name in plan.towns}
        settings = {key: value for town in towns.values() for key, value in town.settings.items()}
        urls = StackUrls(stack.database_url, stack.redis_url)
        programs = {
            "worker": worker(urls, home, STORYFORK_REAPER=str(plan.reaper).lower()),
            "bot": bot(urls, home, *plan.towns, **settings),
        }
        await open_.enter_async_context(running(*programs.values()))
        await asyncio.gather(*(town.ready() for town in towns.values()))
        acts = await _play_and_break(plan, towns, _Breaker(plan, stack, programs, report.faults))
        for program in programs.values():
            if not program.running:
                await program.start()
        report.drained = await _settled(towns, plan.drain)
        await _examine(report, acts, towns)
    report.seconds = now() - began
    return report


@asynccontextmanager
async def _town(town: Town) -> AsyncGenerator[Town]:
    await town.start()
    try:
        yield town
    finally:
        await town.stop()


class _Breaker:
    """Kills one thing after another: every kind once per round, in an order that the seed decides."""

    def __init__(self, plan: Plan, stack: EmbeddedStack, programs: dict[str, Program], done: Counter[str]) -> None:
        self._plan, self._stack, self._programs, self._done = plan, stack, programs, done
        self._random = random.Random(f"{plan.seed}:faults")
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "worker killed": lambda: self._kill("worker"),
            "bot killed": lambda: self._kill("bot"),
            "Redis killed": self._kill_redis,
            "Redis wiped": self._wipe,
            "worker killed and Redis wiped": lambda: self._kill("worker", self._wipe),
            "bot killed and Redis wiped": lambda: self._kill("bot", self._wipe),
        }

    async def run(self) -> None:
        """Break things until cancelled."""
        while True:
            order = list(self._kinds)
            self._random.shuffle(order)
            for kind in order:
                await asyncio.sleep(self._random.uniform(*self._plan.pause))
                await self._kinds[kind]()
                self._done[kind] += 1

    async def _kill(self, name: str, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        program = self._programs[name]
        if name == "worker" and self._plan.mid_job:
            await self._stop_mid_job(program)
        await program.kill()
        await asyncio.sleep(self._random.uniform(*self._plan.down))
        if meanwhile is not None:
            await meanwhile()
        await program.start()

    @staticmethod
    async def _stop_mid_job(program: Program) -> None:
        """Stop a program at a moment when the record says that a job is running."""
        while True:
            os.kill(program.pid, signal.SIGSTOP)
            if await rows("SELECT 1 FROM jobs WHERE state = 'running'"):
                return
            os.kill(program.pid, signal.SIGCONT)
            await asyncio.sleep(0.002)

    async def _kill_redis(self) -> None:
        assert self._stack.valkey is not None
        with suppress(ProcessLookupError):
            os.kill(self._stack.valkey.pid, signal.SIGKILL)

    async def _wipe(self) -> None:
        client = Redis.from_url(self._stack.redis_url)
        with suppress(RedisError, OSError):
            await client.flushall()
        await client.aclose()


async def _play_and_break(plan: Plan, towns: dict[str, Town], breaker: _Breaker) -> list[Act]:
    acts: list[Act] = []
    players = [town.player(f"p{n}") for town in towns.values() for n in range(plan.players)]
    games = [_Game(plan, player, number, acts) for number, player in enumerate(players)]
    breaking = asyncio.create_task(breaker.run())
    try:
        await asyncio.gather(*(game.play() for game in games))
    finally:
        breaking.cancel()
        with suppress(asyncio.CancelledError):
            await breaking
    return acts


class _Game:
    """One person's game. Every third only talks with a persona; the others play stories."""

    def __init__(self, plan: Plan, player: Player, number: int, acts: list[Act]) -> None:
        self._plan, self._player, self._acts = plan, player, acts
        self._random = random.Random(f"{plan.seed}:{number}")
        self._talks = number % 3 == 2

    async def play(self) -> None:
        """Act until everybody together has done what the plan says."""
        while len(self._acts) < self._plan.events:
            before = {m.id for m in self._player.messages() if m.content}
            try:
                done = [await act for act in self._next()]
            except NotPossible:
                await asyncio.sleep(0.05)
                continue
            self._acts += done
            await self._wait(before, done)
            await asyncio.sleep(self._random.uniform(*self._plan.rest))

    def _next(self) -> list[Awaitable[Act]]:
        """What to do now: one thing, or a double tap."""
        player, rng = self._player, self._random
        if self._talks:
            return [player.say(rng.choice(REMARKS))]
        page = player.page()
        if page is None or rng.random() < 0.04:
            return [player.begin(rng.choice(PREMISES))]
        what = rng.choices(("choose", "back", "retry", "own", "twice"), (50, 14, 12, 14, 10))[0]
        if what == "own" and page.numbers:
            return [player.say(rng.choice(ACTIONS))]
        if what == "back" and BACK in page.labels:
            return [player.press(page, BACK)]
        if what == "retry" or not page.numbers:
            return [player.press(page, RETRY)]
        if what == "twice":
            return [player.press(page, rng.choice(page.numbers)) for _ in range(2)]
        return [player.press(page, rng.choice(page.numbers))]

    async def _wait(self, before: set[str], done: list[Act]) -> None:
        until = now() + self._plan.patience
        while now() < until:
            new = [m for m in self._player.messages() if m.content and m.id not in before]
            if len(new) + sum(self._player.told(act) or self._player.failed(act) for act in done) >= len(done):
                return
            await asyncio.sleep(0.05)


async def _settled(towns: dict[str, Town], seconds: float) -> bool:
    """Wait until nothing is open: no job, no message, no event. False if that did not come within ``seconds``."""
    until, quiet = now() + seconds, 0
    while now() < until:
        found = await rows(
            "SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')) + "
            "(SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')) AS n"
        )
        open_ = found[0]["n"] + sum(town.kept() for town in towns.values())
        quiet = 0 if open_ else quiet + 1
        # What was just confirmed may still be on its way to the record.
        if quiet >= 8:
            return True
        await asyncio.sleep(0.25)
    return False


async def _examine(report: Report, acts: list[Act], towns: dict[str, Town]) -> None:
    taken = {r["event_key"] for r in await rows("SELECT event_key FROM inbox")}
    replies: dict[str, list[dict[str, Any]]] = {}
    for row in await rows(
        "SELECT event_key, kind, state, message_ids, error, (payload ->> 'page')::bigint AS page "
        "FROM outbox WHERE part = 'reply'"
    ):
        row["message_ids"] = json.loads(row["message_ids"])
        replies.setdefault(row["event_key"], []).append(row)
    report.events = len(acts)
    for act in acts:
        town = towns[act.key.partition(":")[0]]
        if act.key not in taken and not town.must_answer(act):
            report.refused += 1
            continue
        problem = _missing(act, replies.get(act.key, []))
        if problem:
            state = "" if act.key in taken else " and is not in the inbox"
            report.lost.append(f"{act.kind} {act.key}: {problem}{state}")
        else:
            report.answered += 1
    claims = await _claims()
    for town_name, players in _players(acts).items():
        for player in players:
            _repeated(report, town_name, player, claims)
    await _trees(report, acts, replies)


def _missing(act: Act, found: list[dict[str, Any]]) -> str:
    """Why a person has no answer to an act; empty if there is one."""
    if not found:
        return "no answer"
    row = found[0]
    if row["state"] == "superseded":
        return ""
    if row["state"] != "sent":
        return f"the answer is {row['state']} ({row['error']})"
    if any(m.startswith("query:") for m in row["message_ids"]):
        return "" if act.player.told(act) else "the pop-up was not seen"
    seen = {m.id: m for m in act.player.messages()}
    parts = [seen.get(m) for m in row["message_ids"]]
    if not parts or any(part is None or not part.content for part in parts):
        return f"the answer is recorded as sent, but the person sees {parts}"
    return ""


async def _claims() -> dict[tuple[str, str, str], list[str]]:
    """By platform, chat and message: the events whose replies the record says it shows."""
    claims: dict[tuple[str, str, str], list[str]] = {}
    for row in await rows(
        "SELECT o.event_key, o.platform, c.chat_id, m AS message FROM outbox o JOIN conversations c "
        "ON c.id = o.conversation_id, jsonb_array_elements_text(o.message_ids) m WHERE o.part = 'reply'"
    ):
        claims.setdefault((row["platform"], row["chat_id"], row["message"]), []).append(row["event_key"])
    return claims


def _players(acts: list[Act]) -> dict[str, list[Player]]:
    found: dict[str, dict[str, Player]] = {}
    for act in acts:
        found.setdefault(act.key.partition(":")[0], {})[act.player.name] = act.player
    return {town: list(players.values()) for town, players in found.items()}


def _repeated(report: Report, town: str, player: Player, claims: dict[tuple[str, str, str], list[str]]) -> None:
    """Every message with words answers one event, and an event is not answered twice with the same words."""
    words: dict[str, list[Shown]] = {}
    for shown in player.messages():
        if not shown.content:
            report.orphans += 1
            continue
        events = claims.get((town, player.chat_id, shown.id), [])
        if len(events) != 1:
            report.duplicated.append(f"{town} {player.name}: {len(events)} events are answered by {shown}")
        for event in events:
            words.setdefault(event, []).append(shown)
    for event, shown in words.items():
        if len({m.text for m in shown}) != len(shown):
            report.duplicated.append(f"{event} is answered twice: {shown}")


async def _trees(report: Report, acts: list[Act], replies: dict[str, list[dict[str, Any]]]) -> None:
    """The cursor moved once per accepted move, and every page has one job, one place and one author."""
    pages = {r["id"]: r for r in await rows("SELECT id, story_id, parent_id FROM pages")}
    written = {
        r["event_key"]: r["page"]
        for r in await rows("SELECT event_key, (parameters ->> 'page')::bigint AS page FROM jobs")
    }
    moves: Counter[int] = Counter()
    for act in acts:
        found = replies.get(act.key, [])
        page = next((r["page"] for r in found if r["kind"] == "page"), None) or written.get(act.key)
        if page is None:
            continue
        story = pages[page]["story_id"]
        moves[story] += act.kind != "begin"
        # A page that could not be written: the story goes back to the one before.
        moves[story] += any(r["kind"] == "page_failed" for r in found) and pages[page]["parent_id"] is not None
    report.moves = moves.total()
    for story in await rows("SELECT id, revision FROM stories"):
        if moves[story["id"]] != story["revision"]:
            report.forked.append(f"story {story['id']}: {moves[story['id']]} moves, revision {story['revision']}")
    for row in await rows(
        "SELECT story_id, choice_id, variant_index, count(*) AS n FROM pages "
        "GROUP BY story_id, choice_id, variant_index HAVING count(*) > 1"
    ):
        report.forked.append(f"one place in the tree twice: {row}")
    for row in await rows(
        "SELECT p.id, count(j.id) AS n FROM pages p LEFT JOIN jobs j ON (j.parameters ->> 'page')::bigint = p.id "
        "GROUP BY p.id HAVING count(j.id) <> 1"
    ):
        report.forked.append(f"page {row['id']} has {row['n']} jobs")
    for row in await rows("SELECT event_key, count(*) AS n FROM jobs GROUP BY event_key HAVING count(*) > 1"):
        report.forked.append(f"event {row['event_key']} has {row['n']} jobs")
