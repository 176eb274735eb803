"""Texts that people type as they are compared with names and words that somebody else has typed."""

import re
import unicodedata
from typing import Final

_EMPHASIS: Final = re.compile(r"(?<!\w)_+|(?<!_)_+(?!\w)")
"""Underscores at the edge of a word, as of *_lamp_*: what people write is Markdown."""


def folded(text: str) -> str:
    """Return a text as it is compared: neither case nor the way its characters are composed matters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def as_words(text: str) -> str:
    """Return a text as words are looked for in it, in one line.

    Besides what `folded` levels, neither blanks, emphasis, nor the apostrophes that phones put matter.
    """
    return " ".join(_EMPHASIS.sub(" ", folded(text).replace("’", "'")).split())
