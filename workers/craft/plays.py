"""Lines of a play: what somebody says behind a name and a colon, whoever that is."""

import re
from collections.abc import Collection
from typing import Final

from workers.craft.prose import plain
from workers.craft.speakers import NO_NAMES

_NAMED: Final = re.compile(
    r"[*_]{0,2}(?P<name>[^\W\d_a-z][\w’'-]{1,20}(?: [^\W\d_a-z]\w{1,20})?)[*_]{0,2}:[*_]{0,2} +(?P<said>\S.*)"
)
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_LABELS: Final = frozenset(
    {
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "breakfast", "lunch", "dinner",
        "supper", "dessert", "morning", "evening", "night", "today", "tomorrow", "yesterday", "tip", "tips", "bonus",
        "reason", "reasons", "day", "step", "option", "ingredients", "time", "place", "name", "age", "favourite",
        "favorite", "secret", "update", "edit", "quote", "motto", "status", "login", "password", "error", "message",
        "caution", "danger", "beware", "moral", "translation", "meaning", "title", "date", "weather", "mood", "thought",
        "thoughts", "me", "him", "her", "us", "everyone", "everybody", "nobody", "somebody", "someone", "all", "both",
        "either", "neither", "left", "right", "pros", "cons", "good", "bad", "best", "worst", "better", "worse",
        "short", "long", "story", "point", "advice", "confession", "subject", "from", "to", "re", "dear", "or", "only",
        "just", "maybe", "perhaps", "honestly", "anyway", "besides", "meanwhile", "finally", "next", "later", "before",
        "after", "once", "never", "always", "sometimes", "again", "come", "go", "stop", "take", "give", "tell", "ask",
        "try", "let", "do", "don't", "don’t", "keep", "leave", "get", "hold", "sign", "letter", "notice", "order",
    }
)  # fmt: skip
"""What else stands before a colon and has a capital letter at the beginning of a line."""
_TO_SOMEBODY: Final = frozenset(
    {
        "i", "i'm", "i’m", "i'll", "i’ll", "i've", "i’ve", "i'd", "i’d", "me", "my", "we", "us", "our", "let's",
        "let’s",
        "you", "your", "you're", "you’re", "ich", "mir", "mich", "du", "dir", "dich", "wir", "je", "tu", "vous", "nous",
        "yo", "tú", "io", "ik", "jij", "я", "ты", "вы", "мы",
    }
)  # fmt: skip
"""Words of somebody who talks."""


def is_play(text: str) -> bool:
    """Return whether a text is mostly what people say, each behind a name."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    found = (_NAMED.match(line) for line in lines if may_be_said(line))
    named = sum(each is not None and not _said(each)[:1].islower() for each in found)
    return named >= 2 and named * 2 >= len(lines)


def may_be_said(line: str) -> bool:
    """Return whether a line, which may be unfinished, begins with what may be a name and a colon."""
    found = _NAMED.match(line.strip())
    return found is not None and not _is_word(found["name"])


def said_at(text: str) -> list[int]:
    """Return where the lines begin that somebody says behind their name, but for those that a line announces.

    A colon has more than one use: what is said begins as a sentence does, and speaks to somebody.
    """
    found: list[int] = []
    at, announced = 0, False
    words = frozenset(_LETTERS.findall(text))
    for line in text.split("\n"):
        if _is_said(line.strip(), words):
            found += [] if announced else [at]
        elif line.strip():
            announced = line.rstrip().endswith((":", "："))
        at += len(line) + 1
    return found


def _is_said(line: str, words: Collection[str]) -> bool:
    found = _NAMED.match(line)
    if found is None or _is_word(found["name"]):
        return False
    said = _said(found)
    if not said[:1].isupper():
        return False
    if not said.rstrip('"”’»*_) ').endswith(("?", "!", "？", "！")) and _TO_SOMEBODY.isdisjoint(plain(said).split()):
        return False
    # A name has its capital letter everywhere.
    first = found["name"].split()[0]
    return first.isupper() or not all(each in words for each in _LETTERS.findall(first.lower()))


def _said(line: re.Match[str]) -> str:
    """Return what stands behind a name, without the marks before it."""
    return line["said"].lstrip("*_\"“„«»‘'¿¡(")


def _is_word(name: str) -> bool:
    return any(word.casefold() in NO_NAMES or word.casefold() in _LABELS for word in name.split())
