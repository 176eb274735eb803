"""Elements of a context: one text each, with what decides whether and where a model reads it."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.context.history import MESSAGES, Scale, SummarySpan

Kind = Literal["plot", "character", "request", "instruction", "memory", "lore", "history"]
Priority = Literal["high", "medium", "low"]
Layer = Literal["A", "B", "C", "D", "E"]
"""A system, B persona and lore, C recent text, D characters and scene, E plot, summaries and memories."""
ContentType = Literal["dialogue", "narration", "sheet", "plot"]
"""How a text is made shorter: what is said, what is told, what someone is like, what happens."""

PRIORITIES: Final[tuple[Priority, ...]] = ("high", "medium", "low")
"""In the order in which they get room."""
LAYERS: Final[tuple[Layer, ...]] = ("A", "B", "C", "D", "E")
LAYER_OF: Final[dict[Kind, Layer]] = {
    "instruction": "A", "lore": "B", "request": "C", "history": "C", "character": "D", "plot": "E", "memory": "E",
}  # fmt: skip
"""The layer of each kind unless the element names another: a persona's own card belongs to B."""


class _BaseElement(BaseModel):
    """What all elements have.

    ``id`` names the source and is stable from one turn to the next: ``message:41``, ``page:12``, ``summary:7``,
    ``fact:9``, ``lore:3``, ``card:appearance``. Empty ``agents`` or ``phases`` mean all of them. Within a layer and a
    priority a smaller ``order`` comes first. What is ``volatile`` changes from turn to turn, so it is placed behind the
    history, where it leaves the beginning of the prompt alone. ``label`` is what people know the element by.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=120)
    text: str
    priority: Priority = "medium"
    tags: frozenset[str] = frozenset()
    phases: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    own_layer: Layer | None = None
    order: float = 0
    volatile: bool = False
    label: str = ""
    content: ContentType = "narration"


class PlotElement(_BaseElement):
    """What the story is about: premise, outline, an open or closed thread."""

    kind: Literal["plot"] = "plot"
    content: ContentType = "plot"
    closed: bool = False


class CharacterElement(_BaseElement):
    """Who somebody is, or how and where they are now."""

    kind: Literal["character"] = "character"
    content: ContentType = "sheet"
    name: str = ""
    place: str = ""


class RequestElement(_BaseElement):
    """What a person asks for now: the message to answer, the action to write on from."""

    kind: Literal["request"] = "request"
    priority: Priority = "high"
    author: str = ""


class InstructionElement(_BaseElement):
    """A rule for the model."""

    kind: Literal["instruction"] = "instruction"
    priority: Priority = "high"


class MemoryElement(_BaseElement):
    """Something remembered: a fact, a passage of the archive, a tracked answer. ``score``: its relevance, 0 to 1.

    ``source`` is the id of the message or page that it is a part of: where that is told word by word, it is left out.
    """

    kind: Literal["memory"] = "memory"
    volatile: bool = True
    score: float = 0
    source: str = ""


class LoreElement(_BaseElement):
    """An entry of a lorebook that was triggered. ``depth`` counts messages from the end; None: with the persona."""

    kind: Literal["lore"] = "lore"
    content: ContentType = "sheet"
    depth: int | None = None


class HistoryElement(_BaseElement):
    """A message or page of the past, at its ``position`` from 0. ``jump``: a time jump lies before it.

    ``note`` stands behind its text, such as the choice taken at the end of a page; it is counted, and never shortened.
    """

    kind: Literal["history"] = "history"
    priority: Priority = "low"
    role: Literal["user", "assistant"] | None = None
    position: int = Field(ge=0)
    note: str = ""
    jump: bool = False


Element = Annotated[
    PlotElement | CharacterElement | RequestElement | InstructionElement | MemoryElement | LoreElement | HistoryElement,
    Field(discriminator="kind"),
]
"""One element of any kind."""


def layer_of(element: Element) -> Layer:
    """Return the layer from whose room an element is paid."""
    return element.own_layer or LAYER_OF[element.kind]


def content_key(text: str, content: ContentType) -> str:
    """Return the name under which a text's shorter form is kept: of its content, so that an edit makes it stale."""
    return blake2b(f"{content}\n{text}".encode(), digest_size=16).hexdigest()


class Past(BaseModel):
    """The past of a chat or a story: ``count`` messages or pages, of which ``items`` are the newest, without a gap.

    ``spans`` are the summaries there are, ``jumps`` the positions before which a time jump lies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: tuple[HistoryElement, ...] = ()
    count: int = 0
    jumps: tuple[int, ...] = ()
    spans: tuple[SummarySpan, ...] = ()
    scale: Scale = MESSAGES
    content: ContentType = "dialogue"

    @classmethod
    def of(cls, items: Sequence[HistoryElement], **more: Any) -> "Past":
        """Return the past that ends with ``items``."""
        count = items[-1].position + 1 if items else 0
        jumps = {*more.pop("jumps", ()), *(item.position for item in items if item.jump)}
        return cls(items=tuple(items), count=count, jumps=tuple(sorted(jumps)), **more)


class Container(BaseModel):
    """The elements that one call may be told, and about what it is.

    ``agent`` and ``phase`` are who is told and at what: ``writer`` at ``draft``, ``persona`` at ``chat``. ``without``
    are tags whose elements are left out; ``pins`` are ids that count as high priority. ``varying`` are the layers whose
    elements change from turn to turn: their room stays reserved, so that the history does not move with them.
    ``shorter`` holds what was distilled before, by `content_key`. ``late`` names what was not there in time.
    ``metadata`` is the caller's: ids, no texts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str
    phase: str
    elements: tuple[Element, ...] = ()
    past: Past = Past()
    varying: frozenset[Layer] = frozenset()
    shorter: dict[str, str] = {}
    chat: bool = False
    without: frozenset[str] = frozenset()
    pins: frozenset[str] = frozenset()
    late: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}

    def of_kind(self, kind: Kind) -> Iterator[Element]:
        """Yield the elements of a kind, in their order."""
        return (element for element in self.elements if element.kind == kind)
