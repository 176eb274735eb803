"""What a build is: everything a model is told, where, in how many tokens, and what was left out and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from workers.context.elements import ContentType, Element, HistoryElement, Kind, Layer
from workers.context.layers import Window

Form = Literal["whole", "distilled", "trimmed", "summary"]
Reason = Literal["agent", "phase", "tag", "repeated", "empty", "no_room", "summarised", "unknown", "late"]
"""``summarised``: a summary stands for it. ``unknown``: a stretch of the past without text and summary. ``late``: what
was not there in time."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An element that is told, in the words in which it is."""

    id: str
    kind: Kind
    layer: Layer
    text: str
    tokens: int
    form: Form = "whole"
    element: Element | None = None
    label: str = ""
    first: int | None = None
    last: int | None = None

    @property
    def note(self) -> str:
        """What stands behind a message or page."""
        return self.element.note if isinstance(self.element, HistoryElement) else ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An element that is not told. ``id`` of a stretch of the past is ``history:first-last``."""

    id: str
    kind: Kind
    layer: Layer
    reason: Reason
    tokens: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text that a shorter form would help: for a background job, by `content_key` and tokens."""

    id: str
    key: str
    content: ContentType
    tokens: int


@dataclass(frozen=True, slots=True)
class LayerUse:
    """Tokens that a layer uses, and its share of the window."""

    used: int
    share: int


@dataclass(frozen=True, slots=True)
class Build:
    """A built context.

    ``early`` comes first and rarely changes, then the summaries of the past, the ``recent`` text, and ``late``, which
    differs from turn to turn; ``requests`` are what to answer. ``prompt_tokens`` is the count of the whole prompt by
    the model's tokenizer, None before it was counted.
    """

    window: Window
    early: tuple[Placed, ...] = ()
    summaries: tuple[Placed, ...] = ()
    recent: tuple[Placed, ...] = ()
    late: tuple[Placed, ...] = ()
    requests: tuple[Placed, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    layers: dict[Layer, LayerUse] = field(default_factory=dict[Layer, LayerUse])
    cut: int = 0
    wanted: tuple[Wanted, ...] = ()
    prompt_tokens: int | None = None

    @property
    def placed(self) -> Iterator[Placed]:
        """All that is told, in the order of the prompt."""
        yield from (*self.early, *self.summaries, *self.recent, *self.late, *self.requests)

    @property
    def tokens(self) -> int:
        """The sum over the layers, without what the prompt takes of itself."""
        return sum(use.used for use in self.layers.values())

    def texts(self, kind: Kind, *, late: bool | None = None) -> list[str]:
        """Return the texts of a kind but the past's, those that come late, early, or (None) all."""
        found = (*self.early, *self.late) if late is None else self.late if late else self.early
        return [each.text for each in found if each.kind == kind]

    def request(self, element_id: str, default: str = "") -> str:
        """Return the words of a request."""
        return next((each.text for each in self.requests if each.id == element_id), default)

    def record(self) -> dict[str, Any]:
        """Return the build without any text, as JSON: what a receipt and a context session keep."""
        return {
            "window": self.window.size,
            "answer": self.window.answer,
            "fixed": self.window.fixed,
            "prompt_tokens": self.prompt_tokens,
            "cut": self.cut,
            "layers": {layer: {"used": use.used, "share": use.share} for layer, use in self.layers.items()},
            "placed": [
                {"id": each.id, "kind": each.kind, "layer": each.layer, "tokens": each.tokens, "form": each.form}
                for each in self.placed
            ],
            "left_out": [
                {"id": each.id, "kind": each.kind, "layer": each.layer, "tokens": each.tokens, "reason": each.reason}
                for each in self.left_out
            ],
        }


class ElementTooLarge(Exception):
    """An element that must be there fits not even when distilled: its id, label, tokens, and what there is room for."""

    def __init__(self, element_id: str, label: str, tokens: int, limit: int) -> None:
        super().__init__(f"{element_id} has {tokens} tokens, there is room for {limit}")
        self.element_id, self.label, self.tokens, self.limit = element_id, label, tokens, limit


class PromptTooLarge(Exception):
    """The prompt itself, without any element, leaves no room in the window."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"the prompt has {tokens} tokens, there is room for {limit}")
        self.tokens, self.limit = tokens, limit
