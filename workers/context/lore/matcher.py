"""Which entries of lorebooks are told: those that are called up, the most important as far as the budget goes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from workers.context.counting import MAX_BYTES_PER_TOKEN, TokenCounter
from workers.context.elements import LoreElement
from workers.context.lore.entries import MAX_DEPTH, Lorebook
from workers.context.lore.keys import KeyProblem, KeyText, PatternClock
from workers.context.lore.rules import Hit, LoreReason, LoreRule, LoreScene

_COUNTED_AT_ONCE: Final = 64
_BESIDE: Final = 100_000
"""Apart from the orders of a persona's card, on either side."""


@dataclass(frozen=True, slots=True)
class LoreLimits:
    """What matching may cost, and what books leave open.

    ``tokens`` is the room of all books together. ``scan_depth`` counts messages. Of the searched messages the newest
    ``characters`` are read; the contents that call up others have as many, in at most ``rounds``. ``entries`` and
    ``patterns`` are how many are looked at, the books' first ones. Seconds are of computing.
    """

    tokens: int
    scan_depth: int = 2
    characters: int = 64_000
    rounds: int = 8
    entries: int = 20_000
    patterns: int = 500
    pattern_seconds: float = 0.2
    slow_seconds: float = 0.05
    counted: int = 1_024
    clock: Callable[[], float] = time.thread_time


@dataclass(frozen=True, slots=True)
class LoreMatch:
    """An entry that was called up. ``round`` 0: by the messages; else by the contents of the round before."""

    book: str
    entry: str
    reason: LoreReason
    key: str = ""
    round: int = 0


@dataclass(frozen=True, slots=True)
class PatternFault:
    """A regular expression that was not, or not to its end, searched for."""

    book: str
    entry: str
    key: str
    problem: KeyProblem


@dataclass(frozen=True, slots=True)
class LoreFound:
    """What a scene calls up: elements in the order in which they are told, why each, what had no room, and faults.

    ``called`` are the ids of all that was called up: what ``LoreScene.told_before`` wants at later turns.
    """

    elements: tuple[LoreElement, ...] = ()
    matches: tuple[LoreMatch, ...] = ()
    no_room: tuple[LoreMatch, ...] = ()
    faults: tuple[PatternFault, ...] = ()
    tokens: int = 0
    called: frozenset[str] = frozenset()


