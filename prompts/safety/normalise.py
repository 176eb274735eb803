"""Normalisation of text against disguises, before the check looks for words.

A *line* is a text's words, each between two blanks, with ``.`` for what ends a clause: ``" a child . asleep "``.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

from prompts.safety.lookalikes import AS_CYRILLIC, LIKE_CAPITAL, LIKE_SMALL, ORNAMENTAL, STYLED

_ACCENTED: Final = re.compile(
    "([a-z\u0370-\u03ff\u0400-\u0482\u048a-\u052f])([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+)"
)
_PLAIN_LETTERS: Final = str.maketrans({"æ": "ae", "œ": "oe", "’": "'", "‘": "'", "ʼ": "'"})
_HIDDEN: Final = frozenset({"Cf", "Cc", "Co", "Cs"})
"""Unicode categories of invisible characters."""
_FILLERS: Final = frozenset("\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\ufe0e\ufe0f\ufe00\ufe01\ufe02")
"""Letters and marks that show nothing."""
_LEET: Final = str.maketrans("034578962@$€+¢£¥§", "oeastbggzasetclys")
_LEET_SIGNS: Final = "@$€+¢£¥§"
_ONES: Final = "1!|¡"
"""What stands for ``i`` or ``l``."""
_WORD: Final = re.compile(r"[^\W_]+")
_TOKEN: Final = re.compile(r"[^\W_]+|[.,;:?!()\[\]\n、。，；：！？（）]")
_LEET_TOKEN: Final = re.compile(rf"(?:[^\W_]|[{_LEET_SIGNS}{_ONES}])+|[.,;:?()\[\]\n、。，；：！？（）]")
_LEET_WORD: Final = re.compile(rf"(?:[^\W_]|[{_LEET_SIGNS}{_ONES}])+")
_LEFT_OUT: Final = "0"
_DOUBLE: Final = re.compile(r"([^\W\d_])\1+")
_CHUNK: Final = re.compile(r"[^\s,;:()\[\]、。，；：（）]+")
_SPELT: Final = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,3}[^\W_](?![^\W_])){2,}")
_WORDS_OF_ONE: Final = frozenset("yeiouwzиівзус")
_SPELT_ALIKE: Final = re.compile(r"(?<![^\W_])[^\W_]([\W_]{1,3})[^\W_](?:\1[^\W_])+(?![^\W_])")
_RUN: Final = re.compile(r"(.)\1{2,}")
_SELDOM_DOUBLE: Final = frozenset("aiuyаиуыо")
_REPEATED: Final = re.compile(r"([^\w\s])\1{3,}")
_SPACES: Final = re.compile(r"[^\S\n]{2,}")
_LATIN: Final = re.compile("[a-z]")
_CYRILLIC: Final = re.compile("[\u0400-\u052f]")
_OF_CYRILLIC_LOOK: Final = re.compile("[aeopcyxikmtbhjus03468]{4,}")
_MIN_BACKWARDS: Final = 4


def fold(text: str) -> str:
    """Return ``text`` in lower case, compatible forms made equal, accents and invisible characters removed.

    Fullwidth, circled, squared, small capital and mathematical letters and digits of all scripts become plain ones; so
    does ``ñ`` (``n``). Runs of blanks become one, runs of a sign three.
    """
    text = unicodedata.normalize("NFKC", text.translate(STYLED)).casefold()
    # Invisible characters and emoji skin tones occur between letters only to hide a word.
    text = text.translate({ord(character): None for character in set(text) if _hidden(character)})
    text = unicodedata.normalize("NFD", text)
    text = _ACCENTED.sub(r"\1", text)
    text = unicodedata.normalize("NFC", text).translate(STYLED).translate(_PLAIN_LETTERS)
    text = text.translate({ord(character): _digit(character) for character in set(text) if not character.isascii()})
    return _REPEATED.sub(r"\1\1\1", _SPACES.sub(" ", text))


def words(folded: str) -> list[str]:
    """Return the words of folded text; ``_`` and punctuation separate."""
    return _WORD.findall(folded)


def line(tokens: Sequence[str]) -> str:
    """Return words and punctuation marks as a line."""
    return f" {' '.join(token if token[0].isalnum() else '.' for token in tokens)} "


def readings(folded: str) -> list[list[str]]:
    """Return the readings of folded text as words and marks, the plain one first, the others where they differ.

    They resolve letters that look like others, digits and signs in place of letters (``t33n``), repeated letters
    (``teeeen``), words with punctuation inside (``te-en``), and words spelled letter by letter (``t e e n``).
    """
    found = [_TOKEN.findall(folded)]

    def add(reading: list[str]) -> None:
        if reading not in found:
            found.append(reading)

    ones = "il" if any(one in folded for one in _ONES) else "i"
    likes = (LIKE_SMALL,) if folded.isascii() else (LIKE_SMALL, LIKE_CAPITAL)
    keeps = (_single, _double, _usual) if _RUN.search(folded) else (_double,)
    for tokens in (_LEET_TOKEN.findall(folded), _chunks(folded)):
        for one, like, keep in product(ones, likes, keeps):
            add(_each(tokens, lambda token, one=one, like=like, keep=keep: _read(token, one, like, keep)))
        if len(ones) > 1:
            add(_each(tokens, lambda token: _read(token, "i", LIKE_SMALL, _double, ends=True)))
        add(_each(tokens, _cyrillic))
    # What follows a spelled word may be a word of one letter, such as "y".
    for tail in ("", " "):
        unspelt = _SPELT_ALIKE.sub(lambda match, tail=tail: _joined(match[0], tail), folded)
        if unspelt != folded:
            add(_each(_LEET_TOKEN.findall(unspelt), lambda token: _read(token, "i", LIKE_SMALL, _double)))
    return found


def one_letter(word: str) -> str:
    """Return a word with every ``i`` and ``l`` the same, and no letter twice: what stands for them stands for either.

    So ``ch11d`` is found, and a word with several repeated letters.
    """
    return _DOUBLE.sub(r"\1", word.replace("i", "l"))


def uncertain(folded: str) -> list[list[str]]:
    """Return readings in which something stands for ``i`` or ``l``, or is repeated; none if nothing does.

    Words that are plain remain only if `one_letter` changes nothing: "public" must not be read as something else.
    """
    return [
        _each(tokens, _perhaps)
        for tokens in (_LEET_TOKEN.findall(folded), _chunks(folded))
        if any(map(_is_uncertain, set(tokens)))
    ]


def _is_uncertain(token: str) -> bool:
    return len(token) > 1 and (any(one in token for one in _ONES) or _RUN.search(token) is not None)


def _perhaps(token: str) -> str:
    read = _read(token, "l", LIKE_SMALL, _double, ends=True)
    word = one_letter(read)
    return word if word == read or _is_uncertain(token) else _LEFT_OUT


def spelt(folded: str) -> list[str]:
    """Return words spelled letter by letter (``l o l i``, ``n.u.d.e``), joined."""
    found = ["".join(words(match[0])) for match in _SPELT.finditer(folded)]
    return [variant for word in found for variant in {word, _read(word, "i", LIKE_SMALL, _double), _cyrillic(word)}]


def backwards(reading: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return a text with each word reversed, and with only its longer words reversed."""
    return (
        [token if token.isdecimal() else token[::-1] for token in reading],
        [token if token.isdecimal() or len(token) < _MIN_BACKWARDS else token[::-1] for token in reading],
    )


