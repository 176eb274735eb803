"""How the past is cut into spans: a grid of positions on which summaries hang, level upon level.

Positions count messages of a chat, or pages of the way to a page, from 0. A summary of level 1 stands for `Scale.chunk`
of them, one of level 2 for `Scale.fanout` summaries of level 1, and so on. The grid starts anew at every time jump, so
no summary crosses one. Since the grid depends on positions alone, whoever writes summaries in the background and
whoever reads them agree without a word, and branches of a story share the summaries of what they have in common.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_LEVEL: Final = 8


@dataclass(frozen=True, slots=True)
class Scale:
    """How many items a summary of level 1 stands for, and how many summaries one of the next level."""

    chunk: int
    fanout: int = 4

    def size(self, level: int) -> int:
        """Return how many items a whole summary of a level stands for."""
        return self.chunk * self.fanout ** (level - 1)


PAGES: Final = Scale(chunk=4)
MESSAGES: Final = Scale(chunk=8)


class SummaryPlace(NamedTuple):
    """A place on the grid: the items from ``first`` to ``last``, both included, at a level."""

    first: int
    last: int
    level: int


@dataclass(frozen=True, slots=True)
class SummarySpan:
    """A summary of the items from ``first`` to ``last``, both included.

    ``id`` is its source (``summary:7``); one that was made on the way has an id of its content. ``tokens`` is 0 if it
    was not counted.
    """

    first: int
    last: int
    level: int
    text: str
    tokens: int = 0
    id: str = ""

    @property
    def place(self) -> SummaryPlace:
        """Where it hangs."""
        return SummaryPlace(self.first, self.last, self.level)


class Segment(NamedTuple):
    """What lies between two time jumps: positions from ``start`` up to, without, ``end``; ``closed`` by a jump."""

    start: int
    end: int
    closed: bool


def segments(count: int, jumps: Iterable[int]) -> list[Segment]:
    """Cut ``count`` items at the positions before which a time jump lies."""
    starts = [0, *sorted({jump for jump in jumps if 0 < jump < count})]
    ends = [*starts[1:], count]
    return [Segment(s, e, e < count) for s, e in zip(starts, ends, strict=True) if e > s]


def places(count: int, jumps: Sequence[int], scale: Scale) -> Iterator[SummaryPlace]:
    """Yield every place where a summary of ``count`` items can hang, lower levels first.

    Only complete ones: the last of a segment may be shorter if a time jump has closed it. A summary of level 2 and more
    stands for at least two of the level below.
    """
    found = segments(count, jumps)
    for level in range(1, MAX_LEVEL + 1):
        size = scale.size(level)
        any_at_level = False
        for segment in found:
            for first in range(segment.start, segment.end, size):
                if (place := place_at(first, level, segment, scale)) is not None:
                    any_at_level = True
                    yield place
        if not any_at_level:
            return


def place_at(first: int, level: int, segment: Segment, scale: Scale) -> SummaryPlace | None:
    """Return the place of a level that begins at ``first``; None if the grid has none there yet."""
    size = scale.size(level)
    if (first - segment.start) % size:
        return None
    end = min(first + size, segment.end)
    whole = end - first == size
    if not whole and not segment.closed:
        return None
    if level > 1 and end - first <= scale.size(level - 1):
        return None
    return SummaryPlace(first, end - 1, level)


def missing(count: int, jumps: Sequence[int], scale: Scale, have: Iterable[SummaryPlace]) -> list[SummaryPlace]:
    """Return the places that have no summary yet, in the order in which they can be written."""
    known = set(have)
    return [place for place in places(count, jumps, scale) if place not in known]


def parts(place: SummaryPlace, jumps: Sequence[int], count: int, scale: Scale) -> list[SummaryPlace]:
    """Return the places of the level below that a place stands for; none for level 1, which stands for items."""
    if place.level == 1:
        return []
    (segment,) = (s for s in segments(count, jumps) if s.start <= place.first < s.end)
    found: list[SummaryPlace] = []
    at = place.first
    while at <= place.last:
        # The last group of a closed segment may have no summary of the level just below.
        level = next(n for n in range(place.level - 1, 0, -1) if place_at(at, n, segment, scale) is not None)
        part = place_at(at, level, segment, scale)
        assert part is not None
        found.append(part)
        at = part.last + 1
    return found
