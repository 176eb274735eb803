"""Continuous batching: one decode after the other over everybody's tokens, joined and left at every step.

A running request always reads the tokens it has not read yet, and draws one when it has read all. Writing is therefore
the case of one unread token, and a request that was put back goes on by the same way as a new one starts. Each
step takes the unread token of everybody who writes, then stretches of the others' prompts, oldest first,
as far as the step's budget goes. The budget is small while somebody writes, so that their text keeps flowing.

Nothing here calls llama.cpp: `Decoder` does. All methods belong to one thread.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from workers.engines.processes.connection import Client
from workers.engines.processes.messages import Failed
from workers.engines.text.base import FinishReason
from workers.engines.text.llama.protocol import Done, Pieces, Statistics
from workers.engines.text.llama.server.batch import Part
from workers.engines.text.llama.server.cache import KvCache
from workers.engines.text.llama.server.cells import CellSequence, common_length
from workers.engines.text.llama.server.fairness import FairOrder, urgency
from workers.engines.text.llama.server.work import Work

MIN_PREFILL = 16
"""Tokens of prompts that are read in every step, however many write."""
WORTH_WAITING = 32
"""A request waits for another one to read their common beginning if that saves so many tokens."""
_log = logging.getLogger(__name__)


class NoCells(Exception):
    """There are not enough free cells. Nothing of the batch was stored."""


class DecodeFailed(RuntimeError):
    """The model cannot go on: the state of its memory is not known any more."""


class Decoder(Protocol):
    """The model."""

    def decode(self, parts: Sequence[Part]) -> list[int]:
        """Read ``parts`` and return the places to draw from, one for each. Raises `NoCells`, `DecodeFailed`."""
        ...

    def piece(self, token: int) -> bytes:
        """Return the bytes of ``token``."""
        ...

    def ends_turn(self, token: int) -> bool:
        """Tell whether ``token`` ends an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """``parallel`` requests run at a time; a step has ``batch`` tokens at most, ``step_tokens`` while one writes."""

    parallel: int
    step_tokens: int
    batch: int

    def __post_init__(self) -> None:
        if not 0 < self.parallel <= self.batch:
            raise ValueError(f"{self.parallel} answers at a time do not fit steps of {self.batch} tokens")


