"""Cutting text to a length without cutting words."""

import re
from typing import Final

ELLIPSIS: Final = " …"
_END_CHARS: Final = 200
"""Characters at the end of a text in which its last mark stands."""
_LAST_WORD: Final = re.compile(r"\s\S*$")
_SENTENCE_END: Final = re.compile(
    r"(?<![.!?…])[.!?…।॥؟۔]++[\"”“’»«'*_)]*+(?=\s|$)|(?<=[\u0370-\u03ff\u1f00-\u1fff])[;\u037e][\"”“’»«'*_)]*+(?=\s|$)|[。！？።။។]++[」』”]*+"
)
_ENDS: Final = re.compile(
    r"(?:[.!?…。！？।॥؟۔።။។]|(?<=[\u0370-\u03ff\u1f00-\u1fff])[;\u037e]|[—–-](?=[\"”“’»«」』])|(?=[」』]))[\"”“’»«'*_)」』]*\s*$|[}\]`]\s*$"
    r"|[\u0e00-\u0eff]\s*$"
)
"""Speech may break off at a dash; Japanese speech ends with its quotation mark, and Thai and Lao have no full stop."""


def cut_at_word(text: str, limit: int, mark: str = ELLIPSIS) -> str:
    """Return ``text`` if it has at most ``limit`` characters; else its beginning, cut before a word, with ``mark``.

    The result has at most ``limit`` characters, including the mark. Text without spaces is cut anywhere.
    """
    if len(text) <= limit:
        return text
    kept = text[: max(limit - len(mark), 0)]
    last = _LAST_WORD.search(kept)
    head = kept[: last.start()] if last is not None and last.start() else kept
    return (head.rstrip(" \t\r\n,;:-–—") + mark)[:limit]


def cut_to_words(text: str, limit: int) -> str:
    """Return ``text`` on one line with at most ``limit`` words, cut behind a sentence or a comma near the end."""
    found = text.split()
    if len(found) <= limit:
        return " ".join(found)
    kept = found[:limit]
    for at in range(len(kept) - 1, max(len(kept) * 2 // 3, 1), -1):
        if kept[at][-1] in ".,;":
            kept = kept[: at + 1]
            break
    return " ".join(kept).rstrip(",;. ") + "."


def ends_sentence(text: str) -> bool:
    """Return whether a text, or JSON, ends where something ends."""
    return _ENDS.search(text.rstrip()[-_END_CHARS:]) is not None


def cut_at_sentence(text: str) -> str:
    """Return a text that breaks off somewhere up to its last whole sentence; without one, up to a word, with a mark."""
    text = text.rstrip()
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    if not text:
        return ""
    if ends and ends[-1] * 3 >= len(text):
        return text[: ends[-1]]
    last = _LAST_WORD.search(text)
    return (text[: last.start()] if last is not None and last.start() else text).rstrip(" \t\r\n,;:-–—") + ELLIPSIS
