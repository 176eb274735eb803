"""Cutting text to a length without cutting words."""

from typing import Final

ELLIPSIS: Final = " …"


def cut_at_word(text: str, limit: int, mark: str = ELLIPSIS) -> str:
    """Return ``text`` if it has at most ``limit`` characters; else its beginning, cut behind a word, with ``mark``.

    What is returned has at most ``limit`` characters, the mark included. Text without blanks is cut anywhere.
    """
    if len(text) <= limit:
        return text
    room = max(limit - len(mark), 0)
    kept = text[: room + 1]
    if kept[-1:].isspace():
        head = kept
    else:
        words = kept.rsplit(maxsplit=1)
        head = words[0] if len(words) > 1 else kept[:room]
    return (head.rstrip() + mark)[:limit]
