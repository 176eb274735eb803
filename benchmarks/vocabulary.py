"""Made texts whose words are as frequent as those of a language: a few everywhere, most of them hardly ever (Zipf)."""

import itertools
import random
from typing import Final

SIZE: Final = 12_000
LEFT_OUT: Final = 8
"""The most frequent words of a language are its stop words, which no index has (Mandelbrot's shift)."""
_PARTS: Final = tuple(
    first + last for first in (*"bdfgklmnprstvz", "br", "st", "tr", "kl") for last in (*"aeiou", "ar", "en", "ol")
)


class Vocabulary:
    """So many made words, the most frequent first; the same at each call."""

    def __init__(self, size: int = SIZE) -> None:
        """Make the words."""
        dice = random.Random(5)
        made: dict[str, None] = {}
        while len(made) < size:
            made["".join(dice.choices(_PARTS, k=dice.randint(2, 4)))] = None
        self.words: Final = tuple(made)
        self._weights: Final = tuple(itertools.accumulate(1 / (rank + LEFT_OUT) for rank in range(size)))

    def prose(self, dice: random.Random, words: int) -> str:
        """Return a sentence of so many words."""
        return " ".join(dice.choices(self.words, cum_weights=self._weights, k=words)).capitalize() + "."
