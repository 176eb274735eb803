"""Whether one entry is called up: its fields and decorators against the texts that are searched."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple

from workers.context.lore.decorators import Decorators, read_decorators
from workers.context.lore.entries import Lorebook, LoreEntry
from workers.context.lore.keys import KeyText, PatternClock, PatternKey, PlainKey, is_pattern

LoreReason = Literal["activate", "kept", "constant", "key"]
"""Why an entry is told: a decorator, it was told before and stays, it always is, or a key was found."""
_UNSEEN: Final = re.compile(r"\{\{\s*(?://|comment\s*:)[^{}]*\}\}", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"\{\{\s*hidden_key\s*:([^{}]*)\}\}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LoreScene:
    """What entries are matched against.

    ``messages``: the newest messages, or pages of a story, newest last. ``count``: how many there are in all (None: as
    many as given); ``replies``: how many of them are the character's; ``greeting``: which one the chat began with, 0 is
    the first; ``told_before``: the ids of entries that were called up before. What depends on a None is ignored.
    """

    messages: Sequence[str]
    count: int | None = None
    replies: int | None = None
    greeting: int | None = None
    told_before: frozenset[str] | None = None


class Hit(NamedTuple):
    """Why an entry is told, and by which of its keys."""

    reason: LoreReason
    key: str = ""


def text_told(content: str) -> str:
    """Return what is told of an entry's content: without decorators and what is not for the model."""
    return _seen(read_decorators(content)[1])


def _seen(content: str) -> str:
    return _HIDDEN.sub("", _UNSEEN.sub("", content)).strip()


class LoreRule:
    """One entry, read once."""

    def __init__(self, book: Lorebook, entry: LoreEntry, place: tuple[float, int, int]) -> None:
        """``place``: by which entries are put in order."""
        self.book: Final = book
        self.place: Final = place
        self.entry: Final = entry
        self.decorators: Decorators
        self.decorators, content = read_decorators(entry.content)
        self.text: Final = _seen(content)
        """What is told: the content without decorators and what is not for the model."""
        self.recursed: Final = _HIDDEN.sub(r"\1", _UNSEEN.sub("", content))
        """What may call up other entries."""

    @cached_property
    def keys(self) -> tuple[PlainKey | PatternKey, ...]:
        """The keys that call it up; for regular expressions also those of ``@@additional_keys``."""
        more = self.decorators.additional_keys if self.entry.use_regex else ()
        return self._keys((*self.entry.keys, *(key for group in more for key in group)))

    @cached_property
    def secondary(self) -> tuple[PlainKey | PatternKey, ...]:
        """The secondary keys, if they count."""
        return self._keys(self.entry.secondary_keys) if self.entry.selective and not self.entry.use_regex else ()

    @cached_property
    def additional(self) -> tuple[tuple[PlainKey | PatternKey, ...], ...]:
        """Groups of keys of which each must have one found, besides `keys`."""
        return () if self.entry.use_regex else tuple(self._keys(group) for group in self.decorators.additional_keys)

    @cached_property
    def excluded(self) -> tuple[PlainKey | PatternKey, ...]:
        """Keys of which none may be found."""
        return () if self.entry.use_regex else self._keys(self.decorators.exclude_keys)

    def patterns(self) -> Iterable[PatternKey]:
        """Yield all regular expressions of the entry."""
        for group in (self.keys, self.secondary, *self.additional, self.excluded):
            yield from (key for key in group if isinstance(key, PatternKey))

    @property
    def possible(self) -> bool:
        """Whether it can be told at all."""
        decorators = self.decorators
        return self.entry.enabled and bool(self.text) and (decorators.activate or not decorators.dont_activate)

    @property
    def recursive(self) -> bool:
        """Whether other entries' contents may call it up."""
        return self.book.recursive and self.entry.recursable

    @property
    def lasting(self) -> bool:
        """Whether what needs no key is told at every turn."""
        return self.decorators.activate_only_every is None

    def scan_depth(self, default: int) -> int:
        """Return how many of the newest messages are searched."""
        for depth in (self.decorators.scan_depth, self.entry.scan_depth, self.book.scan_depth):
            if depth is not None:
                return depth
        return default

    def depth(self, count: int) -> int | None:
        """Return before how many of ``count`` messages it is told; None: with the persona."""
        decorators = self.decorators
        if decorators.position is not None:
            return None
        if decorators.depth is not None:
            return min(decorators.depth, count)
        if decorators.reverse_depth is not None:
            return max(0, count - decorators.reverse_depth)
        return None if self.entry.depth is None else min(self.entry.depth, count)

    def hit(self, scene: LoreScene, texts: Sequence[KeyText], clock: PatternClock) -> Hit | None:
        """Return why the entry is told, None if it is not. Asked of what is `possible`."""
        decorators = self.decorators
        if decorators.activate:
            return Hit("activate")
        before = scene.told_before
        if before is not None and self.entry.id in before:
            if decorators.dont_activate_after_match:
                return None
            if decorators.keep_activate_after_match:
                return Hit("kept")
        if not self._timely(scene):
            return None
        always = self.entry.constant and not self.entry.use_regex
        found = Hit("constant") if always else self._called(texts, clock)
        if found is None or self._any(self.excluded, texts, clock):
            return None
        return found if all(self._any(group, texts, clock) for group in self.additional) else None

    def _timely(self, scene: LoreScene) -> bool:
        decorators = self.decorators
        if decorators.is_greeting is not None and scene.greeting not in {None, decorators.is_greeting}:
            return False
        if scene.replies is None:
            return True
        if scene.replies < (decorators.activate_only_after or 0):
            return False
        return scene.replies % (decorators.activate_only_every or 1) == 0

    def _called(self, texts: Sequence[KeyText], clock: PatternClock) -> Hit | None:
        if self.entry.use_regex and any(isinstance(key, PatternKey) and clock.refused(key) for key in self.keys):
            return None  # the standard: with one that is invalid the whole entry is no match
        for key in self.keys:
            if _found(key, texts, clock):
                return Hit("key", _written(key)) if self._seconded(texts, clock) else None
        return None

    def _seconded(self, texts: Sequence[KeyText], clock: PatternClock) -> bool:
        if not self.secondary:
            return True
        found = (_found(key, texts, clock) for key in self.secondary)
        match self.entry.secondary_logic:
            case "any":
                return any(found)
            case "all":
                return all(found)
            case "not_any":
                return not any(found)
            case "not_all":
                return not all(found)

    @staticmethod
    def _any(keys: Iterable[PlainKey | PatternKey], texts: Sequence[KeyText], clock: PatternClock) -> bool:
        return any(_found(key, texts, clock) for key in keys)

    def _keys(self, keys: Iterable[str]) -> tuple[PlainKey | PatternKey, ...]:
        entry = self.entry
        sensitive = entry.case_sensitive is True
        return tuple(
            PatternKey(key, sensitive=sensitive)
            if entry.use_regex or is_pattern(key)
            else PlainKey.of(key, sensitive=sensitive, whole=entry.whole_words)
            for key in keys
        )


def _found(key: PlainKey | PatternKey, texts: Sequence[KeyText], clock: PatternClock) -> bool:
    if isinstance(key, PlainKey):
        return any(key.found_in(text) for text in texts)
    return clock.search(key, (piece for text in texts for piece in text.pieces))


def _written(key: PlainKey | PatternKey) -> str:
    return key.key if isinstance(key, PatternKey) else key.text
