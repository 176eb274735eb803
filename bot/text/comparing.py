"""Texts that people type as they are compared with names and words that somebody else has typed."""

import re
import unicodedata
from typing import Final

_EMPHASIS: Final = re.compile(r"(?<!\w)_+|(?<!_)_+(?!\w)")
"""Underscores at the edge of a word, as of *_lamp_*: what people write is Markdown."""

_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
"""Characters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""


def folded(text: str) -> str:
    """Return a text as it is compared: neither case nor the way its characters are composed matters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def as_words(text: str) -> str:
    """Return a text as words are looked for in it, in one line.

    Besides what `folded` levels, neither blanks, emphasis, nor the apostrophes that phones put matter.
    """
    return " ".join(_EMPHASIS.sub(" ", folded(text).replace("’", "'")).split())


def find_word(text: str, word: str) -> int:
    """Return where a word or name first stands for itself in a text, -1 if nowhere; both as `as_words` returns them.

    Where a script puts no spaces between words, it may stand anywhere.
    """
    at = text.find(word) if word else -1
    while at >= 0:
        end = at + len(word)
        if not _joined(text[at - 1 : at], word[0]) and not _joined(word[-1], text[end : end + 1]):
            return at
        at = text.find(word, at + 1)
    return -1


def _joined(before: str, after: str) -> bool:
    """Return whether two neighbouring characters are of one word."""
    if not before or not after or not (_is_of_words(before) and _is_of_words(after)):
        return False
    return unicodedata.category(after)[0] == "M" or not (_UNSPACED.match(before) or _UNSPACED.match(after))


def _is_of_words(character: str) -> bool:
    """Letters, digits, the marks upon them, and what joins them."""
    return unicodedata.category(character)[0] in "LMN" or character in "_\u200c\u200d"
