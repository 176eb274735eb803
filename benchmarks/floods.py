"""How long others wait while one person floods the bot, calm and during four floods.

The floods, each of one person on Telegram: an update whose commit takes longer than the bot's patience, again and
again; a file of 10 MB over a line of 40 Mbit/s; 40 photos with a command as their caption, while many people ask for
`/help`; and work, twenty requests a second, while ten people talk with a persona. Bot and worker (of two jobs at once)
are the real processes without limits of people, with a real database and a local Bot API server.

The last line is machine-readable: the p95 during each flood, as a multiple of the p95 of the calm just before it.
"""

import argparse
import asyncio
import math
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# When run as a script: the other packages are beside this one.
sys.path.insert(0, str(Path(__file__).parents[1]))

import asyncpg

from bot.stack.embedded import embedded_stack
from bot.stack.home import StackUrls
from db.connection import connect, credentials
from db.migrate import migrate
from tests.clean import known_people
from tests.doubles.telegram import Person, Rules, TelegramServer
from tests.journeys.processes import bot, running, worker

LINE: Final = 40e6 / 8
"""Bytes per second of the line over which files are downloaded."""
FILE: Final = 10_000_000
PHOTO: Final = 1_000_000
PHOTOS: Final = 40
PEOPLE: Final = 50
PAUSE: Final = 0.15
"""Seconds between two people's `/help`."""
PATIENCE: Final = 60.0
ANSWER: Final = "want to know more about"
"""Words of the answer to `/help`."""


PLAYERS: Final = 10
REPLY: Final = "Answer again"
"""The button under a persona's reply."""
REQUESTS: Final = 20
"""Requests a second of the person who floods the workers."""


@dataclass(slots=True)
class Measured:
    """Milliseconds that an answer took, calm and during the flood; ``late``: without an answer in time."""

    name: str
    calm: list[float] = field(default_factory=list[float])
    flooded: list[float] = field(default_factory=list[float])
    late: int = 0

    @property
    def ratio(self) -> float:
        """The p95 during the flood, as a multiple of the calm one."""
        return math.inf if self.late else percentile(self.flooded, 95) / percentile(self.calm, 95)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of the values do not exceed; NaN of none."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)] if values else math.nan


class Readers:
    """Many people who ask for help, one after the other."""

    def __init__(self, server: TelegramServer) -> None:
        """They come to the server's bot."""
        self._people = [server.person(f"reader-{n}") for n in range(PEOPLE)]
        self._next = 0

    async def ask(self) -> float | None:
        """Milliseconds from a person's `/help` to its answer; None without one."""
        person = self._people[self._next % PEOPLE]
        self._next += 1
        began = asyncio.get_running_loop().time()
        said = await person.say(person.chat(), "/help")
        try:
            await person.wait_for_message(person.chat(), ANSWER, timeout=PATIENCE, after=said)
        except TimeoutError:
            return None
        return (asyncio.get_running_loop().time() - began) * 1000

    async def ask_for(self, seconds: float) -> tuple[list[float], int]:
        """Let people ask for some time, whether or not earlier ones are answered."""
        asked: list[asyncio.Task[float | None]] = []
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            asked.append(asyncio.create_task(self.ask()))
            await asyncio.sleep(PAUSE)
        waits = await asyncio.gather(*asked)
        return [ms for ms in waits if ms is not None], waits.count(None)


class Players:
    """Ten people who talk with a persona, each again as soon as they are answered."""

    def __init__(self, server: TelegramServer) -> None:
        """They come to the server's bot."""
        self._people = [server.person(f"player-{n}") for n in range(PLAYERS)]

    async def ask_for(self, seconds: float) -> tuple[list[float], int]:
        """Let everybody talk for some time."""
        end = asyncio.get_running_loop().time() + seconds
        found = await asyncio.gather(*(self._talk(person, end) for person in self._people))
        waits = [ms for each in found for ms in each]
        return [ms for ms in waits if ms is not None], waits.count(None)

    async def _talk(self, person: Person, end: float) -> list[float | None]:
        waits: list[float | None] = []
        loop = asyncio.get_running_loop()
        while (began := loop.time()) < end:
            said = await person.say(person.chat(), "I am tired of the rain.")
            try:
                await person.wait_for_message(person.chat(), lambda m: REPLY in m.labels, timeout=PATIENCE, after=said)
                waits.append((loop.time() - began) * 1000)
            except TimeoutError:
                waits.append(None)
            await asyncio.sleep(10 * PAUSE)
        return waits


