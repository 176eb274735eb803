"""Cutting a text into passages of about the same length, at the ends of paragraphs and sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import regex

PASSAGE: Final = 600
"""Characters of a passage at most: a few sentences, so that a search finds the place and not the chapter."""
_SENTENCE: Final = regex.compile(r"[^.!?。！？…\n]*(?:[.!?。！？…]+[\"'”’»」』)\]]*\s*|\n+|$)")


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text, and where it begins, in characters."""

    start: int
    text: str


def passages(text: str, limit: int = PASSAGE) -> list[Passage]:
    """Return the passages of a text, each of at most ``limit`` characters; whitespace around them is left out."""
    found: list[Passage] = []
    start = end = 0
    for piece_start, piece_end in _pieces(text, limit):
        if piece_end - start > limit and end > start:
            found += _stripped(text, start, end)
            start = piece_start
        end = piece_end
    found += _stripped(text, start, end)
    return found


def _pieces(text: str, limit: int) -> Iterator[tuple[int, int]]:
    """Yield sentences; one that is longer than a passage in pieces of whole words."""
    for sentence in _SENTENCE.finditer(text):
        start, end = sentence.span()
        while end - start > limit:
            cut = max(text.rfind(" ", start, start + limit), text.rfind("\n", start, start + limit)) + 1
            cut = cut if cut > start else start + limit
            yield start, cut
            start = cut
        if end > start:
            yield start, end


def _stripped(text: str, start: int, end: int) -> list[Passage]:
    part = text[start:end]
    kept = part.strip()
    return [Passage(start + len(part) - len(part.lstrip()), kept)] if kept else []
