"""Reasoning before an answer: models think aloud in a separate block, which users do not see."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

MARKS: Final[Sequence[tuple[str, str]]] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought", "<channel|>"),
    ("<|channel|>analysis", "<|channel|>final<|message|>"),
    ("<|channel|>commentary", "<|channel|>final<|message|>"),
    ("<|channel|>final<|message|>", ""),
)
"""The marks that begin and end a block; the last one only announces the answer."""
TOKENS: Final = frozenset({
    *(mark for pair in MARKS for mark in pair if mark and "channel" not in mark),
    "<|channel|>", "<|message|>", "<|channel>", "<channel|>",
})  # fmt: skip
"""Marks that may be single tokens. Control tokens among them must be rendered as text to be recognised here."""
_ENDS: Final = tuple(dict.fromkeys(end for _, end in MARKS if end))
_MARK: Final = re.compile(
    f"(?P<end>{'|'.join(map(re.escape, _ENDS))})|{'|'.join(re.escape(begin) for begin, end in MARKS if end)}",
    re.IGNORECASE,
)
_SEARCHED: Final = 64_000
"""Characters at the end of the thoughts that are searched for an answer: more than the longest one wanted."""
_TRIES: Final = 100
"""Maximum number of places where an answer may begin; each costs at most one reading of the rest."""
_DECODER: Final = json.JSONDecoder(strict=False)


def opens_reasoning(prompt: str) -> bool:
    """Return whether ``prompt`` ends inside a block, so that the answer begins there."""
    return prompt.rstrip().endswith(tuple(begin for begin, end in MARKS if end))


def strip_reasoning(text: str) -> str:
    """Return a whole answer without its blocks, wherever they are; one without an opening mark starts with the text."""
    kept: list[str] = []
    start, inside = 0, False
    for mark in _MARK.finditer(text):
        ends = mark["end"] is not None
        if not inside and ends:
            kept.clear()
        elif not inside:
            kept.append(text[start : mark.start()])
        inside, start = not ends, mark.end()
    return "".join(kept if inside else [*kept, text[start:]]).strip()


def answer_among(thoughts: str, schema: Mapping[str, Any]) -> str:
    """Return the last object in ``thoughts`` that has all the required keys of ``schema``; "" if there is none.

    Some servers file a whole answer under the reasoning. Only what was asked for as JSON can be told from a thought.
    """
    text, at, found = thoughts[-_SEARCHED:], 0, ""
    required = cast("Sequence[str]", schema.get("required", ()))
    for _ in range(_TRIES if required else 0):
        at = text.find("{", at)
        if at < 0:
            break
        try:
            value, end = cast("tuple[dict[str, Any], int]", _DECODER.raw_decode(text, at))
        except (ValueError, RecursionError):
            at += 1
            continue
        if all(key in value for key in required):
            found, at = text[at:end], end
        else:
            at += 1  # the answer may be wrapped in it
    return found


class ReasoningFilter:
    """Hides the blocks before an answer, piece by piece. Marks further on are ordinary text."""

    def __init__(self, start_inside: bool = False) -> None:
        """``start_inside``: the prompt has already begun a block."""
        self.hidden = 0
        """Number of hidden characters, marks included."""
        self._ends: tuple[str, ...] = _ENDS if start_inside else ()
        self._held = ""
        self._begins = True
        self._after_block = start_inside

    @property
    def inside(self) -> bool:
        """Whether the text so far ends in a block."""
        return bool(self._ends)

    def push(self, text: str) -> str:
        """Take the next piece and return what may be shown now."""
        if not self._begins:
            return text
        self._held += text
        while self._ends or not self._decided():
            if not self._advance():
                return ""
        self._begins = False
        return self._release()

    def flush(self) -> str:
        """Return what was held back, at the end of the answer, without an unfinished block or half a mark."""
        if not self._begins:
            return ""
        if self._ends or self._held.strip():
            self._hide(len(self._held))
        return self._release()

    def _decided(self) -> bool:
        """Return whether the held text can no longer begin a block."""
        text = self._held.lstrip()
        return bool(text) and not any(text.startswith(begin) or begin.startswith(text) for begin, _ in MARKS)

    def _advance(self) -> bool:
        """Consume a mark; False if that needs more text."""
        if not self._ends:
            text = self._held.lstrip()
            found = [(begin, end) for begin, end in MARKS if text.startswith(begin)]
            if not found:
                return False
            begin, end = found[0]
            self._hide(len(self._held) - len(text) + len(begin))
            self._ends, self._after_block = (end,) if end else (), True
            return True
        places = [(at, end) for end in self._ends if (at := self._held.find(end)) >= 0]
        if not places:
            # Keep enough to recognise a mark that has only begun.
            self._hide(len(self._held) - max(map(len, self._ends)) + 1)
            return False
        at, end = min(places)
        self._hide(at + len(end))
        self._ends = ()
        return True

    def _hide(self, n: int) -> None:
        if n > 0:
            self.hidden += n
            self._held = self._held[n:]

    def _release(self) -> str:
        if self._after_block:
            self._hide(len(self._held) - len(self._held.lstrip()))
        shown, self._held = self._held, ""
        return shown
