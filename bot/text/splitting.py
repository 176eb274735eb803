"""Long text in parts that fit a platform's messages.

A part ends at the last paragraph break that fits, else at a line, a sentence, a word; only a word that is itself too
long is cut, and never inside a code point or a grapheme cluster (an emoji with its modifiers, a letter with its
accents) unless that alone is too long. White space at a cut belongs to neither part.
"""

import re
from collections.abc import Callable
from typing import Final

import regex

# Each kind of cut, with the minimum share of the room that a part must fill to end there.
_CUTS: Final = (
    (re.compile(r"\n[ \t]*\n"), 0.4),
    (re.compile(r"\n"), 0.4),
    (re.compile(r"(?<=[.!?…])[\"'”’»)\]*_]*(?=\s)|(?<=[。！？])[”」』）]*"), 0.25),
    (re.compile(r"(?=\s)"), 0.0),
)
_CLUSTER: Final = regex.compile(r"\X")
"""A grapheme cluster of Unicode annex 29."""


def utf16_length(text: str) -> int:
    """Return the length of ``text`` in UTF-16 code units, Telegram's measure."""
    return len(text) + sum(1 for char in text if char > "\uffff")


def split(text: str, limit: int, *, length: Callable[[str], int] = len) -> list[str]:
    """Return the parts of ``text``, each of at most ``limit`` by ``length``; text that fits comes back unchanged.

    ``length`` must not shrink when text is added (``len``, `utf16_length`, the length of escaped text). Blank text
    has no parts. Raises `ValueError` if a single code point exceeds the limit.
    """
    return [text[start:end] for start, end in slices(text, limit, length=length)]


def shortened(text: str, limit: int) -> str:
    """Return ``text``, or its beginning of at most ``limit`` code points with a "…", cut between grapheme clusters."""
    if len(text) <= limit:
        return text
    room = limit - 1
    return text[: _last_boundary(text, 0, room) or room].rstrip() + "…"


def slices(text: str, limit: int, *, length: Callable[[str], int] = len) -> list[tuple[int, int]]:
    """Return where the parts of `split` begin and end in ``text``, in code points."""
    if not text.strip():
        return []
    found: list[tuple[int, int]] = []
    start = 0
    while True:
        room = _room(text, start, limit, length)
        if room == len(text):
            return [*found, (start, room)]
        end = _cut(text, start, room)
        kept = start + len(text[start:end].rstrip())
        if kept > start:
            found.append((start, kept))
        start = end + len(text[end:]) - len(text[end:].lstrip())
        if start == len(text):
            return found


def _room(text: str, start: int, limit: int, length: Callable[[str], int]) -> int:
    """Return the greatest end such that ``text[start:end]`` fits."""
    # No code point is shorter than one unit, so that no more than `limit` of them can fit.
    low, high = start, min(len(text), start + limit)
    while low < high:
        middle = (low + high + 1) // 2
        if length(text[start:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    if low == start:
        raise ValueError(f"a single character is longer than {limit}")
    return low


def _cut(text: str, start: int, room: int) -> int:
    """Return where to end the part that starts at ``start`` and may reach to ``room``."""
    # Look at one more character, for a cut exactly at the end of the room.
    window = text[start : room + 1]
    for pattern, share in _CUTS:
        minimum = share * (room - start)
        ends = [at for m in pattern.finditer(window) if max(minimum, 0) < (at := _end(m)) <= room - start]
        if ends and window[: ends[-1]].strip():
            return start + ends[-1]
    return _last_boundary(text, start, room) or room


def _last_boundary(text: str, start: int, room: int) -> int | None:
    """Return the end of the last grapheme cluster within ``room``, None if the first is longer."""
    found: int | None = None
    for cluster in _CLUSTER.finditer(text, start):
        if cluster.end() > room:
            break
        found = cluster.end()
    return found


def _end(match: re.Match[str]) -> int:
    # A line ends before its line break, a sentence after its closing quotation marks.
    return match.start() if match.group().startswith("\n") else match.end()
