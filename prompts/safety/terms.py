"""Lists of terms, prepared for search: the cost grows with the text, not with the lists."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import re2

from prompts.safety.normalise import fold, one_letter, squeezed

_OWN_ALPHABET: Final = re.compile(r"[a-z\u0370-\u03ff\u0400-\u052f\uac00-\ud7a3'*#<> ]+")
"""Scripts that separate words by blanks; their terms are matched as whole words, Korean ones as beginnings."""
_KOREAN: Final = re.compile("[\uac00-\ud7a3]$")
_MIN_HIDDEN: Final = 4
"""Letters of a term that is looked for where words have no ends, or are guessed; Korean ones need two syllables."""
_LEAST_BEGUN: Final = (1, 4)
"""Letters of a word that goes on for one letter in the next: Korean syllables, letters."""
_FIRST_KOREAN: Final = "\uac00"
_MAX_PIECES: Final = 8
_MAX_PIECE: Final = 24
_MIN_GLUED: Final = 8
"""Letters of a phrase that is also looked for as one word."""
_LITERAL: Final = re.compile(r"[^ #<*]+")
"""The words of a phrase that stand in a text as they are."""
_REST: Final = r"[^\W_]*"
"""What ``*`` stands for: the rest of a word."""
_GAP: Final = r"[ \t\-_'/]{1,3}"
"""What may stand between the words of a phrase."""
_MEMORY: Final = 64 << 20
"""Bytes that RE2 may take for one pattern and its automaton; the largest list here needs a small part of it."""


class _Strings:
    """Says whether any of many strings is in a text.

    By RE2: compiling the lists for ``re`` cost every process half a second at its start. A set of one pattern, because
    its answer without places takes a third of the time on short texts.
    """

    def __init__(self, strings: Iterable[str]) -> None:
        pattern = trie(list(strings), {}, shortest=True)
        options = re2.Options()
        options.max_mem = _MEMORY
        self._set: Any = re2.Set.SearchSet(options) if pattern else None
        if pattern:
            self._set.Add(pattern)
            self._set.Compile()

    def within(self, text: str) -> bool:
        return self._set is not None and bool(self._set.Match(text))


class TermList:
    """A list of terms to look for."""

    def __init__(self, terms: Iterable[str]) -> None:
        """``terms`` are words, beginnings of words (``word*``) and phrases of them."""
        own, self._anywhere = _parted(terms)
        self.exact = {term for term in own if " " not in term and not term.endswith("*")}
        self.prefixes = {term[:-1] for term in own if " " not in term and term.endswith("*")}
        glued = {term.replace(" ", "") for term in own}
        self._line = _Strings([*map(_ended, own), *(_ended(term) for term in glued if len(term) >= _MIN_GLUED)])
        self._uncertain = _Strings(one_letter(_ended(term)) for term in own if len(term) >= _MIN_HIDDEN)
        hidden = [term for term in glued if _hidden(term)]
        stems = [term.rstrip("*") for term in hidden]
        self._inside = _Strings(stems)
        self._whole, self._open = frozenset(stems), frozenset(term[:-1] for term in hidden if term[-1] == "*")
        self._beginnings = frozenset(stem[:end] for stem in stems for end in range(1, len(stem)))
        self._backwards = _Strings(_ended(term) for term in own if _hidden(term))
        self._close = _Strings(self._anywhere)
        self._far = _Strings(term for term in self._anywhere if len(term) > 1)

    def among(self, lines: str, close: str = "") -> bool:
        """Return True if one is in the lines of a text, or in the squeezed text."""
        return self._line.within(lines) or self._close.within(close)

    def within(self, spelt: str) -> bool:
        """Return True if one of the longer terms is in words spelled letter by letter, wherever."""
        return self._inside.within(spelt)

    def possible(self, uncertain: str) -> bool:
        """Return True if one is in a line whose ``i`` and ``l`` are the same."""
        return self._uncertain.within(uncertain)

    def joined(self, readings: Iterable[Sequence[str]]) -> bool:
        """Return True if neighbouring words of a reading make one of the terms when joined (``un dress``)."""
        return any(
            first in self._beginnings and self._goes_on(reading, start)
            for reading in readings
            for start, first in enumerate(reading)
        )

    def _goes_on(self, reading: Sequence[str], start: int) -> bool:
        begun, least = reading[start], _LEAST_BEGUN[reading[start] < _FIRST_KOREAN]
        for other in reading[start + 1 : start + _MAX_PIECES]:
            word = begun + other[:_MAX_PIECE]
            end = self._end(word)
            if end and _crosses(end, len(begun), len(word), least=least):
                return True
            if word not in self._beginnings:
                return False
            begun = word
        return False

    def _end(self, word: str) -> int:
        """Return where the longest term ends with which a word begins, 0 if it begins with none."""
        if word in self._whole:
            return len(word)
        return next((end for end in range(len(word), 0, -1) if word[:end] in self._open), 0)

    def backwards(self, line: str, close: str) -> bool:
        """Return True if one is in a line of reversed words, or in a squeezed text that was reversed."""
        return self._backwards.within(line) or self._far.within(close)


class InnocentPhrases:
    """InnocentPhrases to take out of a text before terms are looked for.

    ``#`` stands for a number, ``<thing>`` for one of ``things``, ``*`` for the rest of a word.
    """

    def __init__(self, phrases: Iterable[str], number: str = r"\d+", things: Sequence[str] = ()) -> None:
        own, self._anywhere = _parted(phrases)
        named = trie([fold(thing) for thing in things], {"*": _REST, " ": _GAP}) if things else "(?!)"
        self._phrases = [phrase.replace("<thing>", "<") for phrase in own]
        self._signs = {"*": _REST, "#": f"(?:{number})", "<": f"(?:{named})", " ": _GAP}
        # Most of the pattern is numbers and things, and compiling it takes longer than all else here: that waits for a
        # text with all the words that stand beside one.
        self._beside = {tuple(_LITERAL.findall(phrase)) for phrase in self._phrases if _is_open(phrase)}
        self._closed = self._compiled([phrase for phrase in self._phrases if not _is_open(phrase)])
        self._other = re.compile(trie(self._anywhere, {}, shortest=True) or "(?!)")

    def cut(self, text: str) -> str:
        """Return folded text, or lines, without the phrases."""
        own = self._all if any(all(word in text for word in words) for words in self._beside) else self._closed
        return self._other.sub(".", own.sub(".", text))

    def prepare(self) -> None:
        """Compile everything now. Blocking, for a tenth of a second or two."""
        _ = self._all

    @cached_property
    def _all(self) -> re.Pattern[str]:
        return self._compiled(self._phrases)

    def _compiled(self, phrases: Sequence[str]) -> re.Pattern[str]:
        # Too many numbers and things for RE2's automaton; and it cannot look behind.
        return re.compile(rf"(?<![^\W_])(?:{trie(phrases, self._signs)})(?![^\W_])")


def _is_open(phrase: str) -> bool:
    return "#" in phrase or "<" in phrase


def _crosses(end: int, seam: int, length: int, *, least: int) -> bool:
    """Return True if a term that ends at ``end`` was split: one letter beyond a short word is no sign of that."""
    return end > seam + 1 or (end == seam + 1 and (seam >= least or end == length))


def _ended(term: str) -> str:
    return f" {term[:-1]}" if term.endswith("*") else f" {term} "


def _hidden(term: str) -> bool:
    letters = term.rstrip("*")
    return len(letters) >= (2 if _KOREAN.search(letters) else _MIN_HIDDEN)


def _parted(terms: Iterable[str]) -> tuple[list[str], list[str]]:
    own: list[str] = []
    anywhere: list[str] = []
    for folded in map(fold, terms):
        if _OWN_ALPHABET.fullmatch(folded):
            term = " ".join(folded.replace("'", " ").split())
            own.append(term + "*" if _KOREAN.search(term) else term)
        else:
            anywhere.append(squeezed(folded))
    return own, anywhere


def trie(strings: Sequence[str], signs: Mapping[str, str], *, shortest: bool = False) -> str:
    """Return the pattern of any of ``strings``, common beginnings shared; the longest first unless ``shortest``."""
    tree: dict[str, Any] = {}
    for string in strings:
        node = tree
        for character in string:
            node = node.setdefault(character, {})
        node[""] = {}

    def pattern(node: dict[str, Any]) -> str:
        if shortest and "" in node:
            return ""
        others = [signs.get(c, re.escape(c)) + pattern(after) for c, after in sorted(node.items()) if c]
        if not others:
            return ""
        joined = others[0] if len(others) == 1 and "" not in node else f"(?:{'|'.join(others)})"
        return joined + "?" if "" in node else joined

    return pattern(tree)
