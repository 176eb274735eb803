"""Growth: what every hot query costs with few rows and with ten times as many.

    python -m benchmarks.growth [--quick] [--sizes 100000 1000000] [--rounds 15]

Two databases of one private server (fsync off) are filled by SQL: so many pages, jobs, messages, events; a tenth of the
messages is open, a tenth of these in one chat. The same statements of the product then run in transactions that are
rolled back; median in milliseconds. What takes less than `FLOOR_MS` counts as that: the rest is noise. The last line is
``growth_worst_ratio=… growth_worst=… growth_queries=…``.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks.growth_cases import CASES, Case, World, undone
from benchmarks.growth_fill import fill
from bot.stack.embedded import embedded_stack
from db.connection import connect, credentials
from db.migrate import migrate

SIZES: Final = (100_000, 1_000_000)
QUICK: Final = (10_000, 100_000)
FLOOR_MS: Final = 1.0
WARM_UP: Final = 6
"""Rounds before those that count: PostgreSQL decides at the sixth whether to keep a plan for all values."""


@dataclass
class Column:
    """The medians at one size, in milliseconds, by query; ``fill_s`` is how long the filling took."""

    size: int
    fill_s: float = 0.0
    ms: dict[str, float] = field(default_factory=dict[str, float])


async def _timed(case: Case, world: World) -> float:
    async with undone():
        act = await case.prepare(world)
        started = time.perf_counter()
        await act()
        took = time.perf_counter() - started
    return took * 1000


async def measure(url: str, size: int, rounds: int) -> Column:
    """Fill a database and time every query in it."""
    column, started = Column(size), time.perf_counter()
    await migrate(url)
    connection = await asyncpg.connect(**credentials(url))
    try:
        await fill(connection, size)
    finally:
        await connection.close()
    column.fill_s = time.perf_counter() - started
    async with connect(url, pool_size=1):
        world = await World.find()
        for case in CASES:
            times = [await _timed(case, world) for _ in range(WARM_UP + rounds)]
            column.ms[case.name] = statistics.median(times[WARM_UP:])
    return column


def ratio(small: float, large: float) -> float:
    """Return how much more the large one is; see `FLOOR_MS`."""
    return max(large, FLOOR_MS) / max(small, FLOOR_MS)


def report(small: Column, large: Column) -> str:
    """Return the table and the last line."""
    lines = [f"{'ms':<34}{small.size:>12,}{large.size:>12,}   ratio"]
    ratios = {name: ratio(small.ms[name], large.ms[name]) for name in small.ms}
    lines += [f"{name:<34}{small.ms[name]:>12.2f}{large.ms[name]:>12.2f}{r:>8.2f}" for name, r in ratios.items()]
    lines.append(f"filled in {small.fill_s:.0f} s and {large.fill_s:.0f} s")
    worst = max(ratios, key=lambda name: ratios[name])
    named = worst.replace(" ", "_").replace(",", "")
    lines.append(f"growth_worst_ratio={ratios[worst]:.2f} growth_worst={named} growth_queries={len(ratios)}")
    return "\n".join(lines)


async def run(sizes: tuple[int, int], rounds: int) -> str:
    """Measure both sizes on a private server and return the report."""
    with tempfile.TemporaryDirectory(prefix="storyfork-growth-") as home:
        # No Redis is needed: the database alone is measured.
        async with embedded_stack(Path(home), redis_url="redis://127.0.0.1:1", durable=False) as stack:
            admin = await asyncpg.connect(**credentials(stack.database_url))
            columns: list[Column] = []
            for size in sizes:
                await admin.execute(f"CREATE DATABASE growth_{size}")
                url = stack.database_url.replace("/storyfork", f"/growth_{size}", 1)
                columns.append(await measure(url, size, rounds))
            await admin.close()
    return report(columns[0], columns[1])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ten times fewer rows")
    parser.add_argument("--sizes", nargs=2, type=int, metavar=("FEW", "MANY"))
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    few, many = given.sizes or (QUICK if given.quick else SIZES)
    print(asyncio.run(run((few, many), given.rounds)))


if __name__ == "__main__":
    main()
