"""The lorebooks that prompts are told of: read from the database once, and matched against what was said last."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from db import lorebooks
from db.errors import describe
from db.lorebooks import KeptEntry
from workers.context.counting import TokenCounter
from workers.context.lore.entries import Lorebook, LoreEntry
from workers.context.lore.matcher import LoreFound, LoreLimits, LoreMatcher
from workers.context.lore.rules import LoreScene

SHELVED: Final = 16
"""Sets of books that a process keeps ready, those used last."""
SHELVED_CHARACTERS: Final = 50_000_000
"""Characters of their contents and keys, with some for each entry; one set is kept in any case."""
_PER_ENTRY: Final = 1_000
_log = logging.getLogger(__name__)


class LoreShelf:
    """The matchers of a process. Books stay as they were added, so that what was read once holds."""

    def __init__(self, characters: int = SHELVED_CHARACTERS) -> None:
        """Empty; it keeps books of so many ``characters``."""
        self._characters = characters
        self._matchers: OrderedDict[tuple[int, ...], tuple[LoreMatcher, asyncio.Lock]] = OrderedDict()
        self._sizes: dict[tuple[int, ...], int] = {}

    def __len__(self) -> int:
        """Return how many sets of books are kept."""
        return len(self._matchers)

    async def match(
        self, books: Sequence[int], scene: LoreScene, counter: TokenCounter, tokens: int
    ) -> tuple[LoreFound, list[int]]:
        """Return what a scene calls up of books, by their ids, within ``tokens``; and what of it is to be recorded."""
        key = (tokens, *books)
        known = self._matchers.get(key)
        if known is None:
            read = await _read(books)
            known = LoreMatcher(read, LoreLimits(tokens)), asyncio.Lock()
            self._matchers[key] = known
            self._sizes[key] = sum(map(_size, read))
            self._make_room()
        self._matchers.move_to_end(key)
        matcher, lock = known
        async with lock:  # what it knows of slow patterns is not for two threads
            found = await matcher.match(scene, counter)
        return found, sorted(int(entry) for entry in found.called & matcher.recorded)

    def _make_room(self) -> None:
        while len(self) > SHELVED or (len(self) > 1 and sum(self._sizes.values()) > self._characters):
            gone, _ = self._matchers.popitem(last=False)
            del self._sizes[gone]


def _size(book: Lorebook) -> int:
    """Return about how much a book takes, in characters."""
    return sum(_PER_ENTRY + len(e.content) + sum(map(len, (*e.keys, *e.secondary_keys))) for e in book.entries)


async def _read(books: Sequence[int]) -> list[Lorebook]:
    by_book: dict[int, list[LoreEntry]] = {}
    for entry in await lorebooks.entries(books):
        try:
            by_book.setdefault(entry.book_id, []).append(_entry(entry))
        except ValidationError as e:
            _log.warning("entry %d of a lorebook cannot be used: %s", entry.id, describe(e))
    return [
        Lorebook(
            id=str(book.id),
            scan_depth=book.scan_depth,
            token_budget=book.token_budget,
            recursive=book.recursive,
            entries=tuple(by_book.get(book.id, ())),
        )
        for book in await lorebooks.settings(books)
    ]


def _entry(entry: KeptEntry) -> LoreEntry:
    return LoreEntry.model_validate(
        {
            **entry.rules,
            "id": str(entry.id),
            "name": entry.name,
            "content": entry.content,
            "keys": entry.keys,
            "secondary_keys": entry.secondary_keys,
        }
    )
