"""A llama_batch over numpy arrays: no allocation per step and no foreign call per token."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp
import numpy as np


@dataclass(frozen=True, slots=True)
class BatchSegment:
    """Consecutive tokens of one sequence. ``wants_logits`` asks for the logits of the last one."""

    sequence: int
    start: int
    tokens: Sequence[int]
    wants_logits: bool


class Batch:
    """The arrays of one decode, with room for ``capacity`` tokens."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._token = np.zeros(capacity, np.int32)
        self._position = np.zeros(capacity, np.int32)
        self._sequence_count = np.ones(capacity, np.int32)
        self._sequence = np.zeros(capacity, np.int32)
        self._sequence_at = (self._sequence.ctypes.data + 4 * np.arange(capacity)).astype(np.uintp)
        self._logits = np.zeros(capacity, np.int8)
        self._count_up = np.arange(capacity, dtype=np.int32)
        types: dict[str, Any] = {field[0]: field[1] for field in llama_cpp.llama_batch._fields_}

        def pointer(array: Any, field: str) -> Any:
            return ctypes.cast(array.ctypes.data, types[field])

        self._batch = llama_cpp.llama_batch(
            n_tokens=0,
            token=pointer(self._token, "token"),
            embd=None,
            pos=pointer(self._position, "pos"),
            n_seq_id=pointer(self._sequence_count, "n_seq_id"),
            seq_id=pointer(self._sequence_at, "seq_id"),
            logits=pointer(self._logits, "logits"),
        )

    def fill(self, parts: Sequence[BatchSegment]) -> tuple[Any, list[int]]:
        """Return the batch of ``parts`` and the indices of their last tokens in it."""
        end = 0
        places: list[int] = []
        for part in parts:
            start, end = end, end + len(part.tokens)
            # More would abort the process.
            assert end <= self.capacity, "a batch of too many tokens"
            self._token[start:end] = part.tokens
            self._position[start:end] = self._count_up[: end - start] + part.start
            self._sequence[start:end] = part.sequence
            self._logits[start:end] = 0
            self._logits[end - 1] = part.wants_logits
            places.append(end - 1)
        self._batch.n_tokens = end
        return self._batch, places
