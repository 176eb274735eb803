"""Labels of speakers in a chat, in any spelling: ``Vex:``, ``**Vex**:``, ``[Vex]``, ``VEX -``, ``vex :``."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from workers.craft.loops import tidy

_OTHERS: Final = ("user", "human", "{{user}}", "<user>")
_OTHERS_OF_A_LINE: Final = ("you", "player", "system", "narrator", "instruction")
"""Labels that may also be somebody's words behind a sentence."""
_OWN: Final = ("{{char}}", "<bot>", "assistant", "ai", "char", "bot", "response", "reply", "answer")
_OPEN: Final = r"[*_\[<(>#~\" ]{0,4}"
_CLOSE: Final = r"[*_\]>)~\" ]{0,4}"
_LABELLED: Final = re.compile(r"^[ \t>*_\[]{0,4}([^\W\d_][\w'’ .-]{0,30}?)[*_\] ]{0,4}[:：]", re.MULTILINE)


def labels_in(dialogue: str) -> frozenset[str]:
    """Return the names that label the lines of a dialogue."""
    return frozenset(match[1].strip() for match in _LABELLED.finditer(dialogue[:20_000]))


class Speakers:
    """The names of a chat: whose turn it is, and everybody else's."""

    def __init__(self, name: str, others: Collection[str]) -> None:
        """``name`` is of the one who speaks."""
        own = _spellings(name)
        self.own = _label((*own, *_OWN))
        known = {each for other in others for each in _spellings(other)}
        others = (*sorted(known - set(own)), *_OTHERS)
        self.others, self._others_within = _label((*others, *_OTHERS_OF_A_LINE)), _label(others)

    def own_label(self, text: str) -> bool:
        """Return whether a line begins with the speaker's own label."""
        return any(self.own.match(line) for line in text.split("\n"))

    def other_label(self, text: str) -> bool:
        """Return whether somebody else's line begins in a text."""
        return self._other(text) is not None

    def without_labels(self, text: str) -> str:
        """Return a text without the speaker's own label, up to where somebody else's line begins."""
        begin = self._other(text)
        if begin is not None:
            text = text[:begin]
        lines = [line[found.end() :] if (found := self.own.match(line)) else line for line in text.split("\n")]
        return tidy("\n".join(lines))

    def _other(self, text: str) -> int | None:
        """Return where somebody else's line begins first."""
        at, begins = 0, list[int]()
        for line in text.split("\n"):
            if self.others.match(line):
                begins.append(at)
                break
            at += len(line) + 1
        if (within := self._within(text)) is not None:
            begins.append(within)
        return min(begins, default=None)

    def _within(self, text: str) -> int | None:
        """Return where in a line, behind a sentence, somebody else's label stands with a colon."""
        for match in _BEHIND_SENTENCE.finditer(text):
            found = self._others_within.match(text, match.end())
            if found and ":" in found[0]:
                return match.end()
        return None


_BEHIND_SENTENCE: Final = re.compile(r"[.!?…”\"*] (?=[A-Z*\[<{])")


def _spellings(name: str) -> tuple[str, ...]:
    """Return a name as labels have it: whole, and each of its words that begins with a capital letter."""
    whole = " ".join(name.split()).casefold()
    words = [word.strip(".,'’\"").casefold() for word in name.split() if word[:1].isupper() or not word.isascii()]
    return tuple(dict.fromkeys(each for each in (whole, *words) if len(each) > 1 or each == whole) if whole else ())


@lru_cache(maxsize=256)
def _label(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a label at the beginning of a line."""
    anybody = "|".join(re.escape(each) for each in sorted(set(names), key=len, reverse=True))
    aside = r"(?: ?\([^)\n]{1,40}\))?"
    return re.compile(
        rf"{_OPEN}(?:{anybody}){_CLOSE}{aside}[*_ ]{{0,4}}[:：][*_ ]{{0,4}}"
        rf"|[*_ ]{{0,4}}[\[<](?:{anybody})[\]>][*_ ]{{0,4}}"
        rf"|[*_]{{0,3}}(?:{anybody})[*_]{{0,3}} [-–—] (?=[\"“”„«*\w])(?-i:(?=[\"“”„«*A-ZÀ-ÞА-Я]))",
        re.IGNORECASE,
    )
