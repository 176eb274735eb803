"""What counting tokens needs in every engine: counts that are remembered, and a bound for tokenizers nobody can ask."""

import hashlib
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from workers.engines.text.base import ModelMessage

REMEMBERED: Final = 16_384
"""Counts that are remembered for each model, about 3 MB; the longest unused go first."""
ASCII_PER_BYTE: Final = 1 / 3
"""Tokens per byte of ASCII text before anything was learnt: English has 0.24, JSON and numbers about 0.3."""
OTHER_PER_BYTE: Final = 0.75
"""The same for other bytes: Chinese, Cyrillic and Thai have 0.2 to 0.7 by the vocabulary, emoji up to 0.75."""
LEAST_PER_BYTE: Final = 0.125
"""No bound goes below: servers that cut a prompt off in silence report too few tokens."""
PER_MESSAGE: Final = 8
"""Tokens that a chat template may add to a message."""
PER_PROMPT: Final = 40
"""Tokens that a chat template may add to a prompt: a beginning, a date, a default system message."""
MARGIN: Final = 1.1
"""How much more than seen so far a text may need; `WARY_MARGIN` until `SEEN_WELL` prompts were seen."""
WARY_MARGIN: Final = 1.25
SEEN_WELL: Final = 8
_RECENT: Final = 64
_LEAST_SHARE: Final = 0.25
"""A prompt says something about a kind of bytes that makes up at least this share of it, or if it was longer than
its bound.
"""
_LEAST_BYTES: Final = 400


class KnownCounts:
    """The counts of texts that were counted before. Only digests of the texts are kept."""

    def __init__(self, size: int = REMEMBERED) -> None:
        """At most ``size`` counts are remembered."""
        self._size = size
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def __len__(self) -> int:
        """Return how many counts are remembered."""
        return len(self._counts)

    async def many(self, texts: Sequence[str], count: Callable[[list[str]], Awaitable[list[int]]]) -> list[int]:
        """Return the counts of ``texts``; ``count`` is called once, for those that are new. Raises what it raises."""
        keys = [_digest(text) for text in texts]
        known = {key: number for key in keys if (number := self._counts.get(key)) is not None}
        for key in known:
            self._counts.move_to_end(key)
        if new := {key: text for key, text in zip(keys, texts, strict=True) if key not in known}:
            counted = dict(zip(new, await count(list(new.values())), strict=True))
            known |= counted
            self._counts |= counted
        while len(self._counts) > self._size:
            self._counts.popitem(last=False)
        return [known[key] for key in keys]


@dataclass(frozen=True, slots=True)
class ByteSizes:
    """The bytes of texts in UTF-8."""

    ascii: int
    other: int

    @classmethod
    def of(cls, texts: Iterable[str]) -> "ByteSizes":
        """Measure ``texts``."""
        ascii_bytes = other = 0
        for text in texts:
            if text.isascii():
                ascii_bytes += len(text)
                continue
            plain = len(text.encode("ascii", "ignore"))
            ascii_bytes += plain
            other += len(text.encode("utf-8", "replace")) - plain
        return cls(ascii_bytes, other)


@dataclass(slots=True)
class TokenBound:
    """A bound on the tokens of texts by an unknown tokenizer, in tokens per byte, learnt from what a server reports.

    It stays on the safe side. A report bounds the tokens per byte of one kind as if that kind had made all tokens of
    the prompt; the bound is the largest of the recent reports and a margin. Until there are any it is what no current
    vocabulary exceeds with prose.
    """

    _ascii: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    _other: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))

    def of_text(self, text: str) -> int:
        """Return a bound on the tokens of ``text``."""
        return self._of(ByteSizes.of((text,)))

    def of_messages(self, messages: Sequence[ModelMessage]) -> int:
        """Return a bound on the tokens of the prompt that ``messages`` make."""
        texts = sum(self.of_text(message.content) for message in messages)
        return texts + PER_MESSAGE * len(messages) + PER_PROMPT

    def learn(self, messages: Sequence[ModelMessage], tokens: int) -> None:
        """Note that a server has counted ``tokens`` in the prompt of ``messages``."""
        sizes = ByteSizes.of(message.content for message in messages)
        total = sizes.ascii + sizes.other
        if tokens <= 0 or total < _LEAST_BYTES:
            return
        exceeded = tokens > self.of_messages(messages)
        for seen, size in ((self._ascii, sizes.ascii), (self._other, sizes.other)):
            if size >= _LEAST_SHARE * total or (exceeded and size):
                seen.append(min(max(tokens / size, LEAST_PER_BYTE), 1.0))

    def learn_excess(self, messages: Sequence[ModelMessage], tokens: int) -> None:
        """Note that a prompt did not fit. ``tokens`` may be an estimate of ours, so it can only raise the bound."""
        if tokens > self.of_messages(messages):
            self.learn(messages, tokens)

    def _of(self, sizes: ByteSizes) -> int:
        ascii_tokens = sizes.ascii * _bound(self._ascii, ASCII_PER_BYTE)
        return math.ceil(ascii_tokens + sizes.other * _bound(self._other, OTHER_PER_BYTE))


class TokenBounds:
    """The bounds of several models on several servers; the longest unused are forgotten."""

    def __init__(self, size: int = 64) -> None:
        """At most ``size`` bounds are kept."""
        self._size = size
        self._bounds: OrderedDict[tuple[str, str], TokenBound] = OrderedDict()

    def __len__(self) -> int:
        """Return how many bounds are kept."""
        return len(self._bounds)

    def of(self, server: str, model: str) -> TokenBound:
        """Return the bound of a model on a server."""
        bound = self._bounds.setdefault((server, model), TokenBound())
        self._bounds.move_to_end((server, model))
        while len(self._bounds) > self._size:
            self._bounds.popitem(last=False)
        return bound


def _bound(seen: deque[float], unseen: float) -> float:
    if not seen:
        return unseen
    return min(1.0, max(seen) * (MARGIN if len(seen) >= SEEN_WELL else WARY_MARGIN))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
