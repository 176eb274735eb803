"""The prose in an answer: what people see of it, whether it is a refusal, and how a part that was cut off is added."""

from typing import Any, Final

from workers.cutting import ends_sentence
from workers.functions.base import AiFunction
from workers.functions.refusals import declines

_REPEATED: Final = range(200, 11, -1)
"""Characters that a model may repeat from the end of its text when it goes on."""
_UNSPACED: Final = "。！？…」』"


def visible(function: AiFunction[Any, Any], text: str, before: str = "") -> str:
    """Return what people see of an unfinished answer, after ``before``; nothing of a refusal."""
    return joined(before, "" if is_refusal(function, text) else function.preview(text))


def is_refusal(function: AiFunction[Any, Any], text: str) -> bool:
    """Return whether a model declines to answer instead of doing what ``function`` asks for."""
    return declines(function.preview(text) or text, in_character=function.in_character)


def joined(begun: str, more: str) -> str:
    """Return a text that was cut off behind a sentence, and its continuation, without what that repeats."""
    text = more.strip()
    if not begun or not text:
        return begun or text
    if text.startswith(begun[:80]) and len(text) > len(begun):
        return text
    repeated = next((size for size in _REPEATED if begun.endswith(text[:size]) and size <= len(text)), 0)
    text = text[repeated:].lstrip()
    if not text:
        return begun
    paragraph = more.lstrip(" ").startswith("\n")
    return begun + ("\n\n" if paragraph else "" if begun[-1] in _UNSPACED else " ") + text


def extended(begun: str, more: str) -> str:
    """Return a whole text with what was written behind it: in a paragraph of its own, unless a sentence is open."""
    text = begun.rstrip()
    return joined(text, f"\n\n{more.strip()}" if ends_sentence(text) else more)
