"""Runs of contenders, and the figures of a run."""

import hashlib
import math
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.text_bench.chats import Answer, Chat, Language
from benchmarks.text_bench.contender import Room, Start, now
from benchmarks.text_bench.scenarios import Load
from workers.engines.text.llama.protocol import Statistics

_WARM_TOKENS: Final = 8
_CALIBRATION: Final = bytes(64 * 2**20)
_CALIBRATION_TIMES: Final = 3


@dataclass(frozen=True, slots=True)
class Figures:
    """The results of one run. Times in seconds; ``watched`` chats count for the gaps.

    ``model_s``, ``drawing_s`` and ``other_s`` are the times that the engine's own process reports; NaN if it reports
    none.
    """

    tokens_per_s: float
    elapsed: float = math.nan
    ttft_mean: float = math.nan
    ttft_p95: float = math.nan
    gap_p95: float = math.nan
    gap_worst: float = math.nan
    model_s: float = math.nan
    drawing_s: float = math.nan
    other_s: float = math.nan


@dataclass(slots=True)
class Results:
    """Figures by scenario and contender, one for each round; and what could not be run, with the reason."""

    figures: dict[tuple[str, str], dict[int, Figures]] = field(
        default_factory=dict[tuple[str, str], dict[int, Figures]]
    )
    failures: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    calibration: list[float] = field(default_factory=list[float])

    def add(self, scenario: str, contender: str, number: int, figures: Figures) -> None:
        """Record the figures of one run."""
        self.figures.setdefault((scenario, contender), {})[number] = figures

    def median(self, scenario: str, contender: str, figure: str) -> float:
        """Return the median of one figure over the rounds; NaN if there is none."""
        values = [getattr(f, figure) for f in self.figures.get((scenario, contender), {}).values()]
        return statistics.median(values) if values else math.nan

    def ratio(self, figure: str, over: tuple[str, str], under: tuple[str, str]) -> float:
        """Return the median, over the rounds, of one (scenario, contender) divided by the other; NaN of none."""
        tops, bottoms = self.figures.get(over, {}), self.figures.get(under, {})
        values = [getattr(tops[i], figure) / getattr(bottoms[i], figure) for i in tops.keys() & bottoms.keys()]
        return statistics.median(values) if values else math.nan


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of the values do not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def calibrate() -> float:
    """Return the seconds that a fixed amount of work takes on two cores now, a measure of other load on the machine."""

    def work() -> None:
        for _ in range(_CALIBRATION_TIMES):
            hashlib.sha256(_CALIBRATION).digest()

    with ThreadPoolExecutor(2) as pool:
        begin = now()
        for future in [pool.submit(work) for _ in range(2)]:
            future.result()
        return now() - begin


async def measure(start: Start, model: Path, language: Language, load: Load, room: Room) -> Figures:
    """Start a contender afresh, warm it, ask the first turns, and measure the rest.

    Raises `RuntimeError` if an answer has fewer tokens than requested: the figures would be meaningless.
    """
    async with start(model, language, room) as contender:
        warm = Chat("nobody", (language.message("user", 2 * _WARM_TOKENS, "warm"),), _WARM_TOKENS)
        await contender.run([warm])
        chats = load.chats
        if load.opening:
            first = await contender.run(load.opening)
            _check(load.opening, first)
            chats = tuple(
                chat.following(earlier, answer.text)
                for chat, earlier, answer in zip(chats, load.opening, first, strict=True)
            )
        before = await contender.statistics()
        answers = await contender.run(chats)
        after = await contender.statistics()
    _check(chats, answers)
    return _figures(chats, answers, before, after)


def _check(chats: Sequence[Chat], answers: Sequence[Answer]) -> None:
    for chat, answer in zip(chats, answers, strict=True):
        # A cancelled chat may still get a token that was under way.
        if len(answer.times) < chat.written or (chat.cancel_after is None and len(answer.times) > chat.new):
            raise RuntimeError(f"{len(answer.times)} tokens came of {chat.written}")


def _figures(
    chats: Sequence[Chat], answers: Sequence[Answer], before: Statistics | None, after: Statistics | None
) -> Figures:
    elapsed = max(a.times[-1] for a in answers) - min(a.arrived for a in answers)
    first = [a.times[0] - a.arrived for a in answers]
    gaps = [
        later - earlier
        for chat, a in zip(chats, answers, strict=True)
        if chat.watched
        for earlier, later in zip(a.times, a.times[1:], strict=False)
    ]
    spent = (math.nan, math.nan, math.nan)
    if before is not None and after is not None:
        spent = (
            after.decode_s - before.decode_s,
            after.sample_s - before.sample_s,
            after.other_s - before.other_s,
        )
    return Figures(
        sum(len(a.times) for a in answers) / elapsed,
        elapsed,
        sum(first) / len(first),
        percentile(first, 95),
        percentile(gaps, 95),
        max(gaps, default=math.nan),
        *spent,
    )
