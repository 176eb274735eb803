"""Choices for a page that something else than the story grammar wrote, taken from the page's own sentences."""

import re
from dataclasses import dataclass
from typing import Final

from workers.cutting import cut_at_word
from workers.offline.catalog import Kind
from workers.offline.premise import nouns
from workers.offline.words import words

EXCERPT_CHARS: Final = 110
_LAST_SENTENCES: Final = 8
_WORDS_IN_EXCERPT: Final = range(3, 19)
_CHARS_IN_EXCERPT: Final = range(8, EXCERPT_CHARS)
"""For texts without spaces between words."""
_SENTENCE: Final = re.compile(r"[^.!?…。！？\n]+[.!?…。！？]*[”\"»’']*")
_SPOKEN: Final = re.compile('["“”„«»「」『』]')
_NOT_AFTER: Final = frozenset({"to", "of", "for", "than", "like", "as", "by", "from", "with", "without", "since"})
"""Behind these a noun is part of another phrase, as in "cold to the touch"."""


@dataclass(frozen=True, slots=True)
class WrittenChoice:
    """A choice as the player reads it."""

    text: str
    kind: Kind


_FORMS: Final[tuple[tuple[str, Kind], ...]] = (
    ("Go straight for {}", "bold"),
    ("Keep back from {} and wait", "careful"),
    ("Take a closer look at {}", "curious"),
    ("Find out more about {}", "curious"),
)
_GENERAL: Final = (
    WrittenChoice("Act now, before anything changes", "bold"),
    WrittenChoice("Wait a moment and keep out of sight", "careful"),
    WrittenChoice("Look for what everybody else has missed", "curious"),
)


def choices_from_page(page_text: str) -> list[WrittenChoice]:
    """Return two to four choices for an English page: what to do with things in its last sentences."""
    sentences = _sentences(page_text)
    last = " ".join(sentences[-_LAST_SENTENCES:])
    found = nouns(last, apart_from=words().abstract_set, not_after=_NOT_AFTER)[-len(_FORMS) :]
    choices = [
        WrittenChoice(form.format(noun), kind) for (form, kind), noun in zip(_FORMS, reversed(found), strict=False)
    ]
    if len(choices) >= 2:
        return choices
    quoted = _quotes(page_text, 3)
    return quoted if len(quoted) >= 2 else list(_GENERAL)


def quoted_choices(page_text: str, count: int) -> list[WrittenChoice]:
    """Return up to ``count`` choices for a page in any language: its last sentences, for the player to take up."""
    quoted = _quotes(page_text, count)
    return quoted if len(quoted) >= 2 else list(_GENERAL)[:count]


def _quotes(page_text: str, count: int) -> list[WrittenChoice]:
    fitting: list[str] = []
    for sentence in reversed(_sentences(page_text)):
        text = sentence.rstrip(".!?…。！？ ")
        spaced = " " in text
        size = len(text.split()) if spaced else len(text)
        fits = size in (_WORDS_IN_EXCERPT if spaced else _CHARS_IN_EXCERPT) and not _SPOKEN.search(text)
        if fits and text not in fitting:
            fitting.append(text)
    kinds = ("curious", "bold", "careful", "curious")
    return [
        WrittenChoice(f"“{cut_at_word(text, EXCERPT_CHARS)}”", kind)
        for text, kind in zip(fitting[:count][::-1], kinds, strict=False)
    ]


def _sentences(text: str) -> list[str]:
    return [found for match in _SENTENCE.finditer(text) if (found := " ".join(match[0].split()).strip(" –—-"))]
