"""The run: servers, programs, people and faults, put together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from bot.stack.embedded import EmbeddedStack, embedded_stack
from bot.stack.home import StackUrls
from bot.stack.supervisor import Backoff
from db.connection import OUTAGES, connect, rows
from db.migrate import migrate
from tests.clean import known_people
from tests.journeys.chaos.breaker import Breaker
from tests.journeys.chaos.examine import examine, untaken
from tests.journeys.chaos.game import GREETING, SAID, Game
from tests.journeys.chaos.plan import Plan, Report
from tests.journeys.chaos.proxy import Proxy
from tests.journeys.people import TOWNS, Act, Player, Town, now
from tests.journeys.processes import Program, bot, worker

UNLED: Final = "tests.journeys.chaos.unled"
START_SECONDS: Final = 150.0
MEET_SECONDS: Final = 90.0
"""Maximum times; a busy machine needs a minute for what else takes a second."""
CALM_ROUNDS: Final = 3
Played = tuple[list[Act], list[Game]]


async def chaos(home: Path, plan: Plan) -> Report:
    """Play and break, then look at what is left."""
    report = Report()
    began = now()
    async with AsyncExitStack() as open_:
        backoff = Backoff(first=0.2, longest=0.5)
        stack = await open_.enter_async_context(embedded_stack(home / "stack", durable=False, backoff=backoff))
        await migrate(stack.database_url)
        await open_.enter_async_context(connect(stack.database_url, pool_size=2))
        await known_people()
        urls, *proxies = await open_.enter_async_context(_network(stack))
        towns = {name: await open_.enter_async_context(_town(TOWNS[name]())) for name in plan.towns}
        settings = {key: value for town in towns.values() for key, value in town.settings.items()}
        made = 0

        def make(name: str) -> Program:
            nonlocal made
            made += 1
            if name == "worker":
                return worker(urls, home, made, STORYFORK_REAPER=str(plan.reaper).lower())
            return bot(urls, home, *plan.towns, **settings).twin(f"bot-{made}", "" if plan.led else UNLED)

        programs = {name: make(name) for name in ("worker", *(f"bot {n}" for n in range(1, plan.bots + 1)))}
        breaker = Breaker(plan, stack, programs, (proxies[0], proxies[1]), make, report.faults)
        async with _running(programs):
            await asyncio.gather(*(town.ready(START_SECONDS) for town in towns.values()))
            acts, games = await _play_and_break(plan, towns, breaker, report)
            for program in programs.values():
                if not program.running:
                    await program.start()
            report.drained = await _settled(towns, acts, plan.drain)
            if report.drained:
                # Now that nothing fails, everybody can play on.
                for _ in range(CALM_ROUNDS):
                    await asyncio.gather(*(game.act() for game in games))
                report.drained = await _settled(towns, acts, plan.drain)
            await examine(report, acts, towns)
            report.logged = await asyncio.to_thread(words_logged, home)
    report.seconds = now() - began
    return report


def words_logged(home: Path) -> list[str]:
    """Return the lines of all logs below ``home`` that hold what people said."""
    found: list[str] = []
    logs = [path for path in home.rglob("*") if path.is_file() and ".log" in path.name]
    assert len(logs) > 3, f"where are the logs? {logs}"
    for log in logs:
        lines = log.read_text(errors="replace").splitlines()
        found += [f"{log.name}: {line}" for line in lines if any(words.casefold() in line.casefold() for words in SAID)]
    return found


@asynccontextmanager
async def _running(programs: dict[str, Program]) -> AsyncGenerator[None]:
    """Run programs for the length of the block; others may have taken their places then."""
    async with AsyncExitStack() as open_:
        for program in programs.values():
            await program.start()
        open_.push_async_callback(lambda: asyncio.gather(*(one.end() for one in programs.values())))
        yield


@asynccontextmanager
async def _network(stack: EmbeddedStack) -> AsyncGenerator[tuple[StackUrls, Proxy, Proxy]]:
    """Yield the URLs that lead through a proxy to each server, and the proxies of PostgreSQL and Redis."""
    host = Path(parse_qs(urlsplit(stack.database_url).query)["host"][-1])
    socket = next(path for path in host.iterdir() if path.name.startswith(".s.PGSQL") and path.suffix != ".lock")
    folder = stack.paths.sockets / "proxy"
    folder.mkdir()
    database = Proxy(socket, folder / socket.name)
    redis = Proxy(Path(urlsplit(stack.redis_url).path), folder / "redis.sock")
    urls = StackUrls(
        urlsplit(stack.database_url)._replace(query=f"host={quote(str(folder))}").geturl(), f"unix://{redis.socket}"
    )
    await database.start()
    await redis.start()
    try:
        yield urls, database, redis
    finally:
        await database.stop()
        await redis.stop()


@asynccontextmanager
async def _town(town: Town) -> AsyncGenerator[Town]:
    await town.start()
    try:
        yield town
    finally:
        await town.stop()


async def _play_and_break(plan: Plan, towns: dict[str, Town], breaker: Breaker, report: Report) -> Played:
    acts: list[Act] = []

    def enough() -> bool:
        return len(acts) >= plan.events and report.faults.total() >= plan.faults

    players = [town.player(f"p{n}") for town in towns.values() for n in range(plan.players)]
    acts += await _meet(players, towns)
    games = [Game(plan, player, number, acts, enough) for number, player in enumerate(players)]
    breaking = asyncio.create_task(breaker.run())
    try:
        playing = asyncio.gather(*(game.play() for game in games))
        await asyncio.wait([playing, breaking], return_when=asyncio.FIRST_COMPLETED)
        if breaking.done():
            playing.cancel()
            breaking.result()
        await playing
    finally:
        breaking.cancel()
        with suppress(asyncio.CancelledError):
            await breaking
        await breaker.make_writable()
    return acts, games


async def _meet(players: list[Player], towns: dict[str, Town]) -> list[Act]:
    """Have everybody say a first word before anything breaks; whom nobody hears says it again.

    Discord shows a bot no private chat of a person whom it has never met: what such a person says while nobody listens
    is not to be found by any program.
    """
    acts: list[Act] = []
    async with asyncio.timeout(MEET_SECONDS):
        for player in players:
            met: list[dict[str, object]] = []
            while not met:
                acts.append(await player.say(GREETING))
                while await untaken(acts[-1:], towns):
                    await asyncio.sleep(0.1)
                met = await rows("SELECT 1 FROM inbox WHERE event_key = $1", acts[-1].key)
    return acts


async def _settled(towns: dict[str, Town], acts: list[Act], seconds: float) -> bool:
    """Wait until nothing is open: no job, no message, no event. False if that did not come within ``seconds``."""
    until, quiet = now() + seconds, 0
    while now() < until:
        try:
            found = await rows(
                "SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')) + "
                "(SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')) AS n"
            )
            waiting = await untaken(acts, towns)
        except OUTAGES:
            await asyncio.sleep(0.25)  # the server was killed last, and starts again
            continue
        open_ = found[0]["n"] + waiting + sum(town.kept() for town in towns.values())
        quiet = 0 if open_ else quiet + 1
        # What was just confirmed may still be on its way to the record.
        if quiet >= 8:
            return True
        await asyncio.sleep(0.25)
    return False
