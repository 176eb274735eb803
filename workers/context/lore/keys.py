"""How a key is found in a text: plain words without regard to case, and regular expressions that cannot hang.

Regular expressions run in RE2, whose time grows with the text, no faster. It lacks lookaround and back references;
a pattern that has them is refused by name. How large a compiled pattern and a text may be, and how long all patterns
together may take, is bounded besides: RE2's time also grows with the pattern (docs/contributing.md has the figures).
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import re2
import regex

MAX_PATTERN: Final = 500
"""Characters of a regular expression."""
MAX_PROGRAM: Final = 2_000
"""Instructions of a compiled one."""
MAX_PIECE: Final = 2_000
"""Characters of a text that are searched at once; a longer one is searched in pieces."""
OVERLAP: Final = 200
"""Characters that two pieces share, so that what stands across their border is found."""
_MEMORY: Final = 1 << 18
_SLASHED: Final = re.compile(r"/(.+)/([dgimsuvy]*)", re.DOTALL)
_JS_ESCAPE: Final = re.compile(r"((?<!\\)(?:\\\\)*)\\u(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))")
_DENSE: Final = (
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}"
    r"\p{Script=Myanmar}\p{Script=Khmer}ー々"
)
_SPACED: Final = regex.compile(rf"(?![{_DENSE}])[\p{{L}}\p{{M}}\p{{N}}_]")
"""A character of a word of a script in which words are set apart."""

KeyProblem = Literal["invalid", "too_long", "too_large", "too_many", "slow", "no_time"]
"""Why a regular expression is not searched for."""


def exact(text: str) -> str:
    """Return a text in the form in which keys are compared: one code for what looks the same."""
    return unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())


def folded(text: str) -> str:
    """Return a text in the form in which keys are compared without regard to case."""
    return unicodedata.normalize("NFKC", exact(text).casefold())


class KeyText:
    """A text that is searched for keys."""

    def __init__(self, parts: Sequence[str]) -> None:
        """``parts`` are the messages; a key lies within one of them."""
        self.parts = tuple(part.encode("utf-8", "replace").decode() for part in parts)

    @cached_property
    def exact(self) -> tuple[str, frozenset[str]]:
        """The text as it is, and all triples of its characters."""
        return _with_triples(exact("\n".join(self.parts)))

    @cached_property
    def folded(self) -> tuple[str, frozenset[str]]:
        """The text without case, and all triples of its characters."""
        return _with_triples(folded("\n".join(self.parts)))

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """The parts in pieces for regular expressions."""
        step = MAX_PIECE - OVERLAP
        return tuple(
            part[start : start + MAX_PIECE]
            for part in self.parts
            for start in range(0, max(1, len(part) - OVERLAP), step)
        )


class PlainKey(NamedTuple):
    """A key of plain words."""

    text: str
    sensitive: bool
    whole: bool

    @classmethod
    def of(cls, key: str, *, sensitive: bool, whole: bool) -> "PlainKey":
        """Return the key in the form in which it is compared."""
        return cls(exact(key) if sensitive else folded(key), sensitive, whole)

    def found_in(self, text: KeyText) -> bool:
        """Whether the key stands in a text; with ``whole``, where no letter of a word touches its ends."""
        where, triples = text.exact if self.sensitive else text.folded
        # Most keys are not there: their first three characters say so in a fraction of the time of a search.
        if not self.text or (len(self.text) >= 3 and self.text[:3] not in triples):
            return False
        at = where.find(self.text)
        while at >= 0 and self.whole and not self._alone(where, at):
            at = where.find(self.text, at + 1)
        return at >= 0

    def _alone(self, where: str, at: int) -> bool:
        end = at + len(self.text)
        joined_before = at > 0 and _SPACED.match(self.text) and _SPACED.match(where, at - 1)
        joined_behind = end < len(where) and _SPACED.match(self.text[-1]) and _SPACED.match(where, end)
        return not joined_before and not joined_behind


def is_pattern(key: str) -> bool:
    """Whether a key is written as a regular expression, ``/…/flags``."""
    return len(key) > 2 and key.startswith("/") and _SLASHED.fullmatch(key) is not None


class PatternKey:
    """A regular expression as a key, compiled when it is first searched for."""

    def __init__(self, key: str, *, sensitive: bool) -> None:
        """``sensitive`` counts for a bare pattern; ``/…/flags`` says it itself, as in JavaScript."""
        slashed = _SLASHED.fullmatch(key)
        flags = slashed[2] if slashed else ("" if sensitive else "i")
        source = slashed[1].replace(r"\/", "/") if slashed else key
        source = _JS_ESCAPE.sub(lambda found: f"{found[1]}\\x{{{found[2] or found[3]}}}", source)
        used = "".join(flag for flag in "ims" if flag in flags)
        self.key: Final = key
        self._source: Final = f"(?{used}){source}" if used else source
        self.problem: KeyProblem | None = "too_long" if len(key) > MAX_PATTERN else None
        self._compiled: Any = None

    @property
    def compiled(self) -> bool:
        """Whether it can be searched for."""
        return self._compiled is not None

    def search(self, piece: str) -> bool:
        """Whether the pattern, which is compiled, is found in a piece of text."""
        return self._compiled.search(piece) is not None

    def compile(self) -> bool:
        """Make the pattern ready. Returns False for one that cannot be used: `problem` says why."""
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MEMORY
        try:
            compiled: Any = re2.compile(self._source, options)
        except (re2.error, UnicodeError):
            self.problem = "invalid"
            return False
        if compiled.programsize > MAX_PROGRAM:
            self.problem = "too_large"
            return False
        self._compiled = compiled
        return True


@dataclass
class PatternClock:
    """How long regular expressions may take at one turn: all together, and one of them.

    ``clock`` returns seconds. One that is slow is not searched for again; one that was stopped by the bound on all is
    searched for at the next turn.
    """

    seconds: float
    slow_seconds: float
    clock: Callable[[], float]
    spent: float = 0.0
    stopped: dict[int, KeyProblem] = field(default_factory=dict)
    _used: dict[int, float] = field(default_factory=dict)
    _known: dict[tuple[int, str], bool] = field(default_factory=dict)

    def refused(self, pattern: PatternKey) -> bool:
        """Whether a pattern cannot be used at all, or was never compiled for want of time."""
        if pattern.problem is None and not pattern.compiled and not self._out_of_time(pattern):
            self._timed(pattern, pattern.compile)
        return pattern.problem is not None or not pattern.compiled

    def search(self, pattern: PatternKey, pieces: Iterable[str]) -> bool:
        """Return whether a pattern is found in one of the pieces. What could not be searched for is not found."""
        for piece in pieces:
            known = self._known.get((id(pattern), piece))
            if known is None:
                if self.refused(pattern) or self._out_of_time(pattern):
                    return False
                known = self._timed(pattern, lambda piece=piece: pattern.search(piece))
                self._known[id(pattern), piece] = known
            if known:
                return True
        return False

    def _out_of_time(self, pattern: PatternKey) -> bool:
        if self.spent >= self.seconds:
            self.stopped[id(pattern)] = "no_time"
            return True
        return False

    def _timed(self, pattern: PatternKey, work: Callable[[], bool]) -> bool:
        start = self.clock()
        result = work()
        took = self.clock() - start
        self.spent += took
        self._used[id(pattern)] = self._used.get(id(pattern), 0.0) + took
        if self._used[id(pattern)] > self.slow_seconds and pattern.problem is None:
            pattern.problem = "slow"
        return result


def _with_triples(text: str) -> tuple[str, frozenset[str]]:
    return text, frozenset(text[at : at + 3] for at in range(len(text) - 2))