class Scheduler:
    """Waiting and running requests of one model."""

    def __init__(
        self, decoder: Decoder, cache: KvCache, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._decoder = decoder
        self._cache = cache
        self._limits = limits
        self._clock = clock
        self._order = FairOrder()
        self._waiting: list[Work] = []
        self._running: list[Work] = []
        self._texts: dict[Client, list[tuple[int, str]]] = {}
        self._sums: dict[str, float] = {}

    @property
    def busy(self) -> bool:
        """True while anything waits or runs."""
        return bool(self._waiting or self._running)

    def add(self, work: Work) -> None:
        """Queue ``work``."""
        self._order.arrived(work.tenant)
        self._waiting.append(work)
        self._count(requests=1, prompt_tokens=work.prompt_length)

    def step(self) -> bool:
        """Advance everybody as far as one decode goes. False if there was nothing to decode."""
        began = self._clock()
        self._drop_cancelled()
        self._admit(began)
        chosen = [*self._compose(began)]
        if not chosen:
            self._send_texts()
            return False
        before_decode = self._clock()
        places = self._decode(chosen)
        before_draw = self._clock()
        for work, part, place in places:
            assert work.sequence is not None
            self._cache.advance(work.sequence, part.tokens)
            if part.wants_logits:
                self._draw(work, place)
        before_sending = self._clock()
        self._send_texts()
        self._count(
            steps=1,
            decode_s=before_draw - before_decode,
            sample_s=before_sending - before_draw,
            other_s=self._clock() - before_sending + before_decode - began,
        )
        return True

    def statistics(self) -> Statistics:
        """Return what happened so far, and how it is."""
        counts = self._cache.counts
        return Statistics.model_validate(
            {
                **self._sums,
                "decoded_tokens": counts.decoded_tokens,
                "evictions": counts.evictions,
                "spills": counts.spills,
                "restores": counts.restores,
                "running": len(self._running),
                "waiting": len(self._waiting),
                "idle": self._cache.idle,
                "cells": self._cache.cells,
                "used_cells": self._cache.used,
                "reserved_cells": self._cache.reserved,
                "spilled_bytes": self._cache.spilled_bytes,
            }
        )

    def _count(self, **more: float) -> None:
        for name, value in more.items():
            self._sums[name] = self._sums.get(name, 0) + value

    # Joining and leaving

    def _drop_cancelled(self) -> None:
        for work in [work for work in (*self._running, *self._waiting) if work.ticket.cancelled]:
            self._end(work, Failed(id=work.ticket.id, reason="cancelled"))
            self._count(cancelled=1)

    def _admit(self, now: float) -> None:
        if not self._waiting:
            return
        self._waiting.sort(key=lambda work: self._order.key(work, now))
        while (work := self._next_to_run()) is not None:
            sequence = self._open(work)
            if sequence is None:
                return  # whoever comes behind must not take its room
            self._waiting.remove(work)
            work.sequence = sequence
            self._running.append(work)
            work.waited_long = urgency(work, now) < work.priority
            if work.cached_tokens is None:
                work.cached_tokens = sequence.length
                self._order.charge(work, read=work.prompt_length - sequence.length, written=work.max_tokens)
                self._count(cached_tokens=sequence.length)
                self._waiting.sort(key=lambda work: self._order.key(work, now))

    def _next_to_run(self) -> Work | None:
        """Return the first who need not wait for another one's reading."""
        for work in self._waiting:
            reader = self._reader_for(work)
            if reader is None:
                return work
            if work.priority == 0 and reader.priority > 0 and not reader.waited_long:
                # A person does not wait for what waits for people itself, but goes on from where that stands.
                self._put_back(reader)
                return work
        return None

    def _open(self, work: Work) -> CellSequence | None:
        while len(self._running) >= self._limits.parallel:
            if not self._put_somebody_back(work):
                return None
        while (sequence := self._cache.open(work.tokens, work.tenant, work.shared, work.limit)) is None:
            if not self._put_somebody_back(work):
                return None
        return sequence

    def _put_somebody_back(self, work: Work) -> bool:
        """Make background work wait again if ``work`` has a person waiting. False if there is none that can."""
        if work.priority > 0:
            return False
        background = [other for other in self._running if other.priority > 0 and not other.waited_long]
        staying = sum(other.limit for other in self._running if other not in background)
        if not background or staying + work.limit > self._cache.cells:
            return False
        self._put_back(background[-1])
        return True

    def _put_back(self, work: Work) -> None:
        assert work.sequence is not None
        self._cache.close(work.sequence)
        work.sequence = None
        self._running.remove(work)
        self._waiting.append(work)
        self._count(preemptions=1)

    def _reader_for(self, work: Work) -> Work | None:
        """Return the running request that is about to read the most that ``work`` could then take from it, if any."""
        best, reader = 0, None
        for other in self._running:
            assert other.sequence is not None
            if other.pending <= 1 or other.ticket.sink.blocked:
                continue
            readable = len(work.tokens) - 1
            if other.tenant != work.tenant:
                readable = min(readable, work.shared, other.shared)
            common = min(readable, common_length(work.tokens, other.tokens))
            if common > max(best, other.sequence.length):
                best, reader = common, other
        if reader is None or best - self._cache.known(work.tokens, work.tenant, work.shared) < WORTH_WAITING:
            return None
        return reader

    # One step

    def _compose(self, now: float) -> Iterator[tuple[Work, Part]]:
        ready = [work for work in self._running if not work.ticket.sink.blocked]
        writing = [work for work in ready if work.pending == 1]
        for work in writing:
            yield self._part(work, 1)
        budget = max(self._limits.step_tokens, len(writing) + MIN_PREFILL) if writing else self._limits.batch
        room = min(budget, self._limits.batch) - len(writing)
        reading = [work for work in ready if work.pending > 1]
        reading.sort(key=lambda work: urgency(work, now))
        for work in reading:
            if room <= 0:
                return
            n = min(room, work.pending)
            room -= n
            yield self._part(work, n)

    def _part(self, work: Work, n: int) -> tuple[Work, Part]:
        assert work.sequence is not None
        start = work.sequence.length
        tokens = work.tokens[start : start + n]
        return work, Part(work.sequence.id, start, tokens, wants_logits=start + n == len(work.tokens))

    def _decode(self, chosen: list[tuple[Work, Part]]) -> list[tuple[Work, Part, int]]:
        try:
            return self._decode_once(chosen)
        except NoCells:
            # Every sequence reserved what it needs, so this is a matter of how the library places them.
            _log.warning("no cells for %d tokens", sum(len(part.tokens) for _, part in chosen))
        self._cache.evict_idle()
        while len(chosen) > 1:
            try:
                return self._decode_once(chosen)
            except NoCells:
                work, _ = chosen.pop()
                self._put_back(work)
                self._cache.evict_idle()
        try:
            return self._decode_once(chosen)
        except NoCells:
            work, _ = chosen[0]
            self._end(work, Failed(id=work.ticket.id, reason="internal", message="the KV cache has no room for it"))
            self._count(failed=1)
            return []

    def _decode_once(self, chosen: list[tuple[Work, Part]]) -> list[tuple[Work, Part, int]]:
        places = self._decoder.decode([part for _, part in chosen])
        return [(work, part, place) for (work, part), place in zip(chosen, places, strict=True)]

    def _draw(self, work: Work, place: int) -> None:
        try:
            token = work.draw(place)
        except RuntimeError as error:
            _log.warning("request %d: %s", work.ticket.id, error)
            self._end(work, Failed(id=work.ticket.id, reason="internal", message=str(error)))
            self._count(failed=1)
            return
        work.tokens.append(token)
        finish: FinishReason | None = None
        if self._decoder.ends_turn(token):
            finish = "stop"
        else:
            self._show(work, work.answer.push(self._decoder.piece(token)))
            if work.answer.stopped:
                finish = "stop"
            elif work.written >= work.max_tokens:
                finish = "length"
        if finish is not None:
            self._show(work, work.answer.flush())
            self._end(
                work,
                Done(
                    id=work.ticket.id,
                    finish_reason=finish,
                    prompt_tokens=work.prompt_length - work.begun,
                    completion_tokens=work.begun + work.written,
                    cached_tokens=work.cached_tokens or 0,
                ),
            )

    def _show(self, work: Work, text: str) -> None:
        if text:
            self._texts.setdefault(work.ticket.sink, []).append((work.ticket.id, text))

    def _end(self, work: Work, event: Done | Failed) -> None:
        if work.sequence is not None:
            # What it has read and written is what the conversation's next turn begins with.
            self._cache.close(work.sequence)
            work.sequence = None
            self._running.remove(work)
        else:
            self._waiting.remove(work)
        if work.cached_tokens is not None:
            self._order.charge(work, read=0, written=work.written - work.max_tokens)
        self._order.left(work.tenant)
        self._count(completion_tokens=work.written)
        self._send_text_to(work.ticket.sink)
        work.ticket.sink.send(event)
        work.free()

    def _send_texts(self) -> None:
        for sink in [*self._texts]:
            self._send_text_to(sink)

    def _send_text_to(self, sink: Client) -> None:
        texts = self._texts.pop(sink, None)
        if texts:
            sink.send(Pieces(texts=tuple(texts)))
