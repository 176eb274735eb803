"""What writes inside the model process, behind one boundary: requests in, events out.

`SerialGenerator` writes one answer after the other. A scheduler that batches many at once offers the same methods.
"""

import codecs
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol

from workers.engines.text.base import FinishReason
from workers.engines.text.llama.protocol import Beat, Done, Event, Failed, Generate, Load, Loaded, LoadFailed, Piece
from workers.engines.text.llama.server.chat import TemplateFailed
from workers.engines.text.llama.server.grammar import UnsupportedSchema, grammar_of
from workers.engines.text.llama.server.model import DecodeAborted, LlamaModel, LoadingFailed
from workers.engines.text.llama.server.sampler import NothingToDraw, Sampler
from workers.engines.text.stop_strings import StopStrings

BEAT_S = 2.0
"""Seconds between signs of life while there is no text to show."""
_log = logging.getLogger(__name__)
Emit = Callable[[Event], None]
"""Sends an event to the parent; may be called from any thread."""


class Generator(Protocol):
    """The writing part of the model process. Methods return at once; answers come as events."""

    def submit(self, request: Generate) -> None:
        """Write an answer: any number of ``Piece``, then one ``Done`` or ``Failed``."""
        ...

    def cancel(self, request_id: int) -> None:
        """Stop a waiting or running request; unknown ones are ignored."""
        ...

    def count(self, text: str) -> int:
        """Return the number of tokens of ``text``."""
        ...


class SerialGenerator:
    """Loads the model in a thread of its own and answers one request after the other."""

    def __init__(self, load: Load, emit: Emit) -> None:
        """Emits ``Loaded`` or ``LoadFailed`` when it knows."""
        self._emit = emit
        self._waiting: queue.SimpleQueue[Generate] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._known: set[int] = set()
        self._cancelled: set[int] = set()
        self._current = 0
        self._last_sign = 0.0
        self._model: LlamaModel | None = None
        threading.Thread(target=self._run_or_end, args=(load,), name="llama", daemon=True).start()

    def submit(self, request: Generate) -> None:
        """Queue ``request``."""
        with self._lock:
            self._known.add(request.id)
        self._waiting.put(request)

    def cancel(self, request_id: int) -> None:
        """Mark ``request_id``; the decode in progress notices it."""
        with self._lock:
            if request_id in self._known:
                self._cancelled.add(request_id)

    def count(self, text: str) -> int:
        """Return the number of tokens of ``text``. The model must be loaded."""
        if self._model is None:
            raise RuntimeError("the model is not loaded")
        return len(self._model.tokenize(text))

    def _sign_of_life(self) -> None:
        now = time.monotonic()
        if now - self._last_sign >= BEAT_S:
            self._last_sign = now
            self._emit(Beat())

    def _should_stop(self) -> bool:
        # Asked between the operations of a decode, so this is also proof that it advances.
        self._sign_of_life()
        return self._current in self._cancelled

    def _run_or_end(self, load: Load) -> None:
        try:
            self._run(load)
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends
            # Without this thread the process is of no use; its parent starts another.
            _log.exception("the generator broke")
            logging.shutdown()
            os._exit(1)

    def _run(self, load: Load) -> None:
        try:
            self._model = LlamaModel(load, self._sign_of_life, self._should_stop)
        except LoadingFailed as error:
            self._emit(LoadFailed(message=str(error)))
            return
        self._emit(Loaded(model=self._model.name, context=self._model.size))
        while True:
            request = self._waiting.get()
            self._current = request.id
            event = self._answer(self._model, request)
            with self._lock:
                self._known.discard(request.id)
                self._cancelled.discard(request.id)
            self._emit(event)

    def _answer(self, model: LlamaModel, request: Generate) -> Event:
        try:
            return self._generate(model, request)
        except DecodeAborted:
            return Failed(id=request.id, reason="cancelled")
        except (UnsupportedSchema, TemplateFailed) as error:
            return Failed(id=request.id, reason="refused", message=str(error))
        except (NothingToDraw, RuntimeError) as error:
            _log.exception("generation failed")
            return Failed(id=request.id, reason="internal", message=str(error))

    def _generate(self, model: LlamaModel, request: Generate) -> Event:
        grammar = None if request.json_schema is None else grammar_of(request.json_schema)
        prompt = model.with_bos(model.chat.tokens(request.messages))
        wanted = request.draw.max_tokens
        if len(prompt) + wanted > model.size:
            return Failed(
                id=request.id,
                reason="context_full",
                prompt_tokens=len(prompt),
                max_tokens=wanted,
                context_tokens=model.size,
            )
        with Sampler(model.vocab, request.draw, grammar) as sampler:
            self._stop_if_cancelled(request.id)
            model.read_prompt(prompt, request.tenant, self._sign_of_life)
            finish, written = self._write(model, sampler, request)
        return Done(id=request.id, finish_reason=finish, prompt_tokens=len(prompt), completion_tokens=written)

    def _write(self, model: LlamaModel, sampler: Sampler, request: Generate) -> tuple[FinishReason, int]:
        # A model may write broken UTF-8; such bytes are dropped.
        decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        stops = StopStrings((*request.draw.stop, *model.implied_stop))
        finish: FinishReason = "length"
        written = 0
        while written < request.draw.max_tokens:
            self._stop_if_cancelled(request.id)
            token = sampler.draw(model.context)
            written += 1
            if model.ends_turn(token):
                finish = "stop"
                break
            self._show(request.id, stops.push(decoder.decode(model.piece(token))))
            if stops.stopped:
                finish = "stop"
                break
            if written < request.draw.max_tokens:
                model.decode([token])
        self._show(request.id, stops.push(decoder.decode(b"", final=True)) + stops.flush())
        return finish, written

    def _show(self, request_id: int, text: str) -> None:
        if text:
            self._last_sign = time.monotonic()
            self._emit(Piece(id=request_id, text=text))
        else:
            self._sign_of_life()

    def _stop_if_cancelled(self, request_id: int) -> None:
        if request_id in self._cancelled:
            raise DecodeAborted