class LoreMatcher:
    """Matches books, the first before the others. Made once for books that stay as they are; one scene at a time."""

    def __init__(self, books: Sequence[Lorebook], limits: LoreLimits) -> None:
        self._limits = limits
        seen: set[str] = set()
        rules: list[LoreRule] = []
        for number, book in enumerate(books):
            for at, entry in enumerate(book.entries):
                if entry.id in seen:
                    raise ValueError("two entries of the lorebooks have one id")
                seen.add(entry.id)
                if entry.enabled and len(rules) < limits.entries:
                    rules.append(LoreRule(book, entry, (entry.insertion_order, number, at)))
        self._rules = sorted((rule for rule in rules if rule.possible), key=lambda rule: rule.place)
        patterns = [pattern for rule in self._rules for pattern in rule.patterns()]
        for pattern in patterns[limits.patterns :]:
            pattern.problem = "too_many"

    @property
    def recorded(self) -> frozenset[str]:
        """The ids of entries that ask whether they were called up before: those of ``LoreFound.called`` to be kept."""
        return frozenset(
            rule.entry.id
            for rule in self._rules
            if rule.decorators.keep_activate_after_match or rule.decorators.dont_activate_after_match
        )

    async def match(self, scene: LoreScene, counter: TokenCounter) -> LoreFound:
        """Return what a scene calls up, never above the budgets. The search runs in a thread."""
        clock = PatternClock(self._limits.pattern_seconds, self._limits.slow_seconds, self._limits.clock)
        called = await asyncio.to_thread(self._search, scene, clock)
        called_ids = frozenset(each.rule.entry.id for each in called)
        called = _once(called)
        kept, tokens = await self._keep(called, counter)
        count = len(scene.messages) if scene.count is None else scene.count
        told = [each for each in called if each.rule.entry.id in kept]
        return LoreFound(
            elements=tuple(_element(each, at, count) for at, each in enumerate(told)),
            matches=tuple(each.record() for each in told),
            no_room=tuple(each.record() for each in called if each.rule.entry.id not in kept),
            faults=tuple(
                PatternFault(rule.book.id, rule.entry.id, pattern.key, problem)
                for rule in self._rules
                for pattern in rule.patterns()
                if (problem := pattern.problem or clock.stopped.get(id(pattern))) is not None
            ),
            tokens=tokens,
            called=called_ids,
        )

    def _search(self, scene: LoreScene, clock: PatternClock) -> list["_Called"]:
        """Return what is called up in the order of insertion. Each round sees what the rounds before it called up."""
        texts = [KeyText((message,)) for message in _newest(scene.messages, MAX_DEPTH, self._limits.characters)]
        contents: list[KeyText] = []
        called: list[_Called] = []
        waiting, left = self._rules, self._limits.characters
        for number in range(self._limits.rounds + 1):
            missed: list[LoreRule] = []
            found: list[_Called] = []
            for rule in waiting:
                seen = texts[max(0, len(texts) - rule.scan_depth(self._limits.scan_depth)) :]
                hit = rule.hit(scene, seen + contents if rule.recursive else seen, clock)
                if hit is None:
                    missed.append(rule)
                else:
                    found.append(_Called(rule, hit, number))
            called += found
            new = [each.rule.recursed for each in found if each.rule.entry.recurses]
            waiting = [rule for rule in missed if rule.recursive]
            parts = _newest(new[::-1], len(new), left)[::-1]
            left -= sum(map(len, parts))
            if not parts or not waiting:
                break
            contents.append(KeyText(parts))
        return sorted(called, key=lambda each: each.rule.place)

    async def _keep(self, called: list["_Called"], counter: TokenCounter) -> tuple[set[str], int]:
        """Return the ids of what is told, and its tokens. The most important first; what does not fit is skipped."""
        limits = self._limits
        ranked = sorted(called, key=lambda each: each.importance)[: limits.counted]
        left = limits.tokens
        of_book: dict[str, int] = {}
        kept: set[str] = set()
        for start in range(0, len(ranked), _COUNTED_AT_ONCE):
            if left <= 0:
                break
            # What cannot fit by its length alone need not be counted.
            some = [
                each
                for each in ranked[start : start + _COUNTED_AT_ONCE]
                if len(each.rule.text.encode("utf-8", "replace")) <= left * MAX_BYTES_PER_TOKEN
            ]
            sizes = await counter.count([each.rule.text for each in some])
            for each, size in zip(some, sizes, strict=True):
                book = each.rule.book
                room = left if book.token_budget is None else min(left, of_book.get(book.id, book.token_budget))
                if size > room:
                    continue
                kept.add(each.rule.entry.id)
                left -= size
                if book.token_budget is not None:
                    of_book[book.id] = of_book.get(book.id, book.token_budget) - size
        return kept, limits.tokens - left


@dataclass(frozen=True, slots=True)
class _Called:
    """An entry that was called up, why, and in which round."""

    rule: LoreRule
    hit: Hit
    round: int

    @property
    def importance(self) -> tuple[bool, float, float, int, int]:
        """The most important is the smallest: priority, then the order of insertion, from its end."""
        order, book, at = self.rule.place
        return self.rule.decorators.ignore_on_max_context, -(self.rule.entry.priority or 0), -order, book, at

    def record(self) -> LoreMatch:
        """Return what is reported of it."""
        return LoreMatch(self.rule.book.id, self.rule.entry.id, self.hit.reason, self.hit.key, self.round)


def _once(called: Sequence[_Called]) -> list[_Called]:
    """Leave out entries whose text another one has, too: the first is told."""
    found: dict[str, _Called] = {}
    for each in called:
        found.setdefault(each.rule.text, each)
    return list(found.values())


def _newest(messages: Sequence[str], depth: int, characters: int) -> list[str]:
    """Return the newest messages, at most ``depth``, as far as ``characters`` go; of the oldest of them its end."""
    found: list[str] = []
    for message in reversed(messages[max(0, len(messages) - depth) :]):
        if characters <= 0:
            break
        found.append(message[-characters:])
        characters -= len(message)
    return found[::-1]


def _element(called: _Called, at: int, count: int) -> LoreElement:
    """Return an entry as it is told. What is not told at every turn stands behind the history."""
    rule = called.rule
    depth = rule.depth(count)
    before = (rule.decorators.position or rule.entry.position) == "before_char"
    steady = called.hit.reason != "key" and rule.lasting
    return LoreElement(
        id=f"lore:{rule.entry.id}",
        text=rule.text,
        priority="low" if rule.decorators.ignore_on_max_context else "medium",
        order=(-_BESIDE if before else _BESIDE) + at,
        volatile=not steady or depth is not None,
        label=rule.entry.name,
        depth=depth,
    )
