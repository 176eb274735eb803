"""Write the summaries that are missing, the lowest level first."""

from typing import Any, ClassVar, Final

from pydantic import BaseModel

from db.memory.summaries import Kind, PastSummary
from db.quotes import MARK
from workers.context.history import SummaryPlace, parts
from workers.functions.memory.summarise import (
    VERSION,
    LabelledText,
    Summarise,
    SummariseDialogue,
    SummariseInputs,
    SummariseNarration,
    SummarisePlot,
)
from workers.steps.base import Run, Step
from workers.steps.memory.calls import busy, call, fitted
from workers.steps.memory.recall import UnreadPast, digest, recalled, without

MOST: Final = 6
"""Summaries of one run: what is left is done by the next."""
FUNCTIONS: Final[dict[Kind, Summarise]] = {
    "dialogue": SummariseDialogue(),
    "narration": SummariseNarration(),
    "plot": SummarisePlot(),
}


class SummaryDraft(BaseModel):
    """A summary that was written for a place; ``reused``: it is what stood there, found to hold still."""

    first: int
    last: int
    level: int
    kind: Kind
    text: str
    source_hash: str
    version: str
    reused: bool = False

    @property
    def place(self) -> SummaryPlace:
        """Where it hangs."""
        return SummaryPlace(self.first, self.last, self.level)


class Summarised(BaseModel):
    """The summaries of a run. ``changes`` are those of the memory when its past was read, ``more``: some are left."""

    changes: int
    drafts: list[SummaryDraft] = []
    more: bool = False


class SummarisePast(Step):
    """Summarise what has come since the last summaries."""

    name: ClassVar[str] = "summarise_past"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return `Summarised`."""
        now = await recalled(run)
        done = Summarised(changes=now.memory.changes, more=now.more)
        known = {place: summary.text for place, summary in now.fresh.items()}
        before = {SummaryPlace(s.first, s.last, s.level): s for s in now.stale}
        for place in now.wanted():
            asked = len([draft for draft in done.drafts if not draft.reused])
            if asked >= MOST or (asked and await busy()):
                done.more = True
                break
            draft = await _summary(run, now, place, known, before.get(place))
            if draft is None:
                break
            done.drafts.append(draft)
            known[place] = draft.text
        return done.model_dump()


async def _summary(
    run: Run, now: UnreadPast, place: SummaryPlace, known: dict[SummaryPlace, str], before: PastSummary | None
) -> SummaryDraft | None:
    """Return the summary of a place; None if one of the summaries that it stands for is not there."""
    passages = _passages(now, place, known)
    if passages is None:
        return None
    kind: Kind = "plot" if place.level > 1 else "dialogue" if now.memory.story_id is None else "narration"
    function = FUNCTIONS[kind]
    version = f"{function.name} {VERSION}"
    source = digest(*(f"{p.label}: {p.text}" for p in passages))
    draft = SummaryDraft(
        first=place.first, last=place.last, level=place.level, kind=kind, text=MARK, source_hash=source, version=version
    )
    if before is not None and (before.source_hash, before.version) == (source, version):
        return draft.model_copy(update={"text": before.text, "reused": True})
    if not any(p.text.strip() for p in passages):
        return draft  # all of it is to be forgotten, or was removed
    texts, labels = [p.text for p in passages], [p.label for p in passages]

    def inputs(size: int) -> SummariseInputs:
        shorter = fitted(texts, size, function.content)
        return SummariseInputs(
            passages=[LabelledText(label=label, text=text) for label, text in zip(labels, shorter, strict=True)],
            before=known.get(_previous(place, known), "") if place.level == 1 else "",
            language=now.language,
        )

    written = await call(run, now, function, inputs)
    return draft if written is None else draft.model_copy(update={"text": written.text})


def _passages(now: UnreadPast, place: SummaryPlace, known: dict[SummaryPlace, str]) -> list[LabelledText] | None:
    if place.level > 1:
        texts = [known.get(part) for part in parts(place, now.jumps, now.count, now.scale)]
        return None if None in texts else [LabelledText(text=text or "") for text in texts]
    forgotten = now.memory.forgotten
    return [
        LabelledText(
            label=text.speaker or (now.persona if text.role == "persona" else ""),
            text=_with_choice(without(text.choice, forgotten), without(text.text, forgotten)),
        )
        for text in now.of(place)
    ]


def _with_choice(choice: str, text: str) -> str:
    """Return a page with the choice that led to it."""
    return f"({choice}) {text}" if choice else text


def _previous(place: SummaryPlace, known: dict[SummaryPlace, str]) -> SummaryPlace:
    """Return the place of level 1 that ends right before one."""
    return next((p for p in known if p.level == 1 and p.last == place.first - 1), place)
