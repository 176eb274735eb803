"""Normalisation of text against disguises, before the check looks for words."""

import re
import unicodedata
from typing import Final

_ACCENTED: Final = re.compile("([a-zA-Z\u0370-\u03ff\u0400-\u052f])([\u0300-\u036f\u20d0-\u20ff]+)")
_PLAIN_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "’": "'", "‘": "'"}
)
_HIDDEN: Final = frozenset({"Cf", "Cc", "Co", "Cs"})
"""Unicode categories of invisible characters."""
_LOOKALIKES: Final = str.maketrans(
    "аеорсухіјѕһԁкмтвнαορνικτυχε",
    "aeopcyxijshdkmtbhaopviktuxe",
)
"""Cyrillic and Greek letters and the Latin ones that they resemble."""
_LEET: Final = str.maketrans({"0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s",
                              "€": "e", "!": "i", "|": "i", "¡": "i", "6": "g", "1": "i"})  # fmt: skip
_WORD: Final = re.compile(r"[^\W_]+")
_LEET_WORD: Final = re.compile(r"(?:[^\W_]|[@$€!|¡])+")
_SPELT: Final = re.compile(r"(?<![^\W_])[^\W\d_](?:[\W_]{1,3}[^\W\d_](?![^\W_])){2,}")
_RUN: Final = re.compile(r"(.)\1{2,}")


def fold(text: str) -> str:
    """Return ``text`` in lower case, compatible forms made equal, accents and invisible characters removed.

    Fullwidth, circled and mathematical letters and digits of all scripts become plain ones; so does ``ñ`` (``n``).
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    # Invisible characters and emoji skin tones occur between letters only to hide a word.
    text = "".join(c for c in text if c in "\n\t\r" or unicodedata.category(c) not in _HIDDEN)
    text = unicodedata.normalize("NFD", text)
    text = _ACCENTED.sub(r"\1", text)
    text = unicodedata.normalize("NFC", text).translate(_PLAIN_LETTERS)
    return "".join(_digit(character) for character in text)


def words(folded: str) -> list[str]:
    """Return the words of folded text; ``_`` and punctuation separate."""
    return _WORD.findall(folded)


def disguised(folded: str) -> list[list[str]]:
    """Return alternative readings of folded text as words, only those that differ from the plain one.

    They resolve letters that look like Latin ones, digits and signs in place of letters (``t33n``), and repeated
    letters (``teeeen``).
    """
    plain = words(folded)
    readings: list[list[str]] = []
    for one in ("i", "l"):
        for keep in (r"\1", r"\1\1"):
            reading = [_read(word, one, keep) for word in _LEET_WORD.findall(folded)]
            if reading != plain and reading not in readings:
                readings.append(reading)
    return readings


def spelt(folded: str) -> list[str]:
    """Return words spelled letter by letter (``l o l i``, ``n.u.d.e``), joined."""
    return ["".join(words(match[0])).translate(_LOOKALIKES) for match in _SPELT.finditer(folded)]


def squeezed(folded: str) -> str:
    """Return folded text without blanks and punctuation, for scripts that do not separate words by blanks."""
    return "".join(character for character in folded if not character.isspace() and character not in ".,-_·*~、。")


def _digit(character: str) -> str:
    if character.isascii():
        return character
    value = unicodedata.digit(character, None)
    return character if value is None else str(value)


def _read(word: str, one: str, keep: str) -> str:
    bare = word.strip("!|¡")
    latin = bare.translate(_LOOKALIKES)
    # A word of another alphabet is only in disguise if all of it passes for Latin.
    bare = latin if latin.isascii() else bare
    if any(character.isalpha() for character in bare):
        bare = bare.replace("1", one).translate(_LEET)
    return _RUN.sub(keep, bare)
