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
_log = logging.getLogger(__name__)


class LoreShelf:
    """The matchers of a process. Books stay as they were added, so that what was read once holds."""

    def __init__(self) -> None:
        """Empty."""
        self._matchers: OrderedDict[tuple[int, ...], tuple[LoreMatcher, asyncio.Lock]] = OrderedDict()

    async def match(
        self, books: Sequence[int], scene: LoreScene, counter: TokenCounter, tokens: int
    ) -> tuple[LoreFound, list[int]]:
        """Return what a scene calls up of books, by their ids, within ``tokens``; and what of it is to be recorded."""
        key = (tokens, *books)
        known = self._matchers.get(key)
        if known is None:
            known = LoreMatcher(await _read(books), LoreLimits(tokens)), asyncio.Lock()
            self._matchers[key] = known
            while len(self._matchers) > SHELVED:
                self._matchers.popitem(last=False)
        self._matchers.move_to_end(key)
        matcher, lock = known
        async with lock:  # what it knows of slow patterns is not for two threads
            found = await matcher.match(scene, counter)
        return found, sorted(int(entry) for entry in found.called & matcher.recorded)


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
