"""Where texts are cut to be tokenised piece by piece: the model process and its clients cut alike."""

import re
from collections.abc import Sequence
from typing import Final, Literal

Cut = Literal["behind", "before"]
"""Behind a blank line, or before its last line break."""
# The line break that they begin with is found faster than a place that it lies before.
CUTS: Final[dict[Cut, re.Pattern[str]]] = {"behind": re.compile(r"\n\n(?=\S)"), "before": re.compile(r"\n(?=\n\S)")}
"""A text is cut behind what these find."""


def pieces(text: str, cut: Cut | None) -> Sequence[str]:
    """Return the pieces of a text; joined they are the text. None: it stays whole."""
    if cut is None or not (ends := [found.end() for found in CUTS[cut].finditer(text)]):
        return (text,)
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
