"""How tokens are counted. The tokenizer belongs to the model that will answer; this room only knows the protocol."""

import math
from collections.abc import Sequence
from typing import Final, Protocol

MAX_BYTES_PER_TOKEN: Final = 16.0
"""No tokenizer packs more into a token, averaged over prose."""


class TokenCounter(Protocol):
    """Counts tokens by one model's tokenizer."""

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens; one round trip for all."""
        ...


class BytesBound:
    """A counter for models whose tokenizer is out of reach: bytes by a ratio that should be a lower bound of theirs."""

    def __init__(self, bytes_per_token: float = 2.0) -> None:
        """``bytes_per_token`` is how few bytes a token of that model holds at least, on average over a text."""
        if not 0 < bytes_per_token <= MAX_BYTES_PER_TOKEN:
            raise ValueError(f"{bytes_per_token} bytes per token cannot be")
        self._ratio = bytes_per_token

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Return a bound for each text."""
        return [math.ceil(len(text.encode()) / self._ratio) for text in texts]
