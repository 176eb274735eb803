"""Texts as sentences, and texts cut to whole sentences."""

import re
from collections.abc import Sequence
from typing import Final

from workers.context.counting import TokenCounter
from workers.cutting import ELLIPSIS

_END: Final = re.compile(r"[.!?…]+[\"”’»'*_)\]]*\s+|[。！？]+[」』”）]*\s*|\n+")
_ABBREVIATION: Final = re.compile(r"(?:^|\s)(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Prof|No|vs|z\.B|bzw)\.\s+$")
_WORD: Final = re.compile(r"[⺀-鿿가-힯\uf900-\ufaff]\s*|[^\s⺀-鿿가-힯\uf900-\ufaff]+\s*")


def sentences(text: str) -> list[str]:
    """Cut a text behind its sentences and lines. Nothing is lost: joined they are the text."""
    found: list[str] = []
    start = 0
    for match in _END.finditer(text):
        goes_on = text[match.end() : match.end() + 1].islower() or _ABBREVIATION.search(text, start, match.end())
        if goes_on and "\n" not in match[0]:
            continue
        found.append(text[start : match.end()])
        start = match.end()
    if start < len(text):
        found.append(text[start:])
    return found


def words(text: str) -> list[str]:
    """Cut a text behind its words; where words are not spaced, behind its characters. Joined they are the text."""
    return _WORD.findall(text)


async def trim(text: str, limit: int, counter: TokenCounter, *, end: bool = False) -> str:
    """Return the longest beginning of a text (with ``end``, its ending) of whole sentences within ``limit`` tokens.

    Where not even one sentence fits, it is cut at a word, with an ellipsis; "" if no word fits. Never inside a word.
    """
    text = text.strip()
    if limit <= 0 or not text:
        return ""
    (tokens,) = await counter.count([text])
    if tokens <= limit:
        return text
    if found := await _longest(sentences(text), limit, counter, end=end, mark=""):
        return found
    whole = sentences(text)
    return await _longest(words(whole[-1] if end else whole[0]), limit, counter, end=end, mark=ELLIPSIS)


async def _longest(pieces: Sequence[str], limit: int, counter: TokenCounter, *, end: bool, mark: str) -> str:
    """Return as many pieces as fit, by bisection: the count of a text grows with its length, up to the odd merge."""
    low, high = 0, len(pieces)

    def joined(count: int) -> str:
        if end:
            return (mark.strip() + " " if mark else "") + "".join(pieces[len(pieces) - count :]).strip()
        return "".join(pieces[:count]).strip() + mark

    while low < high:
        middle = (low + high + 1) // 2
        (tokens,) = await counter.count([joined(middle)])
        if tokens <= limit:
            low = middle
        else:
            high = middle - 1
    return joined(low) if low and joined(low).strip(" …") else ""
