"""What functions are given of the past, and how it becomes a context."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from db.personas.macros import MacroValues, expand
from workers.context.elements import (
    CharacterElement,
    Container,
    ContentType,
    HistoryElement,
    LoreElement,
    MemoryElement,
    Past,
    PlotElement,
    Priority,
)
from workers.context.history import Scale, SummarySpan
from workers.context.session import filtered
from workers.functions.memory.extract_plot import PlotNotes


class ToldSummary(BaseModel):
    """A summary of the past from position ``first`` to ``last``, both included (`workers.context.history`)."""

    id: int
    level: int
    first: int
    last: int
    text: str


class Recalled(BaseModel):
    """Something remembered that may matter now; ``score`` is its relevance, 0 to 1. A pin is told in any case.

    ``message`` or ``page`` is the id of what it is a part of.
    """

    kind: Literal["fact", "archive", "tracked", "pin"]
    id: int
    text: str
    score: float = 0
    message: int = 0
    page: int = 0


class ToldLore(BaseModel):
    """An entry of a lorebook that was called up, as a `LoreElement` has it; ``id`` is ``lore:<entry>``."""

    id: str
    text: str
    name: str = ""
    order: float = 0
    priority: Priority = "medium"
    volatile: bool = False
    depth: int | None = None


class RememberedInputs(BaseModel):
    """What functions with a past are given besides its newest texts.

    ``summaries`` are those of the way to now, ``jumps`` the positions before which time has passed. ``late`` names what
    was not there in time. ``lore_varies``: there are lorebooks, whatever they say now; of
    ``lore_called``, the ids of entries, it is to be recorded that they were called up.
    ``shorter`` are shorter forms of texts (`workers.context.elements.content_key`).
    ``pins`` and ``without`` are what people chose (`workers.context.session`).
    """

    summaries: list[ToldSummary] = Field(default_factory=list[ToldSummary])
    jumps: list[int] = Field(default_factory=list[int])
    memories: list[Recalled] = Field(default_factory=list[Recalled])
    late: list[str] = Field(default_factory=list[str])
    lore: list[ToldLore] = Field(default_factory=list[ToldLore])
    lore_varies: bool = False
    shorter: dict[str, str] = Field(default_factory=dict[str, str])
    lore_called: list[int] = Field(default_factory=list[int])
    pins: list[str] = Field(default_factory=list[str])
    without: list[str] = Field(default_factory=list[str])


ORDER: Final = {"pin": 0, "tracked": 1}
"""Of memories in a prompt; all others follow."""
LABEL_CHARS: Final = 40
THREAD: Final = "thread:"
"""How the id of a thread of the plot begins."""
REMEMBERED = frozenset({"summaries", "memories", "late", "lore", "shorter", "pins", "without"})
"""Of `RememberedInputs`, the earlier texts."""


def past_of(
    items: Sequence[HistoryElement], count: int, inputs: RememberedInputs, scale: Scale, content: ContentType
) -> Past:
    """Return the past of ``count`` items of which ``items`` are the newest."""
    spans = tuple(SummarySpan(s.first, s.last, s.level, s.text, id=f"summary:{s.id}") for s in inputs.summaries)
    jumps = tuple(sorted({jump for jump in inputs.jumps if 0 < jump < count}))
    return Past(items=tuple(items), count=count, jumps=jumps, spans=spans, scale=scale, content=content)


def memories_of(inputs: RememberedInputs) -> Iterable[MemoryElement]:
    """Yield what is remembered as elements."""
    for memory in inputs.memories:
        yield MemoryElement(
            id=f"{memory.kind}:{memory.id}",
            text=memory.text,
            score=memory.score,
            source=f"message:{memory.message}" if memory.message else f"page:{memory.page}" if memory.page else "",
            label=memory.text[:LABEL_CHARS],
            priority="high" if memory.kind == "pin" else "medium",
            order=ORDER.get(memory.kind, len(ORDER)),
        )


def lore_of(inputs: RememberedInputs, values: MacroValues) -> Iterable[LoreElement]:
    """Yield what lorebooks say as elements; ``values`` are what macros in it stand for."""
    for lore in inputs.lore:
        yield LoreElement(
            id=lore.id,
            text=expand(lore.text, values, lore.id),
            label=lore.name or lore.text[:LABEL_CHARS],
            order=lore.order,
            priority=lore.priority,
            volatile=lore.volatile,
            depth=lore.depth,
        )


def notes_of(notes: PlotNotes) -> Iterable[PlotElement | CharacterElement]:
    """Yield the notes on a story as elements. They change with it, so they stand behind its pages."""
    yield PlotElement(id="outline", text=notes.outline, volatile=True)
    for at, thread in enumerate(notes.threads):
        priority: Priority = "medium" if thread.open else "low"
        yield PlotElement(
            id=f"{THREAD}{at}",
            text=thread.title,
            priority=priority,
            closed=not thread.open,
            volatile=True,
            order=1 + at,
        )
    for at, each in enumerate(notes.characters):
        known = "; ".join(part for part in (each.state, each.place) if part)
        yield CharacterElement(
            id=f"character:{at}",
            text=f"{each.name}: {known}" if each.name and known else "",
            name=each.name,
            place=each.place,
            volatile=True,
            order=20 + at,
        )


def listed(value: Any) -> list[str]:
    """Return a card's list, or its text, as a list."""
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]


def as_chosen(container: Container, inputs: RememberedInputs) -> Container:
    """Return a container with what people pinned and left out."""
    return filtered(container, without=frozenset(inputs.without), pins=frozenset(inputs.pins))
