"""How Discord's clients read a message's markdown: what is shown, and what acts.

Written from Discord's help page "Markdown Text 101" and the message formatting section of its API documentation, apart
from our renderer. Nodes are tuples ``(kind, shown text, target)``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_ESCAPE: Final = re.compile(r"\\([^0-9A-Za-z\s])")
_FENCE: Final = re.compile(r"```(?:[a-z0-9_+\-.#]*\n)?\n*([^\n].*?)\n*```", re.IGNORECASE | re.DOTALL)
_CODE: Final = re.compile(r"(`+)(.*?[^`])\1(?!`)", re.DOTALL)
_ANGLE: Final = re.compile(r"<([^: >]+:/[^ >]+)>")
_BARE: Final = re.compile(r"(?:https?|steam)://[^\s<]+[^<.,:;\"'\]\s]")
_MASKED: Final = re.compile(r"\[((?:\\.|[^\[\]\\]|\[[^\]]*\])*)\]\(\s*<?((?:[^\s()\\]|\\.|\([^)]*\))*?)>?(?:\s+['\"].*?['\"])?\s*\)", re.DOTALL)  # fmt: skip  # noqa: E501
_MENTION: Final = re.compile(
    r"<(?:@[!&]?\d+|#\d+|a?:\w+:\d+|t:-?\d+(?::[tTdDfFR])?|id:\w+|/[^>:]+:\d+)>|@(?:everyone|here)"
)
_SPOILER: Final = re.compile(r"\|\|(.+?)\|\|", re.DOTALL)
_STRONG: Final = re.compile(r"\*\*((?:\\.|[^\\])+?)\*\*(?!\*)", re.DOTALL)
_UNDER: Final = re.compile(r"__((?:\\.|[^\\])+?)__(?!_)", re.DOTALL)
_EM: Final = re.compile(
    r"\b_((?:__|\\.|[^\\_])+?)_\b|\*(?=\S)((?:\*\*|\\.|\s+(?:\\.|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)", re.DOTALL
)
_STRIKE: Final = re.compile(r"~~(.+?)~~(?!_)", re.DOTALL)
_HEADING: Final = re.compile(r"[ ]*(#{1,3}|-#)[ ]+")
_LIST: Final = re.compile(r"[ ]*(?:[*+-]|\d+\.)[ ]+")
_QUOTE: Final = re.compile(r"[ ]*>(?:>>)? ")


@dataclass(slots=True)
class Read:
    """A message as read: the text shown, and what in it acts, as (kind, text or target)."""

    text: str = ""
    acts: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def of(self, *kinds: str) -> list[str]:
        """The texts of some kinds."""
        return [text for kind, text in self.acts if kind in kinds]


def read(source: str) -> Read:
    """Read markdown."""
    found = Read()
    _read(source, found, start=True)
    return found


_STYLES: Final = (
    ("strong", _STRONG), ("underline", _UNDER), ("em", _EM), ("strike", _STRIKE), ("spoiler", _SPOILER),
)  # fmt: skip


def _read(source: str, found: Read, *, start: bool) -> None:
    at, fresh = 0, start
    while at < len(source):
        at, fresh = _step(source, at, found, fresh=fresh)


def _step(source: str, at: int, found: Read, *, fresh: bool) -> tuple[int, bool]:
    """Read what stands at ``at``; ``fresh``: a line begins there."""
    if fresh:
        for kind, pattern in (("heading", _HEADING), ("quote", _QUOTE), ("list", _LIST)):
            if match := pattern.match(source, at):
                found.acts.append((kind, match.group()))
                return match.end(), False
    if match := _ESCAPE.match(source, at):
        found.text += match[1]
        return match.end(), False
    for kind, pattern in (("block", _FENCE), ("code", _CODE)):
        if match := pattern.match(source, at):
            shown = match[1] if kind == "block" else match[2]
            found.acts.append((kind, shown))
            found.text += shown
            return match.end(), False
    for kind, match in _links(source, at):
        if kind == "masked":
            found.acts.append((kind, match[2]))
            _read(match[1], found, start=False)
        else:
            shown = match[1] if kind == "angle" else match.group()
            found.acts.append((kind, shown))
            found.text += shown
        return match.end(), False
    for kind, pattern in _STYLES:
        if match := pattern.match(source, at):
            found.acts.append((kind, match.group()))
            _read(next(group for group in match.groups() if group is not None), found, start=False)
            return match.end(), False
    found.text += source[at]
    return at + 1, source[at] == "\n"


def _links(source: str, at: int) -> Iterator[tuple[str, re.Match[str]]]:
    for kind, pattern in (("masked", _MASKED), ("mention", _MENTION), ("angle", _ANGLE), ("bare", _BARE)):
        if match := pattern.match(source, at):
            yield kind, match
