"""What a run on a memory works from: the new part of the past, and the summaries that there are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Final

from db.errors import LeaseLost
from db.memory import memories, past, summaries
from db.memory.memories import MemoryRecord, Remember
from db.memory.past import PastText
from db.memory.summaries import PastSummary
from workers.context.history import MESSAGES, PAGES, Scale, SummaryPlace, missing
from workers.context.jumps import jump_positions
from workers.context.sentences import sentences
from workers.steps.base import Run

LAST: Final = 2**62
"""Behind every message of an exchange."""


@dataclass(frozen=True)
class UnreadPast:
    """A memory and the texts that have come since its last fresh summary: ``texts``, from the position ``base`` on.

    ``fresh`` are the summaries that hold, by place, ``stale`` those that may not. ``jumps`` are all positions before
    which time has passed. ``page_id`` is where a story stands.
    """

    memory: MemoryRecord
    page_id: int | None
    language: str
    persona: str
    base: int
    texts: Sequence[PastText]
    jumps: Sequence[int]
    fresh: dict[SummaryPlace, PastSummary] = field(default_factory=dict[SummaryPlace, PastSummary])
    stale: Sequence[PastSummary] = ()
    more: bool = False

    @property
    def scale(self) -> Scale:
        """How many texts a summary stands for."""
        return MESSAGES if self.memory.story_id is None else PAGES

    @property
    def count(self) -> int:
        """The position behind the last text."""
        return self.base + len(self.texts)

    def wanted(self) -> list[SummaryPlace]:
        """Return the places that have no summary yet, in the order in which they can be written."""
        newest: dict[int, int] = {}
        for place in self.fresh:
            newest[place.level] = max(place.last, newest.get(place.level, -1))
        found = missing(self.count, self.jumps, self.scale, self.fresh)
        # Older ones may be there, beyond those that were read; what holds is never behind a gap.
        return [place for place in found if place.last > newest.get(place.level, -1)]

    def of(self, place: SummaryPlace) -> Sequence[PastText]:
        """Return the texts of a place of level 1."""
        return self.texts[place.first - self.base : place.last - self.base + 1]


async def recalled(run: Run) -> UnreadPast:
    """Return what the job works from, read once in each run. Raises `LeaseLost` if it is gone."""
    return await run.once("recalled", lambda: _read(run.parameters(Remember).memory))


async def _read(memory_id: int) -> UnreadPast:
    memory = await memories.get(memory_id)
    if memory is None:
        raise LeaseLost(f"memory {memory_id} was deleted")
    if memory.story_id is not None:
        tip = await past.tip(memory.story_id)
        if tip is None:
            return UnreadPast(memory, None, "", "", 0, (), ())
        known = await summaries.of_story(tip.page_id, chunk=PAGES.chunk, fanout=PAGES.fanout)
        fresh, last = _fresh(known)
        base = 0 if last is None else last.last + 1
        texts = await past.pages(tip.page_id, base)
        return _recalled(memory, (tip.page_id, tip.language, ""), known, fresh, last, texts)
    assert memory.conversation_id is not None
    assert memory.persona_id is not None
    assert memory.epoch is not None
    known = await summaries.of_chat(memory.conversation_id, memory.persona_id, memory.epoch)
    fresh, last = _fresh(known)
    after = (0, 0) if last is None else (last.last_said or 0, last.message_id or 0)
    texts = await past.messages(memory.conversation_id, memory.persona_id, memory.epoch, after)
    # A silence may lie right before the first of them.
    said = None if last is None or last.message_id is None else await past.said_at(last.message_id)
    about = (None, "", await past.persona_name(memory.persona_id))
    return _recalled(memory, about, known, fresh, last, texts, said)


def _fresh(known: Sequence[PastSummary]) -> tuple[dict[SummaryPlace, PastSummary], PastSummary | None]:
    """Return the summaries that hold, and the last of level 1 among them: those before the first that may not."""
    first_stale = min((s.last for s in known if s.stale and s.level == 1), default=None)
    found = [s for s in known if not s.stale and (first_stale is None or s.last < first_stale)]
    last = max((s for s in found if s.level == 1), key=lambda s: s.last, default=None)
    if last is None:
        return {}, None
    return {SummaryPlace(s.first, s.last, s.level): s for s in found if s.last <= last.last}, last


def _recalled(
    memory: MemoryRecord,
    about: tuple[int | None, str, str],
    known: Sequence[PastSummary],
    fresh: dict[SummaryPlace, PastSummary],
    last: PastSummary | None,
    texts: Sequence[PastText],
    before: datetime | None = None,
) -> UnreadPast:
    base = 0 if last is None else last.last + 1
    times = [] if memory.story_id is not None else [text.created_at for text in texts]
    jumps = [*(() if last is None else last.jumps), *jump_positions([text.text for text in texts], base, times, before)]
    stale = [s for s in known if SummaryPlace(s.first, s.last, s.level) not in fresh]
    return UnreadPast(memory, *about, base, texts, jumps, fresh, stale, more=len(texts) >= past.MOST)


def without(text: str, forgotten: Sequence[str]) -> str:
    """Return a text without the sentences that have a word which is to be forgotten."""
    if not forgotten:
        return text
    words = [word.casefold() for word in forgotten]
    return "".join(s for s in sentences(text) if not any(word in s.casefold() for word in words))


def digest(*parts: str) -> str:
    """Return the name of some texts, by their content."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