async def slow_commit(flooder: Person, database: str, seconds: float) -> None:
    """Write a text that cannot be committed: another transaction holds what it has to change."""
    holder = await asyncpg.connect(**credentials(database))
    try:
        await holder.execute("BEGIN")
        await holder.execute("SELECT 1 FROM conversations WHERE chat_id = $1 FOR UPDATE", str(flooder.id))
        await flooder.say(flooder.chat(), "Good evening.")
        await asyncio.sleep(seconds)
    finally:
        await holder.execute("ROLLBACK")
        await holder.close()


async def document(flooder: Person, database: str, seconds: float) -> None:
    """Send a large file with a command, and again when the first could have been downloaded."""
    del database
    content = os.urandom(FILE)
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        await flooder.send_document(flooder.chat(), "me.png", content, "/imagine a door", "image/png")
        await asyncio.sleep(min(FILE / LINE, seconds))


async def photos(flooder: Person, database: str, seconds: float) -> None:
    """Send many photos with a command, all at once."""
    del database
    for _ in range(PHOTOS):
        await flooder.send_photo(flooder.chat(), os.urandom(PHOTO), "/imagine a door")
    await asyncio.sleep(seconds)


async def work(flooder: Person, database: str, seconds: float) -> None:
    """Ask for work all the time, whether or not earlier requests are answered."""
    del database
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        await flooder.say(flooder.chat(), "Tell me about the sea.")
        await asyncio.sleep(1 / REQUESTS)


FLOODS: Final[dict[str, Callable[[Person, str, float], Awaitable[None]]]] = {
    "slow_commit": slow_commit,
    "document": document,
    "photos": photos,
    "work": work,
}


async def measure(seconds: float, home: Path) -> list[Measured]:
    """Start everything, measure each flood, and stop it."""
    async with embedded_stack(home / "stack") as stack:
        await migrate(stack.database_url)
        async with connect(stack.database_url, pool_size=1):
            await known_people()
        urls = StackUrls(stack.database_url, stack.redis_url)
        async with TelegramServer(rules=Rules(flood=None, download_bytes_per_second=LINE)) as server:
            settings = {"TELEGRAM_TOKEN": server.token, "TELEGRAM_API_URL": server.api_url}
            async with (
                running(bot(urls, home, "telegram", **settings, TELEGRAM_FLOOD_LIMITS="false")),
                running(worker(urls, home, STORYFORK_WORKER_JOBS="2")),
            ):
                readers, players = Readers(server), Players(server)
                # Everybody is known, and everything warm.
                await readers.ask_for(PEOPLE * PAUSE)
                await players.ask_for(PAUSE)
                return [
                    await measure_one(name, server, players if name == "work" else readers, stack.database_url, seconds)
                    for name in FLOODS
                ]


async def measure_one(
    name: str, server: TelegramServer, others: Readers | Players, database: str, seconds: float
) -> Measured:
    """Measure one flood, and the calm before it."""
    flooder = server.person(f"flooder-{name}")
    said = await flooder.say(flooder.chat(), "/help")
    await flooder.wait_for_message(flooder.chat(), ANSWER, timeout=PATIENCE, after=said)
    measured = Measured(name)
    measured.calm, _ = await others.ask_for(seconds)
    flooding = asyncio.ensure_future(FLOODS[name](flooder, database, seconds))
    await asyncio.sleep(PAUSE)
    measured.flooded, measured.late = await others.ask_for(seconds)
    await flooding
    return measured


def report(found: Sequence[Measured]) -> str:
    """Return the table and the machine-readable line."""
    lines = [f"{'flood':14}{'asked':>7}{'late':>6}{'calm p50':>10}{'p95':>7}{'flood p50':>11}{'p95':>8}{'ratio':>8}"]
    for m in found:
        times = (percentile(m.calm, 50), percentile(m.calm, 95), percentile(m.flooded, 50), percentile(m.flooded, 95))
        shown = "".join(f"{ms:{width}.0f}" for ms, width in zip(times, (10, 7, 11, 8), strict=True))
        lines.append(f"{m.name:14}{len(m.flooded) + m.late:7}{m.late:6}{shown}{m.ratio:8.2f}")
    lines.append("Times in milliseconds, from what a person says to the answer in their chat.")
    names = {"work": "floods_play_p95_ratio_work"}
    lines.append(" ".join(f"{names.get(m.name, f'floods_help_p95_ratio_{m.name}')}={m.ratio:.2f}" for m in found))
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks/floods.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter: ends within a minute and a half")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="storyfork-benchmark-") as home:
        found = asyncio.run(measure(10.0 if options.quick else 30.0, Path(home)))
    sys.stdout.write(report(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
