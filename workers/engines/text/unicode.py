"""Text that any encoder accepts, and text that nobody can see."""

import unicodedata
from typing import Final

_INVISIBLE: Final = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and symbols without a shape; all other invisible characters are in a category of their own."""


def well_formed(text: str) -> str:
    """Replace lone surrogates, which have no UTF-8 form, with question marks."""
    return text.encode("utf-8", "replace").decode()


def is_blank(text: str) -> bool:
    """Return whether nothing of ``text`` can be seen: spaces, control and format characters, fillers."""
    return all(
        character.isspace() or character in _INVISIBLE or unicodedata.category(character) in {"Cc", "Cf"}
        for character in text
    )
