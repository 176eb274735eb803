"""Picks lines so that nobody says a sentence twice: what was said in the chat is known, and whose turn it is."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from workers.offline.dice import roll, shuffled
from workers.offline.grammar import Value, expand, slots_of
from workers.offline.persona.words import plain_words, sentences

FORMS: Final = 6
"""Tries at a line with alternatives until one of its forms was not said yet."""
MANY_FORMS: Final = 60
_ATTEMPTS: Final = 100
Slots = Mapping[str, Value | str]


class ReplyWriter:
    """``place`` is where the chat is, ``turn`` how many replies it has: lines of a list come round in turns.

    ``variant`` makes another reply of the same, ``attempt`` counts those that did not pass.
    """

    def __init__(
        self, slots: Slots, said: set[str], *, place: object, turn: int, variant: int = 0, attempt: int = 0
    ) -> None:
        self.slots = slots
        self.attempt = attempt
        self.said = set(said)
        self._place, self._turn, self._salt = place, turn, variant * _ATTEMPTS + attempt

    def flip(self, sides: int, *key: object) -> int:
        """Return a number that this reply is made by."""
        return roll(sides, self._place, self._turn, self._salt, *key)

    def line(self, pool: Sequence[str], *, forms: int = FORMS) -> str:
        """Return a line of a list that was not said yet; empty if there is none."""
        usable = [line for line in pool if all(self.slots.get(name) for name in slots_of(line))]
        if not usable:
            return ""
        ordered = shuffled(usable, self._place, len(usable))
        start = (self._turn + self._salt * 5) % len(ordered)
        for line in (*ordered[start:], *ordered[:start]):
            for form in range(forms if "[" in line else 1):
                text = expand(line, self.slots, self._place, self._turn, self._salt, form)
                if self.is_new(text):
                    return self.say(text)
        return ""

    def say(self, text: str) -> str:
        """Note a text as said and return it."""
        self.said |= said_in(text)
        return text

    def is_new(self, text: str) -> bool:
        """Return whether none of its sentences was said yet."""
        return not said_in(text) & self.said


def said_in(text: str) -> set[str]:
    """Return the sentences of a text, as their words."""
    return {plain_words(part) or re.sub(r"\s+", "", part) for part in sentences(text)} - {""}
