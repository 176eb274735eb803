"""What a trial says of a model: how much of what it writes people would read, and what it is fit for."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from db.usage import FunctionRun
from workers.offline import NAME as OFFLINE

GOOD: Final = 0.9
"""Share of what is asked for that a good model writes itself."""
USABLE: Final = 0.6
"""The same, of one that is fit with a little help of the offline writer."""


class AcceptanceKind(StrEnum):
    """How a text came to be shown, the best way first."""

    AT_ONCE = "at once"
    MENDED = "after mending"
    AGAIN = "after asking again"
    HANDED_ON = "by another engine"
    OFFLINE = "by the template"


OWN: Final = frozenset({AcceptanceKind.AT_ONCE, AcceptanceKind.MENDED, AcceptanceKind.AGAIN})
"""What the model wrote itself."""


_RESULTS: Final = {
    "at_once": AcceptanceKind.AT_ONCE,
    "mended": AcceptanceKind.MENDED,
    "again": AcceptanceKind.AGAIN,
    "next": AcceptanceKind.HANDED_ON,
    "offline": AcceptanceKind.OFFLINE,
}
"""What receipts call them."""


def acceptance(run: FunctionRun) -> AcceptanceKind:
    """Return how the output of a run came to be shown: as its receipt has it, else as its steps show."""
    if (found := _RESULTS.get(run.receipt.get("craft", {}).get("result", ""))) is not None:
        return found
    steps = {step["step"] for step in run.steps}
    if run.engine == OFFLINE:
        return AcceptanceKind.OFFLINE
    if "fallback" in steps:
        return AcceptanceKind.HANDED_ON
    return AcceptanceKind.AGAIN if "repaired" in steps else AcceptanceKind.AT_ONCE


@dataclass(frozen=True, slots=True)
class Fitness:
    """How far a model is fit for something, such as "stories": how it was accepted, and seconds for what it wrote."""

    purpose: str
    counts: Counter[AcceptanceKind]
    seconds: float

    @property
    def total(self) -> int:
        """How often it was asked."""
        return self.counts.total()

    @property
    def own(self) -> int:
        """How often it wrote itself what is shown."""
        return sum(self.counts[way] for way in OWN)

    @property
    def share(self) -> float:
        """The share of what it wrote itself; 0 if it was not asked."""
        return self.own / self.total if self.total else 0.0

    @property
    def word(self) -> str:
        """What that means: "fit", "usable" or "unfit"."""
        return "fit" if self.share >= GOOD else "usable" if self.share >= USABLE else "unfit"

    def describe(self) -> str:
        """Return the figures in words."""
        ways = ", ".join(f"{self.counts[way]} {way}" for way in AcceptanceKind if self.counts[way])
        per = f", {self.seconds / self.own:.1f} s each" if self.own else ""
        return f"{self.own} of {self.total} by the model{per} ({ways})"


def fitness(purpose: str, runs: Iterable[FunctionRun]) -> Fitness:
    """Return what runs of one kind say. Their time is all that it took, also for what was not shown."""
    found = list(runs)
    return Fitness(purpose, Counter(map(acceptance, found)), sum(run.seconds for run in found))
