"""Texts are tokenised paragraph by paragraph where the vocabulary allows it, so that counts can be remembered.

A prompt differs from the one before it in a few paragraphs. Most tokenizers begin a new token behind a blank line, or
before its last line break, whatever stands around it; whether this one does, and where, is tried out once. What is
counted and what a model reads is cut alike, so that a count holds exactly in any case.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import cycle, islice
from typing import Final

from workers.engines.text.llama.pieces import CUTS, Cut, pieces

REMEMBERED: Final = 16_384
"""Counts that are remembered, about 3 MB; the longest unused go first."""
_BEFORE: Final = (
    "word", "word.", 'Is it?"', "said ", "(so)", "of 12", "a—", "–", "好。", "слово", "it's", "x_", "…", "}",
)  # fmt: skip
_AFTER: Final = (
    "Word", "word", "I", "- item", "> The", '"Yes', "“Yes", "3 of", "'s", "好", "Слово", "é", "🙂", "*so*", "(so)",
    "# So", "...", "1.", "{", "_", "—",
)  # fmt: skip
_BREAKS: Final = ("\n\n", "\n\n\n", "\n\n\n\n", " \n\n", "\n \n\n")
"""Each is tried with each of the texts before and after it; the numbers of these have no common divisor."""

Encode = Callable[[str], list[int]]


class TextPieces:
    """Cuts texts for one tokenizer, and remembers how many tokens the pieces have: digests only, no texts."""

    def __init__(self, encode: Encode, size: int = REMEMBERED) -> None:
        """``encode`` tokenises plain text inside a message. At most ``size`` counts are remembered."""
        self._encode, self._size = encode, size
        self.how: Cut | None = next((cut for cut in CUTS if _holds(cut, encode)), None)
        """Where texts are cut; None: nowhere."""
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def cut(self, text: str) -> Sequence[str]:
        """Return the pieces of a text, each to be tokenised alone."""
        return pieces(text, self.how)

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        return [token for piece in self.cut(text) for token in self._encode(piece)]

    def count(self, text: str) -> int:
        """Return the number of `tokens` of a text."""
        return sum(map(self._count, self.cut(text)))

    def _count(self, piece: str) -> int:
        key = blake2b(piece.encode("utf-8", "replace"), digest_size=16).digest()
        if (found := self._counts.get(key)) is None:
            found = self._counts[key] = len(self._encode(piece))
            if len(self._counts) > self._size:
                self._counts.popitem(last=False)
        else:
            self._counts.move_to_end(key)
        return found


def _holds(cut: Cut, encode: Encode) -> bool:
    """Return whether texts have the same tokens when they are cut."""
    every = math.lcm(len(_BREAKS), len(_BEFORE)), math.lcm(len(_BREAKS), len(_AFTER))
    probes = map("".join, islice(zip(cycle(_BEFORE), cycle(_BREAKS), cycle(_AFTER), strict=False), max(every)))
    return all(encode(text) == [token for piece in pieces(text, cut) for token in encode(piece)] for text in probes)
