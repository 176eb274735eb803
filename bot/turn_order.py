"""Which of several personas answer what somebody says: a rule without chance beyond a seed, the same whenever asked.

Who is named answers, and whose message is replied to; all of them if everybody is spoken to. Else it is their turn in
which they have been silent: the longest first, each by its talkativeness.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from bot.text.comparing import as_words, find_word

MOST: Final = 3
"""Personas who answer one message."""
TALKATIVENESS: Final = 0.5
"""How often a persona joins in whose card does not say, 0 to 1."""
_ARTICLES: Final = frozenset(
    {"the", "a", "an", "of", "der", "die", "das", "von", "van", "le", "la", "el", "il", "de", "da"}
)
"""Words that are no name, also where a persona is called so."""
_TITLES: Final = frozenset(
    {
        "mr", "mrs", "ms", "miss", "dr", "doctor", "prof", "professor", "sir", "lady", "lord", "dame",
        "captain", "king", "queen", "prince", "princess", "saint", "st", "old", "little", "big", "brother", "sister",
        "father", "mother", "uncle", "aunt", "herr", "frau",
    }
)  # fmt: skip
"""First words of names that alone name nobody."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A persona who may answer. ``names`` are what it is called, ``spoke`` grows with when it spoke last (0: long ago).

    ``when_called``: it answers only where it is named, replied to, or everybody is spoken to.
    """

    id: int
    names: tuple[str, ...]
    talkativeness: float | None = None
    when_called: bool = False
    spoke: int = 0

    @property
    def joins(self) -> float:
        """How often it joins in without being called, 0 to 1."""
        share = TALKATIVENESS if self.talkativeness is None else self.talkativeness
        return 0.0 if self.when_called else share


def answering(
    present: Sequence[Candidate],
    text: str,
    *,
    replied_to: int | None = None,
    everybody: Sequence[str] = (),
    seed: str = "",
    overheard: bool = False,
) -> list[int]:
    """Return the ids of those who answer a text, in order: at least one of those ``present``, at most `MOST`.

    None if it was ``overheard``, said to nobody in particular, where all answer only when called.

    ``replied_to`` is the persona whose message the text replies to, ``everybody`` are words that speak to all,
    ``seed`` decides what is left to chance.
    """
    waiting = overheard and all(each.when_called for each in present)
    if len(present) < 2 and not waiting:
        return [each.id for each in present]
    silent = sorted(present, key=lambda each: (each.spoke, _share(seed, each.id)))
    read = as_words(text)
    if any(find_word(read, as_words(word)) >= 0 for word in everybody):
        return [each.id for each in silent][:MOST]
    called = [each.id for each in present if each.id == replied_to]
    called += [each for each in _named(read, present) if each not in called]
    if called:
        return called[:MOST]
    if waiting:
        return []
    joining = [each.id for each in silent if _share(f"{seed} joins", each.id) < each.joins]
    # Somebody answers: who was silent longest of those who talk, else of all.
    return (joining or [next((each for each in silent if each.joins > 0), silent[0]).id])[:MOST]


def _named(text: str, present: Sequence[Candidate]) -> list[int]:
    """Return those whom a text names, in its order: by a whole name, or by the first word of one."""
    found: dict[int, int] = {}
    rest = text
    whole = sorted(((as_words(name), each.id) for each in present for name in each.names), key=lambda n: -len(n[0]))
    for name, persona in whole:
        if name not in _ARTICLES and (at := find_word(text, name)) >= 0 and find_word(rest, name) >= 0:
            found[persona] = min(at, found.get(persona, at))
    # What is part of a whole name names nobody else: "Anna Berg" is not Anna Lind.
    for name in {name for name, persona in whole if persona in found and " " in name}:
        rest = _without(rest, name)
    for each in present:
        for first in filter(None, map(_first, each.names)):
            if each.id not in found and (at := find_word(rest, first)) >= 0:
                found[each.id] = at
    return sorted(found, key=lambda persona: found[persona])


def _first(name: str) -> str:
    """Return the word of a name by which somebody is called; "" if none does."""
    words = [word.strip(".,'’\"“”()") for word in as_words(name).split()]
    first = next((word for word in words if word and word not in _TITLES | _ARTICLES), "")
    return first if len(first) > 1 and first.isalpha() and len(words) > 1 else ""


def _without(text: str, word: str) -> str:
    """Return a text with blanks in place of a word, so that places stay what they are."""
    while (at := find_word(text, word)) >= 0:
        text = f"{text[:at]}{' ' * len(word)}{text[at + len(word) :]}"
    return text


def _share(seed: str, persona: int) -> float:
    """Return a share from 0 up to 1 that a seed gives a persona."""
    return int.from_bytes(blake2b(f"{seed} {persona}".encode(), digest_size=6).digest()) / 2**48
