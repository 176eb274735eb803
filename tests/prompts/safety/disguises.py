"""Disguises of words, as people use them to get past a word list. Each is a function of a word and a seeded chance."""

import unicodedata
from collections.abc import Callable
from random import Random
from typing import Final

Disguise = Callable[[str, Random], str]
_A: Final = ord("a")
_SMALL_CAPITALS: Final = dict(zip("abcdefghijklmnopqrtuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀᴛᴜᴠᴡʏᴢ", strict=True))
_LATIN_LOOKS: Final = dict(zip("aceiopsxyjhdkmtb", "асеіорѕхујһԁкмтв", strict=True))
_CYRILLIC_LOOKS: Final = dict(zip("аеорсухікмтвнз", "aeopcyxikmtbh3", strict=True))
_LEET: Final = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7", "l": "1", "b": "8", "g": "9"}
_SIGNS: Final = {"a": "@", "e": "€", "i": "!", "s": "$", "l": "|", "o": "0"}
_ORDINARY: Final = frozenset({"感性", "odun", "nu de", "por no", "пор но", "na ga", "pan ty", "top less", "onder goed"})
"""Disguises that are ordinary words of one of the languages, so that nobody can tell them apart."""
_MIN: Final = 4
"""Shorter words are left alone by disguises that take them to pieces."""


def _plain(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def _unless_ordinary(word: str, disguised: str) -> str:
    return word if disguised.lower() in _ORDINARY else disguised


def _mapped(table: dict[str, str]) -> Disguise:
    return lambda word, _chance: "".join(table.get(c, c) for c in _plain(word.lower()))


def _leet(table: dict[str, str]) -> Disguise:
    """Return the disguise that leaves the first letter: a word of digits alone is a number."""
    return lambda word, _chance: word[0] + "".join(table.get(c, c) for c in _plain(word[1:].lower()))


def _shifted(first: int) -> Disguise:
    return lambda word, _chance: "".join(
        chr(first + ord(c) - _A) if "a" <= c <= "z" else c for c in _plain(word.lower())
    )


def _split(sign: str) -> Disguise:
    def disguise(word: str, chance: Random) -> str:
        if len(word) < (_MIN if word.isascii() or word[0] < "\u3000" else 2):
            return word
        cut = chance.randint(1, len(word) - 1)
        return _unless_ordinary(word, word[:cut] + sign + word[cut:])

    return disguise


def _spelt(sign: str) -> Disguise:
    return lambda word, _chance: sign.join(word) if len(word) >= _MIN or word[0] >= "\u3000" else word


def _repeated(word: str, chance: Random) -> str:
    at = chance.randrange(len(word))
    return word[:at] + word[at] * 4 + word[at + 1 :]


def _accented(word: str, chance: Random) -> str:
    return "".join(c + "".join(chance.choices("\u0300\u0301\u0323\u0334\u0489\u035b", k=2)) for c in word)


def _mixed(word: str, chance: Random) -> str:
    first, second = chance.sample(
        [
            _mapped(_SMALL_CAPITALS),
            _mapped(_LATIN_LOOKS),
            _leet(_LEET),
            _spelt("\u200b"),
            _split("\u00ad"),
            _split("-"),
        ],
        2,
    )
    return second(first(word, chance), chance)


ALPHABET: Final[dict[str, Disguise]] = {
    "capitals": lambda word, _chance: word.upper(),
    "blank inside": _split(" "),
    "hyphen": _split("-"),
    "slash": _split("/"),
    "dots": _spelt("."),
    "spelt": _spelt(" "),
    "column": _spelt("\n"),
    "zero-width": _spelt("\u200b"),
    "joiners": _spelt("\u2060"),
    "accents": _accented,
    "repeated": _repeated,
    "reversed": lambda word, _chance: _unless_ordinary(word, word[::-1]) if len(word) >= _MIN else word,
}
"""For scripts with an alphabet."""
LATIN: Final[dict[str, Disguise]] = {
    "small capitals": _mapped(_SMALL_CAPITALS),
    "squared": _shifted(0x1F170),
    "circled": _shifted(0x24D0),
    "regional": _shifted(0x1F1E6),
    "fullwidth": _shifted(0xFF41),
    "bold": _shifted(0x1D41A),
    "lookalikes": _mapped(_LATIN_LOOKS),
    "leet": _leet(_LEET),
    "signs": _leet(_SIGNS),
    "mixed": _mixed,
}
CYRILLIC: Final[dict[str, Disguise]] = {"lookalikes": _mapped(_CYRILLIC_LOOKS)}
NO_BLANKS: Final[dict[str, Disguise]] = {
    "blank inside": _split(" "),
    "hyphen": _split("-"),
    "slash": _split("/"),
    "dots": _spelt("・"),
    "spelt": _spelt(" "),
    "column": _spelt("\n"),
    "zero-width": _spelt("\u200b"),
    "joiners": _spelt("\u2060"),
    "reversed": lambda word, _chance: _unless_ordinary(word, word[::-1]),
}
"""For scripts that do not separate words by blanks, and Korean."""
STYLES: Final = frozenset(
    {"capitals", "small capitals", "squared", "circled", "regional", "fullwidth", "bold", "zero-width", "joiners"}
)
"""Those in which people also write what is innocent; the others take words to pieces, or swap their letters."""


def of_language(tag: str) -> dict[str, Disguise]:
    """Return the disguises that words of a language can wear, by name."""
    if tag in {"ja", "zh", "ko"}:
        return NO_BLANKS
    return ALPHABET | (CYRILLIC if tag in {"ru", "uk"} else LATIN)
