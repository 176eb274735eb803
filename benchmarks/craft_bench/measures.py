"""What is measured of what was shown: how much of it is new, and whether it passes the gate again, from outside."""

import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.craft_bench.material import good
from benchmarks.craft_bench.playing import Play
from db.usage import FunctionRun
from prompts.registry import default_registry
from workers.craft.findings import CraftFinding
from workers.craft.overlap import shared_groups
from workers.craft.pages import PageFacts, examine_page
from workers.craft.prose import Prose
from workers.craft.replies import ReplyFacts, examine_reply
from workers.craft.settings import CraftSettings
from workers.trials.play import PlayedPage, PlayedReply
from workers.trials.verdict import OWN, AcceptanceKind, acceptance

EARLIER: Final = 6
"""Pages before one that it is compared with."""
GROUP: Final = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A page or reply as it was shown: who wrote it, what it fails, and what it has in common with what was before."""

    text: str
    run: FunctionRun
    failed: tuple[CraftFinding, ...]
    distinct: float
    repeated: float
    echoed: float

    @property
    def passes(self) -> bool:
        """Whether the model wrote it, and it passes as it was shown."""
        return acceptance(self.run) in OWN and not self.failed


@dataclass(slots=True)
class Figures:
    """The figures of pages, or of replies."""

    shown: list[Shown] = field(default_factory=list[Shown])
    seconds: float = 0.0
    tokens: int = 0

    @property
    def ways(self) -> Counter[AcceptanceKind]:
        """How they came to be shown."""
        return Counter(acceptance(each.run) for each in self.shown)

    @property
    def own(self) -> list[Shown]:
        """What the model wrote."""
        return [each for each in self.shown if acceptance(each.run) in OWN]

    @property
    def accepted(self) -> int:
        """How many the model wrote that pass."""
        return sum(each.passes for each in self.shown)

    @property
    def bad(self) -> int:
        """How many were shown that do not pass, whoever wrote them."""
        return sum(bool(each.failed) for each in self.shown)

    @property
    def failures(self) -> Counter[str]:
        """What those fail that were shown, by check."""
        return Counter(finding.check for each in self.shown for finding in each.failed)

    def mean(self, name: str) -> float:
        """Return the mean of a measure over what the model wrote."""
        return statistics.mean(getattr(each, name) for each in self.own) if self.own else 0.0


def pages(play: Play) -> Figures:
    """Return the figures of a play's pages, with the time and the tokens of their choices."""
    figures, settings = Figures(seconds=play.stories_s), CraftSettings(enabled=True)
    for case, story in play.stories:
        for at, page in enumerate(story):
            earlier = [each.text for each in story[max(0, at - EARLIER) : at]]
            facts = PageFacts(
                language=case.language, premise=case.premise, earlier=earlier, ending=page.ending,
                instructions=_words("story/write_page"),
            )  # fmt: skip
            run = _run(page.runs, "write_page")
            failed = examine_page(page.text, facts, settings).failed
            figures.shown.append(_shown(page.text, run, failed, earlier, case.premise))
            figures.tokens += sum(each.completion_tokens for each in page.runs)
    return figures


def replies(play: Play) -> Figures:
    """Return the figures of a play's replies."""
    figures, settings = Figures(seconds=play.chats_s), CraftSettings(enabled=True)
    for case, chat in play.chats:
        for at, reply in enumerate(chat):
            earlier = [each.text for each in chat[max(0, at - EARLIER) : at]]
            facts = ReplyFacts(
                name=reply.persona, user="Sam", language=case.language, message=reply.said, earlier=earlier,
                instructions=_words("persona/answer"),
            )  # fmt: skip
            failed = examine_reply(reply.text, facts, settings).failed
            figures.shown.append(_shown(reply.text, reply.runs[-1], failed, earlier, reply.said))
            figures.tokens += sum(each.completion_tokens for each in reply.runs)
    return figures


def choices(play: Play) -> Counter[AcceptanceKind]:
    """Return how the choices of a play's pages came to be shown."""
    return Counter(acceptance(run) for _, story in play.stories for page in story for run in page.runs
                   if run.function == "suggest_choices")  # fmt: skip


def checks_failed(runs: Iterable[FunctionRun]) -> Counter[str]:
    """Return what the gate found in what a model wrote, by check, as the runs' receipts have it."""
    found: Counter[str] = Counter()
    for run in runs:
        for failed in run.receipt.get("craft", {}).get("failed", ()):
            found.update(failed)
    return found


@dataclass(frozen=True, slots=True)
class Alarms:
    """What the gate says of good pages: how many there were, what it found, and the processor's time for each."""

    total: int
    found: Counter[str]
    alarms: int
    ms: float


def false_alarms(count: int, seed: int) -> Alarms:
    """Show the gate good pages."""
    settings, found, alarms = CraftSettings(enabled=True), Counter[str](), 0
    material = list(good(count, seed))
    begun = time.process_time()
    for text, facts in material:
        failed = examine_page(text, facts, settings).failed
        alarms += bool(failed)
        found.update(finding.check for finding in failed)
    return Alarms(len(material), found, alarms, (time.process_time() - begun) * 1000 / max(1, len(material)))


def _run(runs: Sequence[FunctionRun], function: str) -> FunctionRun:
    return next(run for run in runs if run.function == function)


def _shown(text: str, run: FunctionRun, failed: tuple[CraftFinding, ...], earlier: Sequence[str], source: str) -> Shown:
    prose = Prose(text)
    groups = prose.grams(GROUP)
    return Shown(
        text,
        run,
        failed,
        distinct=len(set(groups)) / len(groups) if groups else 1.0,
        repeated=shared_groups(prose, [Prose(each) for each in earlier], GROUP),
        echoed=shared_groups(prose, [Prose(source)], GROUP),
    )


def _words(prompt: str) -> str:
    """Return the own words of a prompt's variants."""
    registry = default_registry()
    return "\n".join(dict.fromkeys(registry.get(prompt, size).words for size in ("small", "medium", "large")))


def replies_of(play: Play) -> Iterator[PlayedReply]:
    """Yield a play's replies."""
    for _, chat in play.chats:
        yield from chat


def pages_of(play: Play) -> Iterator[PlayedPage]:
    """Yield a play's pages."""
    for _, story in play.stories:
        yield from story
