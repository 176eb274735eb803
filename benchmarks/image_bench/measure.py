"""Rounds in which all contenders take turns, and their results."""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.image_bench.bare import Bare, Call
from benchmarks.image_bench.ours import together
from benchmarks.image_bench.work import Kind
from workers.engines.image.sdxl.engine import SdxlEngine

CALL = "one call"
OURS = "ours"
_LEAST = 4
"""Minimum number of pictures behind each figure of a round."""


@dataclass(slots=True)
class Results:
    """Seconds per picture by kind, contender and number at a time, one for each round."""

    seconds: dict[tuple[str, str, int], list[float]] = field(default_factory=dict[tuple[str, str, int], list[float]])

    def add(self, kind: Kind, who: str, pictures: int, seconds: float) -> None:
        """Record the total time of ``pictures``."""
        self.seconds.setdefault((kind.name, who, pictures), []).append(seconds / pictures)

    def median(self, kind: Kind, who: str, pictures: int) -> float:
        """Return the median seconds per picture."""
        return statistics.median(self.seconds[kind.name, who, pictures])

    def ratio(self, kind: Kind, over: tuple[str, int], under: tuple[str, int]) -> float:
        """Return the median, over the rounds, of one divided by the other."""
        pairs = zip(self.seconds[kind.name, *over], self.seconds[kind.name, *under], strict=True)
        return statistics.median(top / bottom for top, bottom in pairs)


async def measure(
    engine: SdxlEngine, bare: Bare, kinds: Sequence[Kind], users: Sequence[int], calls: Sequence[int], rounds: int
) -> Results:
    """Measure the engine at each number of concurrent users, and the pipeline at each number of pictures per call."""
    results = Results()
    first = 0
    turns = [(OURS, size) for size in users] + [(CALL, size) for size in calls]
    turns.sort(key=lambda turn: turn[1])
    for kind in kinds:
        # The first picture of a kind is slow for all contenders.
        for size in users:
            await together(engine, kind, size, first)
        for size in calls:
            await bare.call(Call(kind, size, first))
        for number in range(rounds):
            # The first contender finds the machine cooler: rotate the order.
            shift = number % len(turns)
            for who, size in turns[shift:] + turns[:shift]:
                times = max(1, _LEAST // size)
                seconds = 0.0
                for _ in range(times):
                    first += size
                    if who == OURS:
                        seconds += await together(engine, kind, size, first)
                    else:
                        seconds += await bare.call(Call(kind, size, first))
                results.add(kind, who, size, seconds / times)
            sys.stderr.write(f"{kind.name}: round {number + 1} of {rounds}\n")
    return results
