"""Small lorebooks, and what they say of a scene."""

from collections.abc import Callable, Sequence
from typing import Any

from workers.context.counting import BytesBound, TokenCounter
from workers.context.lore.entries import Lorebook, LoreEntry
from workers.context.lore.matcher import LoreFound, LoreLimits, LoreMatcher
from workers.context.lore.rules import LoreScene


def standing_still() -> float:
    """A clock by which nothing takes time."""
    return 0.0


def ticking(step: float) -> Callable[[], float]:
    """A clock by which everything takes ``step`` seconds."""
    now = 0.0

    def read() -> float:
        nonlocal now
        now += step
        return now

    return read


def entry(name: str = "1", content: str = "Lore.", **fields: Any) -> LoreEntry:
    """An entry with this id."""
    return LoreEntry(id=name, content=content, **fields)


def book(*entries: LoreEntry, **fields: Any) -> Lorebook:
    return Lorebook(id=fields.pop("id", "b"), entries=entries, **fields)


async def find(
    books: Lorebook | Sequence[Lorebook],
    *messages: str,
    counter: TokenCounter | None = None,
    limits: dict[str, Any] | None = None,
    **scene: Any,
) -> LoreFound:
    """What books say of a scene, without a bound on time unless the limits set a clock."""
    all_of_them = [books] if isinstance(books, Lorebook) else list(books)
    given: dict[str, Any] = {"tokens": 10_000, "clock": standing_still, **(limits or {})}
    bounds = LoreLimits(**given)
    return await LoreMatcher(all_of_them, bounds).match(LoreScene(messages, **scene), counter or BytesBound(4))


async def told(books: Lorebook | LoreEntry, *messages: str, **more: Any) -> list[str]:
    """The ids of the entries that are told, in their order."""
    found = await find(book(books) if isinstance(books, LoreEntry) else books, *messages, **more)
    return [each.entry for each in found.matches]
