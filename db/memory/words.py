"""Words as the archive indexes them: whole words, and pairs of characters where words are not set apart by spaces."""

import unicodedata
from collections.abc import Iterator
from typing import Final

import regex

MAX_WORDS: Final = 400
"""Words of a text that are indexed or asked for; the rest is left out."""
MAX_LENGTH: Final = 64
"""Characters of a word: what is longer is no word."""
_DENSE: Final = (
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}"
    r"\p{Script=Myanmar}\p{Script=Khmer}ー々"
)
_RUN: Final = regex.compile(rf"(?P<dense>[{_DENSE}]+)|(?P<word>(?:(?![{_DENSE}])[\p{{L}}\p{{M}}\p{{N}}])+)")
_SCRIPTS: Final = (
    ("simple", regex.compile(rf"[{_DENSE}\p{{Script=Hebrew}}]")),
    ("russian_stem", regex.compile(r"\p{Script=Cyrillic}")),
    ("greek_stem", regex.compile(r"\p{Script=Greek}")),
    ("arabic_stem", regex.compile(r"\p{Script=Arabic}")),
    ("hindi_stem", regex.compile(r"\p{Script=Devanagari}")),
    ("tamil_stem", regex.compile(r"\p{Script=Tamil}")),
)
LATIN: Final = (
    "english_stem", "danish_stem", "dutch_stem", "finnish_stem", "french_stem", "german_stem", "hungarian_stem",
    "italian_stem", "norwegian_stem", "portuguese_stem", "spanish_stem", "swedish_stem", "turkish_stem",
)  # fmt: skip
"""PostgreSQL's dictionaries of languages in Latin script that have a list of stop words, by which one tells them."""


def words(text: str) -> list[str]:
    """Return the words of a text in their order, folded; pairs of characters of a script without spaces."""
    found: list[str] = []
    for word in _words(unicodedata.normalize("NFKC", text).casefold()):
        if len(word) <= MAX_LENGTH:
            found.append(word)
        if len(found) == MAX_WORDS:
            break
    return found


def dictionary_by_script(text: str) -> str:
    """Return the dictionary of PostgreSQL for the script of most of a text's letters; empty for Latin."""
    best, most = "", len(regex.findall(r"\p{Script=Latin}", text)) or 1
    for dictionary, pattern in _SCRIPTS:
        # A character of a dense script is about half a word.
        count = len(pattern.findall(text)) * (2 if dictionary == "simple" else 1)
        if count > most:
            best, most = dictionary, count
    return best


def _words(text: str) -> Iterator[str]:
    for found in _RUN.finditer(text):
        run = found["dense"]
        if run is None:
            yield found["word"]
        elif len(run) == 1:
            yield run
        else:
            yield from (run[i : i + 2] for i in range(len(run) - 1))
