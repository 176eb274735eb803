"""The light markup of neutral text: ``*italic*``, ``_italic_`` and ``**bold**``, as spans.

Nothing else is markup and there is no escape character: a mark without its partner is a literal character. Marks
adjoin the text they enclose (``2 * 3 * 4`` has none), ``_`` and ``*`` do not count inside a word or number
(``snake_case_name``, ``2*3*4``), and emphasis ends with its paragraph.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

_MARKS: Final = re.compile(r"\*+|_+|\n[ \t]*\n")
_LONGEST: Final = {"*": 3, "_": 1}


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style. ``code`` is a block of its own in a monospaced font; `parse` never returns one."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False


@dataclass(slots=True)
class _Mark:
    """An opening mark that waits for its partner: ``size`` characters of ``char`` at ``at``."""

    char: str
    size: int
    at: int


def parse(text: str) -> list[Span]:
    """Return the spans of ``text``; adjacent spans differ in style, and none is empty."""
    waiting: list[_Mark] = []
    pairs: list[tuple[int, int, int]] = []
    for found in _MARKS.finditer(text):
        marks, at = found.group(), found.start()
        char, size = marks[0], len(marks)
        if char == "\n":
            waiting.clear()
            continue
        if size > _LONGEST[char]:
            continue
        before, after = text[at - 1 : at], text[found.end() : found.end() + 1]
        if _closes(before, after):
            while size and (partner := _partner(waiting, char, size)) is not None:
                mark = waiting[partner]
                del waiting[partner:]
                pairs.append((mark.at, at, mark.size))
                at, size = at + mark.size, size - mark.size
        if size and _opens(before, after):
            # Of three stars the outer two are the bold ones.
            sizes = [2, 1] if size == 3 else [size]
            for one in sizes:
                waiting.append(_Mark(char, one, at))
                at += one
    return _spans(text, pairs)


def plain(spans: Sequence[Span]) -> str:
    """Return the text of ``spans`` without any style."""
    return "".join(span.text for span in spans)


def pick(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """Return the spans of ``plain(spans)[start:end]``, offsets in code points."""
    picked: list[Span] = []
    at = 0
    for span in spans:
        text = span.text[max(0, start - at) : max(0, end - at)]
        if text:
            picked.append(replace(span, text=text))
        at += len(span.text)
    return picked


def _opens(before: str, after: str) -> bool:
    return bool(after) and not after.isspace() and not _in_word(before)


def _closes(before: str, after: str) -> bool:
    return bool(before) and not before.isspace() and not _in_word(after)


def _in_word(char: str) -> bool:
    # In scripts without spaces between words, emphasis occurs inside a run of letters.
    return char.isascii() and char.isalnum()


def _partner(waiting: list[_Mark], char: str, size: int) -> int | None:
    for index in range(len(waiting) - 1, -1, -1):
        if waiting[index].char == char and waiting[index].size <= size:
            return index
    return None


def _spans(text: str, pairs: list[tuple[int, int, int]]) -> list[Span]:
    """Cut ``text`` at the pairs of marks ``(opening, closing, size)``, leaving out the marks themselves."""
    marks: list[tuple[int, int, int]] = []
    for opening, closing, size in pairs:
        marks += [(opening, size, 1), (closing, size, -1)]
    spans: list[Span] = []
    at = bold = italic = 0
    for start, size, step in sorted(marks):
        _append(spans, Span(text[at:start], bold > 0, italic > 0))
        if size == 2:
            bold += step
        else:
            italic += step
        at = start + size
    _append(spans, Span(text[at:], bold > 0, italic > 0))
    return spans


def _append(spans: list[Span], span: Span) -> None:
    if not span.text:
        return
    if spans and (spans[-1].bold, spans[-1].italic) == (span.bold, span.italic):
        span = Span(spans.pop().text + span.text, span.bold, span.italic)
    spans.append(span)