def squeezed(folded: str) -> str:
    """Return folded text without blanks and punctuation, for scripts that do not separate words by blanks."""
    kept = {"So", "Mn", "Mc"}
    return folded.translate(
        {ord(c): None for c in set(folded) if not c.isalnum() and unicodedata.category(c) not in kept}
    )


def _hidden(character: str) -> bool:
    if character in "\n\t\r":
        return False
    return unicodedata.category(character) in _HIDDEN or character in _FILLERS


def _each(tokens: Sequence[str], read: Callable[[str], str]) -> list[str]:
    """Return what every token is read as; each different one is read once."""
    known = {token: read(token) for token in set(tokens)}
    return [known[token] for token in tokens]


def _joined(run: str, tail: str) -> str:
    letters = words(run)
    last = letters[-1]
    return f" {''.join(letters[:-1])}{tail if last in _WORDS_OF_ONE else ''}{last} "


def _chunks(folded: str) -> list[str]:
    """Return what stands between blanks, without the punctuation inside."""
    return ["".join(_LEET_WORD.findall(chunk)) or "." for chunk in _CHUNK.findall(folded)]


def _digit(character: str) -> str:
    value = unicodedata.digit(character, None)
    return character if value is None else str(value)


def _single(run: re.Match[str]) -> str:
    return run[1]


def _double(run: re.Match[str]) -> str:
    return run[1] * 2


def _usual(run: re.Match[str]) -> str:
    return run[1] if run[1] in _SELDOM_DOUBLE else run[1] * 2


def _read(
    token: str, one: str, like: dict[int, str], keep: Callable[[re.Match[str]], str], *, ends: bool = False
) -> str:
    """Return a token with letters for what looks like them; at its ends too if ``ends``."""
    if token.isascii() and token.isalpha():
        return _RUN.sub(keep, token)
    bare = token if ends and any(character.isalpha() for character in token) else token.strip(_ONES[1:])
    if not bare:
        return "."
    if not bare.isalpha() and any(sign in bare for sign in _LEET_SIGNS):
        bare = token
    if not bare.isascii():
        latin = bare.translate(ORNAMENTAL if _LATIN.search(bare) else like)
        # A word of another alphabet is only in disguise if all of it passes for Latin.
        bare = latin if latin.isascii() else bare
    if not bare.isalpha() and any(character.isalpha() for character in bare):
        for sign in _ONES:
            bare = bare.replace(sign, one)
        bare = bare.translate(_LEET)
    return _RUN.sub(keep, bare)


def _cyrillic(token: str) -> str:
    if _CYRILLIC.search(token) or _OF_CYRILLIC_LOOK.fullmatch(token):
        return token.translate(AS_CYRILLIC)
    return token
