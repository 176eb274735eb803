"""Continuous batching: one decode per step for all running sequences, which join and leave between steps.

A running sequence decodes its pending tokens and samples one when none is left. Generation is thus the case of one
pending token, and a preempted sequence resumes exactly as a new one starts. A step takes the pending token of every
generating sequence, then chunks of the other prompts, oldest first, up to the step's budget. The budget is small while
any sequence is generating, so that its text keeps flowing.

Nothing here calls llama.cpp: `Decoder` does. All methods must be called in one thread.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from workers.engines.fairness import FairOrder
from workers.engines.processes.connection import Client
from workers.engines.processes.messages import Failed
from workers.engines.text.base import FinishReason
from workers.engines.text.llama.protocol import Done, Pieces, Statistics
from workers.engines.text.llama.server.batch import BatchSegment
from workers.engines.text.llama.server.cache import KvCache
from workers.engines.text.llama.server.radix_tree import CellSequence, common_length
from workers.engines.text.llama.server.sequence import Sequence

MIN_PREFILL = 16
"""Prompt tokens decoded in every step, however many sequences are generating."""
WORTH_WAITING = 32
"""A request waits for another one to decode their common prefix if that saves at least this many tokens."""
_PREFILL_SHARE = 0.1
"""Cost of decoding a prompt token, relative to generating one."""
_log = logging.getLogger(__name__)


class NoCells(Exception):
    """There are not enough free cells; nothing of the batch was stored."""


class DecodeFailed(RuntimeError):
    """The model cannot continue: the state of its memory is unknown."""


class Decoder(Protocol):
    """The model."""

    def decode(self, parts: list[BatchSegment]) -> list[int]:
        """Decode ``parts`` and return the index of each one's logits. Raises `NoCells` or `DecodeFailed`."""
        ...

    def piece(self, token: int) -> bytes:
        """Return the bytes of ``token``."""
        ...

    def ends_turn(self, token: int) -> bool:
        """Return whether ``token`` ends an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """``max_num_seqs`` sequences run at a time. A step has at most ``batch`` tokens.

    While any sequence is generating, it has at most ``max_num_batched_tokens``.
    """

    max_num_seqs: int
    max_num_batched_tokens: int
    batch: int

    def __post_init__(self) -> None:
        if not 0 < self.max_num_seqs <= self.batch:
            raise ValueError(f"{self.max_num_seqs} sequences do not fit steps of {self.batch} tokens")


class Scheduler:
    """The waiting and running sequences of one model."""

    def __init__(
        self, decoder: Decoder, cache: KvCache, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._decoder = decoder
        self._cache = cache
        self._limits = limits
        self._clock = clock
        self._order = FairOrder()
        self._waiting: list[Sequence] = []
        self._running: list[Sequence] = []
        self._texts: dict[Client, list[tuple[int, str]]] = {}
        self._sums: dict[str, float] = {}

    @property
    def busy(self) -> bool:
        """Whether any sequence is waiting or running."""
        return bool(self._waiting or self._running)

    def add(self, sequence: Sequence) -> None:
        """Queue ``sequence``."""
        self._order.arrived(sequence.tenant)
        self._waiting.append(sequence)
        self._count(requests=1, prompt_tokens=sequence.prompt_length)

    def step(self) -> bool:
        """Advance all sequences by one decode. False if there was nothing to decode."""
        began = self._clock()
        self._drop_cancelled()
        self._admit(began)
        chosen = [*self._compose(began)]
        if not chosen:
            self._send_texts()
            return False
        before_decode = self._clock()
        places = self._decode(chosen)
        before_sampling = self._clock()
        for sequence, part, place in places:
            assert sequence.cells is not None
            self._cache.advance(sequence.cells, part.tokens)
            if part.wants_logits:
                self._sample(sequence, place)
        before_sending = self._clock()
        self._send_texts()
        self._count(
            steps=1,
            decode_s=before_sampling - before_decode,
            sample_s=before_sending - before_sampling,
            other_s=self._clock() - before_sending + before_decode - began,
        )
        return True

    def statistics(self) -> Statistics:
        """Return totals and the present load."""
        counts = self._cache.counts
        return Statistics.model_validate(
            {
                **self._sums,
                "decoded_tokens": counts.decoded_tokens,
                "evictions": counts.evictions,
                "swap_outs": counts.swap_outs,
                "swap_ins": counts.swap_ins,
                "running": len(self._running),
                "waiting": len(self._waiting),
                "idle": self._cache.idle,
                "cells": self._cache.cells,
                "used_cells": self._cache.used,
                "reserved_cells": self._cache.reserved,
                "swapped_bytes": self._cache.swapped_bytes,
            }
        )

    def _count(self, **more: float) -> None:
        for name, value in more.items():
            self._sums[name] = self._sums.get(name, 0) + value

    # -- Joining and leaving --------------------------------------------------------------------------------------

    def _drop_cancelled(self) -> None:
        for sequence in [sequence for sequence in (*self._running, *self._waiting) if sequence.request.cancelled]:
            self._end(sequence, Failed(id=sequence.request.id, reason="cancelled"))
            self._count(cancelled=1)

    def _admit(self, now: float) -> None:
        if not self._waiting:
            return
        self._waiting.sort(key=lambda sequence: self._order.key(sequence, now))
        while (sequence := self._next_to_run()) is not None:
            cells = self._open(sequence)
            if cells is None:
                return  # those behind it must not take its room
            self._waiting.remove(sequence)
            sequence.cells = cells
            self._running.append(sequence)
            sequence.waited_long = self._order.urgency(sequence, now) < sequence.priority
            if sequence.cached_tokens is None:
                sequence.cached_tokens = cells.length
                prefill = _PREFILL_SHARE * (sequence.prompt_length - cells.length)
                self._order.charge(sequence.tenant, prefill + sequence.max_tokens)
                self._count(cached_tokens=cells.length)
                self._waiting.sort(key=lambda sequence: self._order.key(sequence, now))

    def _next_to_run(self) -> Sequence | None:
        """Return the first sequence that need not wait for another one to decode their common prefix."""
        for sequence in self._waiting:
            reader = self._reader_for(sequence)
            if reader is None:
                return sequence
            if sequence.priority == 0 and reader.priority > 0 and not reader.waited_long:
                # Interactive work must not wait for background work; it continues from what that has decoded.
                self._preempt(reader)
                return sequence
        return None

    def _open(self, sequence: Sequence) -> CellSequence | None:
        while len(self._running) >= self._limits.max_num_seqs:
            if not self._preempt_for(sequence):
                return None
        while (cells := self._cache.open(sequence.tokens, sequence.tenant, sequence.shared, sequence.limit)) is None:
            if not self._preempt_for(sequence):
                return None
        return cells

    def _preempt_for(self, sequence: Sequence) -> bool:
        """Preempt a background sequence for the interactive ``sequence``. False if none can be preempted."""
        if sequence.priority > 0:
            return False
        background = [other for other in self._running if other.priority > 0 and not other.waited_long]
        staying = sum(other.limit for other in self._running if other not in background)
        if not background or staying + sequence.limit > self._cache.cells:
            return False
        self._preempt(background[-1])
        return True

    def _preempt(self, sequence: Sequence) -> None:
        assert sequence.cells is not None
        self._cache.close(sequence.cells)
        sequence.cells = None
        self._running.remove(sequence)
        self._waiting.append(sequence)
        self._count(preemptions=1)

    def _reader_for(self, sequence: Sequence) -> Sequence | None:
        """Return the running sequence about to decode the longest prefix that ``sequence`` could then share, if any."""
        best, reader = 0, None
        for other in self._running:
            assert other.cells is not None
            if other.pending <= 1 or other.request.client.blocked:
                continue
            readable = len(sequence.tokens) - 1
            if other.tenant != sequence.tenant:
                readable = min(readable, sequence.shared, other.shared)
            common = min(readable, common_length(sequence.tokens, other.tokens))
            if common > max(best, other.cells.length):
                best, reader = common, other
        known = self._cache.known(sequence.tokens, sequence.tenant, sequence.shared) if reader is not None else 0
        return reader if best - known >= WORTH_WAITING else None

    # -- One step -------------------------------------------------------------------------------------------------

    def _compose(self, now: float) -> Iterator[tuple[Sequence, BatchSegment]]:
        ready = [sequence for sequence in self._running if not sequence.request.client.blocked]
        generating = [sequence for sequence in ready if sequence.pending == 1]
        for sequence in generating:
            yield self._part(sequence, 1)
        budget = (
            max(self._limits.max_num_batched_tokens, len(generating) + MIN_PREFILL)
            if generating
            else self._limits.batch
        )
        room = min(budget, self._limits.batch) - len(generating)
        prefilling = [sequence for sequence in ready if sequence.pending > 1]
        prefilling.sort(key=lambda sequence: self._order.urgency(sequence, now))
        for sequence in prefilling:
            if room <= 0:
                return
            n = min(room, sequence.pending)
            room -= n
            yield self._part(sequence, n)

    def _part(self, sequence: Sequence, n: int) -> tuple[Sequence, BatchSegment]:
        assert sequence.cells is not None
        start = sequence.cells.length
        tokens = sequence.tokens[start : start + n]
        return sequence, BatchSegment(sequence.cells.id, start, tokens, wants_logits=start + n == len(sequence.tokens))

    def _decode(self, chosen: list[tuple[Sequence, BatchSegment]]) -> list[tuple[Sequence, BatchSegment, int]]:
        try:
            return self._decode_once(chosen)
        except NoCells:
            # Every sequence has reserved what it needs, so this is about how the library places them.
            _log.warning("no cells for %d tokens", sum(len(part.tokens) for _, part in chosen))
        self._cache.evict_idle()
        while len(chosen) > 1:
            try:
                return self._decode_once(chosen)
            except NoCells:
                sequence, _ = chosen.pop()
                self._preempt(sequence)
                self._cache.evict_idle()
        try:
            return self._decode_once(chosen)
        except NoCells:
            sequence, _ = chosen[0]
            self._end(
                sequence, Failed(id=sequence.request.id, reason="internal", message="the KV cache has no room for it")
            )
            self._count(failed=1)
            return []

    def _decode_once(self, chosen: list[tuple[Sequence, BatchSegment]]) -> list[tuple[Sequence, BatchSegment, int]]:
        places = self._decoder.decode([part for _, part in chosen])
        return [(sequence, part, place) for (sequence, part), place in zip(chosen, places, strict=True)]

    def _sample(self, sequence: Sequence, place: int) -> None:
        try:
            token = sequence.sample(place)
        except RuntimeError as error:
            _log.warning("request %d: %s", sequence.request.id, error)
            self._end(sequence, Failed(id=sequence.request.id, reason="internal", message=str(error)))
            self._count(failed=1)
            return
        sequence.tokens.append(token)
        finish: FinishReason | None = None
        if self._decoder.ends_turn(token):
            finish = "stop"
        else:
            self._show(sequence, sequence.detokenizer.push(self._decoder.piece(token)))
            if sequence.detokenizer.stopped:
                finish = "stop"
            elif sequence.written >= sequence.max_tokens:
                finish = "length"
        if finish is not None:
            self._show(sequence, sequence.detokenizer.flush())
            self._end(
                sequence,
                Done(
                    id=sequence.request.id,
                    finish_reason=finish,
                    prompt_tokens=sequence.prompt_length - sequence.begun,
                    completion_tokens=sequence.begun + sequence.written,
                    cached_tokens=sequence.cached_tokens or 0,
                ),
            )

    def _show(self, sequence: Sequence, text: str) -> None:
        if text:
            self._texts.setdefault(sequence.request.client, []).append((sequence.request.id, text))

    def _end(self, sequence: Sequence, event: Done | Failed) -> None:
        if sequence.cells is not None:
            # The conversation's next prompt starts with these tokens.
            self._cache.close(sequence.cells)
            sequence.cells = None
            self._running.remove(sequence)
        else:
            self._waiting.remove(sequence)
        if sequence.cached_tokens is not None:
            self._order.charge(sequence.tenant, sequence.written - sequence.max_tokens)
        self._order.left(sequence.tenant)
        self._count(completion_tokens=sequence.written)
        self._send_text_to(sequence.request.client)
        sequence.request.client.send(event)
        sequence.free()

    def _send_texts(self) -> None:
        for client in [*self._texts]:
            self._send_text_to(client)

    def _send_text_to(self, client: Client) -> None:
        texts = self._texts.pop(client, None)
        if texts:
            client.send(Pieces(texts=tuple(texts)))
