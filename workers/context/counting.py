"""How tokens are counted. The tokenizer belongs to the model that will answer; this room only knows the protocol."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
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


class CountCache:
    """Counts of texts that were counted before, by model: pages and messages do not change. Bounded."""

    def __init__(self, limit: int = 50_000) -> None:
        """``limit`` is the number of counts that are kept; the least recently used go first."""
        self._limit = limit
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def over(self, counter: TokenCounter, model: str) -> "CachedCounter":
        """Return a counter that asks ``counter``, the tokenizer of ``model``, only for what is new."""
        return CachedCounter(self, counter, model)

    def get(self, key: bytes) -> int | None:
        """Return a kept count."""
        if (found := self._counts.get(key)) is not None:
            self._counts.move_to_end(key)
        return found

    def put(self, key: bytes, count: int) -> None:
        """Keep a count."""
        self._counts[key] = count
        if len(self._counts) > self._limit:
            self._counts.popitem(last=False)


class CachedCounter:
    """A `TokenCounter` with a cache before it."""

    def __init__(self, cache: CountCache, counter: TokenCounter, model: str) -> None:
        self._cache, self._counter, self._model = cache, counter, model.encode()

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        keys = [blake2b(text.encode(), digest_size=16, key=self._model[:64]).digest() for text in texts]
        known = [self._cache.get(key) for key in keys]
        new = {key: text for key, text, count in zip(keys, texts, known, strict=True) if count is None}
        if new:
            counted = dict(zip(new, await self._counter.count(list(new.values())), strict=True))
            for key, count in counted.items():
                self._cache.put(key, count)
            known = [counted[key] if count is None else count for key, count in zip(keys, known, strict=True)]
        return [count for count in known if count is not None]
