"""The scheduler and its cache, on a model that does nothing but count."""

from collections import abc
from itertools import count
from typing import Any

from workers.engines.processes.messages import WireMessage
from workers.engines.text.base import ModelMessage
from workers.engines.text.llama.server.batch import BatchSegment
from workers.engines.text.llama.server.cache import KvCache
from workers.engines.text.llama.server.model import BATCH, IDLE, LlamaModel
from workers.engines.text.llama.server.scheduler import Limits, Scheduler
from workers.engines.text.llama.server.sequence import Detokenizer, Request, Sequence

_numbers = count(1)


class CountingModel:
    """Decoder and memory of a model that does nothing: every answer ends at once."""

    partial = True

    def decode(self, parts: list[BatchSegment]) -> list[int]:
        """See `workers.engines.text.llama.server.scheduler.Decoder`, as the two below."""
        return list(range(len(parts)))

    def piece(self, token: int) -> bytes:
        """Return nothing."""
        del token
        return b""

    def ends_turn(self, token: int) -> bool:
        """Say yes."""
        del token
        return True

    def copy(self, source: int, target: int, end: int) -> None:
        """See `workers.engines.text.llama.server.cache.Memory`, as those below."""

    def truncate(self, sequence: int, length: int) -> None:
        """Do nothing."""

    def state_size(self, sequence: int) -> int:
        """Return 0."""
        del sequence
        return 0

    def save(self, sequence: int) -> bytes:
        """Fail."""
        del sequence
        return b""

    def restore(self, sequence: int, state: Any) -> bool:
        """Fail."""
        del sequence, state
        return False


class Nobody:
    """A client to whom nothing matters."""

    blocked = False

    def send(self, event: WireMessage, data: bytes = b"") -> None:
        """Take an event."""


class Reader:
    """A vocabulary, and the scheduler of a model that only counts."""

    def __init__(self, words: LlamaModel, window: int) -> None:
        """``words`` turns messages into tokens. There are cells for four windows."""
        self._chat = words.chat
        model = CountingModel()
        cache = KvCache(model, cells=4 * window, sequences=8 + IDLE + 1, idle=IDLE)
        self._scheduler = Scheduler(model, cache, Limits(max_num_seqs=8, max_num_batched_tokens=128, batch=BATCH))

    def read(self, messages: abc.Sequence[ModelMessage]) -> tuple[int, int]:
        """Read a prompt; return its tokens, and how many of them were in the cache."""
        prompt = self._chat.prompt(messages)
        item = Sequence(
            Request(Nobody(), next(_numbers)), "1", 0, list(prompt.tokens), prompt.shared, 1, Detokenizer((), None),
            sample=lambda _: 0, free=lambda: None, arrived=0.0,
        )  # fmt: skip
        self._scheduler.add(item)
        while self._scheduler.busy:
            self._scheduler.step()
        assert item.cached_tokens is not None
        return len(prompt.tokens), item.cached_tokens
