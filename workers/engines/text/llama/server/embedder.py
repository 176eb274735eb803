"""A loaded embedding model: texts in, unit vectors out. Used in the model process only."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from workers.engines.processes.messages import Failed
from workers.engines.text.llama.protocol import Embed, Embedded, LoadGguf
from workers.engines.text.llama.server.layers import layers_to_try
from workers.engines.text.llama.server.native import (
    DecodeAborted,
    LoadingFailed,
    load_model,
    metadata,
    start_backend,
    tokenize,
)

SEQUENCES = 64
"""Maximum number of texts in one pass."""
_NOT_A_VECTOR = {llama_cpp.LLAMA_POOLING_TYPE_RANK: "it ranks texts (a reranker)"}
_log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]


class TextTooLong(ValueError):
    """A text exceeds the model's limit. Nothing was computed."""

    def __init__(self, index: int, tokens: int, limit: int) -> None:
        """``index`` is the text's index in the batch; the token counts include the model's own delimiters."""
        super().__init__(f"text {index} has {tokens} tokens; the limit is {limit}")
        self.index = index
        self.tokens = tokens
        self.limit = limit


class Embedder:
    """An embedding model and its context. Only one thread may embed."""

    def __init__(self, load: LoadGguf, on_progress: Callable[[], None], should_stop: Callable[[], bool]) -> None:
        """Load ``load.path``; a text may have ``load.context`` tokens, or what the model was trained for if less.

        A pass holds as many tokens as a text may have, and its memory grows with that. ``on_progress`` is called now
        and then while it loads, ``should_stop`` is asked many times in each pass. Raises `LoadingFailed`.
        """
        start_backend()
        self._model = load_model(
            load.path, next(layers_to_try(load.path, load.gpu_layers)), on_progress, repack=load.repack
        )
        self._vocab: Any = llama_cpp.llama_model_get_vocab(self._model)
        self.name = Path(load.path).stem
        self.title = metadata(self._model, "general.name")
        """The model's name in its metadata, "" if missing."""
        trained = int(llama_cpp.llama_model_n_ctx_train(self._model))
        self.size = min(load.context, trained) if trained > 0 else load.context
        """Maximum tokens of one text."""
        self.dimensions = int(llama_cpp.llama_model_n_embd_out(self._model))
        # ctypes callbacks must outlive their use by the library.
        self._abort = llama_cpp.ggml_abort_callback(lambda _data: should_stop())
        self._context = self._make_context(load.threads)
        self._memory: Any = llama_cpp.llama_get_memory(self._context)
        self._forward = self._way_forward()
        self._batch = llama_cpp.llama_batch_init(self.size, 0, 1)
        ends = (int(of(self._vocab)) for of in (llama_cpp.llama_vocab_bos, llama_cpp.llama_vocab_eos))
        self._when_empty = next((token for token in ends if token >= 0), 0)

    def _make_context(self, threads: int) -> Any:
        params = llama_cpp.llama_context_default_params()
        params.embeddings = True
        # A bidirectional model needs the whole text in one batch.
        params.n_ctx = params.n_batch = params.n_ubatch = self.size
        params.n_seq_max = SEQUENCES
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads
        params.abort_callback = self._abort
        architecture = metadata(self._model, "general.architecture")
        if metadata(self._model, f"{architecture}.pooling_type") in {"", str(llama_cpp.LLAMA_POOLING_TYPE_NONE)}:
            params.pooling_type = llama_cpp.LLAMA_POOLING_TYPE_MEAN
        context = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            raise LoadingFailed(f"no memory for passes of {self.size} tokens")
        if problem := _NOT_A_VECTOR.get(llama_cpp.llama_pooling_type(context)):
            raise LoadingFailed(f"the model gives no embeddings: {problem}")
        return context

    def _way_forward(self) -> Callable[[Any, Any], int]:
        encodes_only = llama_cpp.llama_model_has_encoder(self._model) and not llama_cpp.llama_model_has_decoder(
            self._model
        )
        return llama_cpp.llama_encode if encodes_only or not self._memory else llama_cpp.llama_decode

    def count(self, text: str) -> int:
        """Return the number of tokens of ``text`` as `embed` counts them. Thread-safe."""
        return len(self._tokens(text))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector for each text, shape (texts, dimensions), in their order.

        Control tokens stand around a text only where the model wants them; in the text they are plain words.
        Raises `TextTooLong`, `DecodeAborted`, and `RuntimeError` if the model gives no numbers.
        """
        tokens = [self._tokens(text) for text in texts]
        for index, text in enumerate(tokens):
            if len(text) > self.size:
                raise TextTooLong(index, len(text), self.size)
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for places in self._passes(tokens):
            self._read([tokens[place] for place in places])
            for sequence, place in enumerate(places):
                vectors[place] = self._vector(sequence)
        return vectors

    def answer(self, request: Embed) -> Embedded | Failed:
        """Return the event that answers ``request``."""
        try:
            return Embedded.of(request.id, self.dimensions, self.embed(request.texts).astype("<f4").tobytes())
        except TextTooLong as error:
            return Failed(
                id=request.id,
                reason="context_full",
                message=str(error),
                prompt_tokens=error.tokens,
                context_tokens=error.limit,
            )
        except DecodeAborted:
            return Failed(id=request.id, reason="cancelled")
        except RuntimeError as error:
            _log.exception("embedding failed")
            return Failed(id=request.id, reason="internal", message=str(error))

    def _tokens(self, text: str) -> list[int]:
        return tokenize(self._vocab, text, ends=True) or [self._when_empty]

    def _passes(self, tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Yield the indices of texts that fit into one pass."""
        places: list[int] = []
        room = self.size
        for place, text in enumerate(tokens):
            if places and (len(text) > room or len(places) == SEQUENCES):
                yield places
                places, room = [], self.size
            places.append(place)
            room -= len(text)
        if places:
            yield places

    def _read(self, texts: Sequence[Sequence[int]]) -> None:
        batch, at = self._batch, 0
        for sequence, text in enumerate(texts):
            for position, token in enumerate(text):
                batch.token[at] = token
                batch.pos[at] = position
                batch.n_seq_id[at] = 1
                batch.seq_id[at][0] = sequence
                batch.logits[at] = True
                at += 1
        batch.n_tokens = at
        if self._memory:
            llama_cpp.llama_memory_clear(self._memory, True)
        code = int(self._forward(self._context, batch))
        if code == 2:
            raise DecodeAborted
        if code:
            raise RuntimeError(f"llama.cpp returned {code} for a pass of {at} tokens")

    def _vector(self, sequence: int) -> NDArray[np.float32]:
        pointer = llama_cpp.llama_get_embeddings_seq(self._context, sequence)
        if not pointer:
            raise RuntimeError("the model gave no vector")
        vector: NDArray[np.float32] = np.ctypeslib.as_array(pointer, (self.dimensions,))
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise RuntimeError("the model's vector has no direction")
        return np.divide(vector, length, dtype=np.float32)
