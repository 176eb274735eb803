"""Best fit: the whole past in a given room, finest for the newest, coarser the older.

The newest messages or pages are there word by word from a *cut* on, and summaries stand for everything before. The cut
moves in steps, so that from one turn to the next a prompt only grows at its end: it lies on a grid of positions that
depends on the room and the usual size of an item, and on nothing that changes with every turn. Which summaries stand
before it depends on the cut alone.
"""

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Final

from workers.context.counting import TokenCounter
from workers.context.elements import ContentType, HistoryElement, Past
from workers.context.extract import ExtractCache, distil
from workers.context.history import MAX_LEVEL, Scale, Segment, SummaryPlace, SummarySpan, parts, place_at, segments
from workers.context.sentences import trim

SEPARATOR: Final = 4
"""Tokens that stand between an element and the next at most: a bullet, a blank line."""
CHARS_PER_TOKEN: Final = 4
"""Rough: how long a summary is made before it is counted."""
LEAST_TOKENS: Final = 24
"""A summary or a squeezed message with less says nothing."""
NEAR: Final = (64, 32, 16, 8, 4, 2, 1, 0)
"""How many summaries of each level stay as fine as they are before older ones become coarser; the most that fit."""
CHUNKS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""By how many chunks of level 1 the cut moves: few numbers, so that it changes rarely with the usual size."""
MOST_STEP: Final = 0.85
"""Of the recent text, that the cut passes at a time."""
_BLOCK: Final = 16
"""The usual size of an item is taken anew after this many."""


@dataclass(frozen=True, slots=True)
class FittedItem:
    """A message or page that is there: its text, shortened if ``squeezed``, and its tokens with note and frame."""

    item: HistoryElement
    text: str
    tokens: int
    squeezed: bool = False


@dataclass(frozen=True, slots=True)
class Fit:
    """The past as it fits: ``spans`` for what lies before ``cut``, ``items`` from there on.

    ``gaps`` are ranges of positions for which nothing could be said.
    """

    cut: int = 0
    spans: tuple[SummarySpan, ...] = ()
    items: tuple[FittedItem, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()

    @property
    def span_tokens(self) -> int:
        """Tokens of the summaries with what stands between them."""
        return sum(span.tokens + SEPARATOR for span in self.spans)

    @property
    def item_tokens(self) -> int:
        """Tokens of what is there word by word."""
        return sum(each.tokens for each in self.items)


@dataclass(frozen=True, slots=True)
class Fitter:
    """Fits one past. ``per_item`` are tokens that each message costs besides its text."""

    past: Past
    counter: TokenCounter
    cache: ExtractCache
    verbatim: int = 5
    step: float = 0.5
    summary_tokens: int = 160
    per_item: int = 0
    _sizes: dict[int, int] = field(default_factory=dict[int, int])
    _coverages: dict[tuple[int, int], tuple[list[SummaryPlace], int]] = field(
        default_factory=dict[tuple[int, int], tuple[list[SummaryPlace], int]]
    )

    async def count_with(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of ``texts``; those of `sizes` come in the same round trip."""
        items = self.past.items
        counts = await self.counter.count([*texts, *map(_whole, items)])
        for item, tokens in zip(items, counts[len(texts) :], strict=True):
            self._sizes[item.position] = tokens + self.per_item
        return counts[: len(texts)]

    async def sizes(self) -> dict[int, int]:
        """Return the tokens of each message or page that is here, by position."""
        if not self._sizes and self.past.items:
            await self.count_with(())
        return self._sizes

    @property
    def complete(self) -> bool:
        """Whether all texts of the past are here."""
        return len(self.past.items) == self.past.count

    async def newest(self) -> int:
        """Return the tokens of what is always there word by word."""
        return sum(list((await self.sizes()).values())[-self.verbatim :])

    async def fit(self, room: int, summary_room: int) -> Fit:
        """Return the past within ``room`` tokens, of which up to ``summary_room`` are for summaries."""
        sizes = await self.sizes()
        if not sizes:
            return Fit(gaps=((0, self.past.count - 1),) if self.past.count else ())
        if self.complete and sum(sizes.values()) <= room:
            return Fit(0, (), self._items(0))
        summary_room = min(summary_room, room // 2)
        cut = self._cut(room, summary_room)
        least = max(0, self.past.count - self.verbatim)
        if cut > least and sum(size for at, size in sizes.items() if at >= least) <= room - summary_room // 2:
            cut = max(least, self.past.items[0].position)
        items = self._items(cut)
        used = sum(each.tokens for each in items)
        if self.past.count - cut < min(self.verbatim, self.past.count) or used > room:
            items = await self._squeezed(room - min(summary_room, room // 4))
            cut = items[0].item.position if items else self.past.count
            used = sum(each.tokens for each in items)
        # Not for what the items leave: that shrinks with every turn, and the summaries would change with it.
        fits = used + self._spans_tokens(cut, summary_room) <= room
        spans, gaps = await self._spans(cut, summary_room if fits else max(0, min(room - used, summary_room)))
        return Fit(cut, spans, items, gaps)

    def _items(self, cut: int) -> tuple[FittedItem, ...]:
        return tuple(
            FittedItem(item, item.text, self._sizes[item.position]) for item in self.past.items if item.position >= cut
        )

    def _cut(self, room: int, summary_room: int) -> int:
        """Return the first position of the grid from which on everything fits."""
        left, first = room - summary_room, self.past.count
        for item in reversed(self.past.items):
            left -= self._sizes[item.position]
            if left < 0:
                break
            first = item.position
        step = self._step(room - summary_room)
        for segment in segments(self.past.count, self.past.jumps):
            if first < segment.end:
                at = segment.start + math.ceil(max(0, first - segment.start) / step) * step
                before = at - step
                if before >= max(segment.start, self.past.items[0].position) and before < segment.end:
                    # What the summaries before it leave of their room is its own.
                    items = sum(size for position, size in self._sizes.items() if position >= before)
                    if items + self._spans_tokens(before, summary_room) <= room:
                        at = before
                if at < segment.end:
                    return at
        return first

    def _step(self, room: int) -> int:
        """Return by how many items the cut moves: whole chunks, where so many fit, for each has a summary."""
        end = self.past.count // _BLOCK * _BLOCK
        sample = [size for at, size in self._sizes.items() if end - 4 * _BLOCK <= at < end] or list(
            self._sizes.values()
        )
        usual = max(1.0, sum(sample) / len(sample))
        # As many as are always there word by word stay on this side of it; the room is a little more than this.
        most = min(room / usual - self.verbatim + 1.5, MOST_STEP * room / usual)
        steps = [chunks * self.past.scale.chunk for chunks in CHUNKS if chunks * self.past.scale.chunk <= most]
        wanted = room * self.step / usual
        return min(steps, key=lambda step: abs(math.log(step / wanted)), default=max(1, int(min(most, wanted))))

    async def _squeezed(self, room: int) -> tuple[FittedItem, ...]:
        """Return the newest items where not even those fit: each older one gets half of the room that is left."""
        found: list[FittedItem] = []
        for item in reversed(self.past.items[-self.verbatim :]):
            size = self._sizes[item.position]
            share = room if len(found) + 1 == self.verbatim or item.position == 0 else max(room // 2, LEAST_TOKENS)
            if size <= share:
                found.append(FittedItem(item, item.text, size))
                room -= size
                continue
            (note,) = await self.counter.count([item.note])
            allowed = share - note - self.per_item - 2
            if share > room or allowed < LEAST_TOKENS:
                break
            # The newest goes on at its end; of the others the gist is needed.
            text = (
                await distil(item.text, allowed, self.counter, self.past.content)
                if found
                else await trim(item.text, allowed, self.counter, end=True)
            )
            if not text:
                break
            (tokens,) = await self.counter.count([_whole(item, text)])
            if tokens + self.per_item > room:
                break
            found.append(FittedItem(item, text, tokens + self.per_item, squeezed=True))
            room -= tokens + self.per_item
        return tuple(reversed(found))

    async def _spans(self, cut: int, room: int) -> tuple[tuple[SummarySpan, ...], tuple[tuple[int, int], ...]]:
        """Return summaries for all that lies before ``cut``, and the gaps."""
        if not cut:
            return (), ()
        wanted, tokens = self._coverage(cut, room)
        summaries = Summaries(self.past, self.cache, self.summary_tokens * CHARS_PER_TOKEN)
        found = [(place, summaries.of(place)) for place in wanted]
        known = [(place, span) for place, span in found if span is not None]
        counts = await self.counter.count([span.text for _, span in known])
        # While one is counted, the next is made shorter.
        texts = await asyncio.gather(
            *(self._shortened(span.text, count, tokens) for (_, span), count in zip(known, counts, strict=True))
        )
        spans = [
            replace(span, first=place.first, last=place.last, text=text, tokens=count)
            for (place, span), (text, count) in zip(known, texts, strict=True)
            if text and count <= tokens
        ]
        return tuple(spans), tuple(_uncovered(spans, cut))

    async def _shortened(self, text: str, count: int, tokens: int) -> tuple[str, int]:
        """Return a summary of ``count`` tokens within ``tokens``, and the tokens of that; "" if nothing of it fits."""
        if count <= tokens:
            return text, count
        text = await self.cache.distil(text, tokens, self.counter, self.past.content)
        (count,) = await self.counter.count([text])
        return text, count

    def _coverage(self, cut: int, room: int) -> tuple[list[SummaryPlace], int]:
        """Return the places whose summaries stand for what lies before ``cut``, and the tokens each may have.

        How coarse they are is decided for the whole block of level 2 in which the cut lies: older summaries would else
        become coarse and fine again while it moves on.
        """
        if (cut, room) not in self._coverages:
            self._coverages[cut, room] = self._covered(cut, room)
        return self._coverages[cut, room]

    def _covered(self, cut: int, room: int) -> tuple[list[SummaryPlace], int]:
        past, size = self.past, self.summary_tokens + SEPARATOR
        block, chunk = past.scale.size(2), past.scale.chunk
        start, most = (cut - 1) // block * block, room // size

        def fits(near: int) -> bool:
            # So many places of level 1 there are at least.
            if min(near, start // chunk) > most or not _fit_block(start, most, near, past.jumps, past.scale):
                return False
            # Of the block's own cuts this one may be none.
            return not (cut - start) % chunk or _at_most(most, cover(cut, start + block, past.jumps, past.scale, near))

        near = next(filter(fits, NEAR), NEAR[-1])
        found = list(cover(cut, past.count, past.jumps, past.scale, near))
        if len(found) <= most:
            return found, self.summary_tokens
        tokens = max(room // max(1, len(found)) - SEPARATOR, LEAST_TOKENS)
        fitting = room // (tokens + SEPARATOR)
        return (found[-fitting:] if fitting else []), tokens

    def _spans_tokens(self, cut: int, room: int) -> int:
        """Return the tokens that the summaries before a cut take of ``room`` at most."""
        found, tokens = self._coverage(cut, room) if cut else ([], 0)
        return len(found) * (tokens + SEPARATOR)


@lru_cache(maxsize=4096)
def _fit_block(start: int, most: int, near: int, jumps: tuple[int, ...], scale: Scale) -> bool:
    """Return whether the summaries before each cut of the block that begins at ``start`` are ``most`` at most."""
    end = start + scale.size(2)
    return all(
        _at_most(most, cover(at, end, jumps, scale, near)) for at in range(start + scale.chunk, end + 1, scale.chunk)
    )


def _at_most(most: int, places: Iterator[SummaryPlace]) -> bool:
    return sum(1 for _ in islice(places, most + 1)) <= most


class Summaries:
    """The summaries of a past: stored ones, and what is extracted on the way where there is none yet."""

    def __init__(self, past: Past, cache: ExtractCache, chars: int) -> None:
        self._past, self._cache, self._chars = past, cache, chars
        self._stored = {span.place: span for span in past.spans}
        self._texts = {item.position: _whole(item) for item in past.items}

    def of(self, place: SummaryPlace) -> SummarySpan | None:
        """Return the summary of a place; None if nothing is known about it."""
        if (stored := self._stored.get(place)) is not None:
            return stored
        source, content = self._source(place)
        if source is None:
            return None
        text = self._cache.extract(source, self._chars, content)
        name = blake2b(text.encode(), digest_size=6).hexdigest()
        return SummarySpan(*place, text=text, id=f"extract:{place.first}-{place.last}:{name}") if text else None

    def _source(self, place: SummaryPlace) -> tuple[str | None, ContentType]:
        past = self._past
        if place.level > 1:
            found = [self.of(part) for part in parts(place, past.jumps, past.count, past.scale)]
            known = [span.text for span in found if span is not None]
            return ("\n".join(known) if known else None), past.content
        texts = [self._texts.get(position) for position in range(place.first, place.last + 1)]
        if any(text is None for text in texts):
            return None, past.content
        return "\n".join(text for text in texts if text), past.content


def cover(cut: int, count: int, jumps: Sequence[int], scale: Scale, near: int) -> Iterator[SummaryPlace]:
    """Yield places that together stand for everything before ``cut``, oldest first.

    A place of level 2 and more is taken only where at least ``near`` places of the level below lie between its end and
    the cut. What is left of a segment before the cut and fills no place is one of level 0.
    """
    for segment in segments(count, jumps):
        at, end = segment.start, min(segment.end, cut)
        while at < end:
            place = _coarsest(at, cut, segment, scale, near) or SummaryPlace(at, end - 1, 0)
            yield place
            at = place.last + 1


def _coarsest(first: int, cut: int, segment: Segment, scale: Scale, near: int) -> SummaryPlace | None:
    # From the finest up: a coarser one ends later, and has more before the cut, than one that is too near already.
    found: SummaryPlace | None = None
    size, below = scale.chunk, 0
    for level in range(1, MAX_LEVEL + 1):
        if (first - segment.start) % size or first + below >= cut - near * below:
            break
        place = place_at(first, level, segment, scale)
        if place is not None and place.last < cut - near * below:
            found = place
        size, below = size * scale.fanout, size
    return found


def _whole(item: HistoryElement, text: str | None = None) -> str:
    text = item.text if text is None else text
    return f"{text}\n{item.note}" if item.note else text


def _uncovered(spans: Sequence[SummarySpan], cut: int) -> Iterator[tuple[int, int]]:
    at = 0
    for span in spans:
        if span.first > at:
            yield at, span.first - 1
        at = span.last + 1
    if at < cut:
        yield at, cut - 1
