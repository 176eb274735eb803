"""How a window is divided into layers, and how unused room flows on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from workers.context.elements import LAYERS, Layer

FLOW: Final[tuple[Layer, ...]] = ("A", "B", "D", "E")
"""The order in which layers are filled; what they leave is the recent text's (C)."""
SUMMARY_SHARE: Final = 2 / 3
"""The part of layer E that is kept for summaries where the past is longer than its recent text."""


@dataclass(frozen=True, slots=True)
class Window:
    """A model's window in tokens, prompt and answer together.

    ``fixed`` is what the prompt takes without any element, by the model's own count; ``per_item`` what its chat
    template puts around each message.
    """

    size: int
    answer: int
    fixed: int = 0
    per_item: int = 0

    @property
    def limit(self) -> int:
        """Tokens that the prompt may have."""
        return self.size - self.answer


def divide(room: int, parts: Mapping[Layer, int]) -> dict[Layer, int]:
    """Return each layer's share of ``room``; what rounding leaves is C's."""
    whole = max(1, sum(parts.values()))
    found: dict[Layer, int] = {layer: room * parts.get(layer, 0) // whole for layer in LAYERS}
    found["C"] += room - sum(found.values())
    return found


def shares(room: int, fixed: int, parts: Mapping[Layer, int]) -> dict[Layer, int]:
    """Return each layer's share of ``room`` of which the prompt's own words, ``fixed``, are paid by layer A.

    Where A does not suffice, all others give in proportion.
    """
    found = divide(room, parts)
    if fixed > found["A"]:
        return divide(max(0, room - fixed), {**parts, "A": 0})
    found["A"] -= fixed
    return found


@dataclass
class Budget:
    """Who has how much room, and who has used how much, in tokens."""

    room: int
    share: dict[Layer, int]
    used: dict[Layer, int] = field(default_factory=lambda: dict.fromkeys(LAYERS, 0))

    @property
    def left(self) -> int:
        """What nobody has used yet."""
        return self.room - sum(self.used.values())

    def take(self, layer: Layer, tokens: int) -> None:
        """Use room of a layer."""
        self.used[layer] += tokens

    def room_of(self, layer: Layer, kept: int = 0) -> int:
        """Return what a layer may still take: of its own share and of what the layers before it leave.

        ``kept`` of layer E is for something else. What a layer uses beyond its share is missing in those after it.
        """
        if layer == "C":
            return max(0, min(self.share["C"] - self.used["C"], self.left))
        flow = sum(self.share[each] - self.used[each] for each in FLOW[: FLOW.index(layer) + 1])
        return max(0, min(flow - (kept if layer == "E" else 0), self.left))


def level_of(sizes: Iterable[int], room: int, least: int = 0) -> int:
    """Return the size to which the larger ones must shrink so that all fit ``room``, as high as possible.

    None shrinks to less than one part in ``least`` of itself (0: to nothing); -1 if they do not fit then.
    """
    known = list(sizes)
    floors = [-(-size // least) if least else 0 for size in known]

    def taken(level: int) -> int:
        return sum(min(size, max(level, floor)) for size, floor in zip(known, floors, strict=True))

    if taken(0) > room:
        return -1
    low, high = 0, max(0, room)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if taken(middle) <= room else (low, middle - 1)
    return low
