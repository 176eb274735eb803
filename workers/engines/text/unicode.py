"""Text that any encoder accepts, and text that nobody can see."""

import re
import unicodedata
from typing import Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_INVISIBLE: Final = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0") | frozenset(
    map(chr, [*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)])
)
"""Letters, marks and symbols without a shape, and the selectors of variants of others (Unicode's
Default_Ignorable_Code_Point); all other invisible characters are in a category of their own."""


def well_formed(text: str) -> str:
    """Join halves of surrogate pairs, and replace lone ones, which have no UTF-8 form, with question marks."""
    if not _SURROGATE.search(text):
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return joined.encode("utf-8", "replace").decode()


def split_half(text: str) -> tuple[str, str]:
    """Return ``text`` without the first half of a surrogate pair at its end, and that half."""
    whole = len(text) - 1 if "\ud800" <= text[-1:] <= "\udbff" else len(text)
    return text[:whole], text[whole:]


def is_blank(text: str) -> bool:
    """Return whether nothing of ``text`` can be seen: spaces, control and format characters, fillers."""
    return all(
        character.isspace() or character in _INVISIBLE or unicodedata.category(character) in {"Cc", "Cf"}
        for character in text
    )
