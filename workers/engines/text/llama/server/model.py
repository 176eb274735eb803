"""A loaded llama.cpp model and the one context that all sequences share. Used in the model process only."""

import ctypes
import logging
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import llama_cpp

from workers.engines.text import reasoning
from workers.engines.text.llama.protocol import KvType, LoadGguf
from workers.engines.text.llama.server.batch import Batch, BatchSegment
from workers.engines.text.llama.server.chat import CHATML, ChatRenderer
from workers.engines.text.llama.server.json_constraint import JsonConstraints
from workers.engines.text.llama.server.layers import layers_to_try
from workers.engines.text.llama.server.native import LoadingFailed, load_model, start_backend, token_bytes, tokenize
from workers.engines.text.llama.server.sampler import SamplerBuffers
from workers.engines.text.llama.server.scheduler import DecodeFailed, NoCells

BATCH = 512
"""Maximum tokens of one decode."""
IDLE = 32
"""Maximum number of idle conversations in the cells."""
WARM_UP = 16
"""Tokens decoded once after loading."""
MAX_SEQUENCES = 256
"""The library's LLAMA_MAX_SEQ."""
_WORDS = re.compile(r"[\w\s\u2581]*")
_KV_TYPES: dict[KvType, int] = {
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}
_log = logging.getLogger(__name__)


class LlamaMemory:
    """The cells of a context. See `workers.engines.text.llama.server.cache.Memory`."""

    def __init__(self, context: Any, *, partial: bool) -> None:
        self.partial = partial
        self._context = context
        self._memory: Any = llama_cpp.llama_get_memory(context)
        # Their annotations name ctypes' own integers, which no caller passes.
        self._get_size: Any = llama_cpp.llama_state_seq_get_size
        self._get_data: Any = llama_cpp.llama_state_seq_get_data
        self._set_data: Any = llama_cpp.llama_state_seq_set_data

    def copy(self, source: int, target: int, end: int) -> None:
        """Share the first ``end`` cells of ``source`` with sequence ``target``. No data is copied."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, end)

    def truncate(self, sequence: int, length: int) -> None:
        """Truncate ``sequence`` to ``length`` tokens. Raises `DecodeFailed`."""
        if not llama_cpp.llama_memory_seq_rm(self._memory, sequence, length or -1, -1):
            raise DecodeFailed("the model cannot drop a part of a sequence")

    def state_size(self, sequence: int) -> int:
        """Return the size in bytes of what `save` would return."""
        return int(self._get_size(self._context, sequence))

    def save(self, sequence: int) -> Any:
        """Return the state of ``sequence`` as an array of bytes, empty on failure."""
        size = self.state_size(sequence)
        state = (ctypes.c_uint8 * size)()
        written = int(self._get_data(self._context, state, size, sequence))
        return state if written == size else (ctypes.c_uint8 * 0)()

    def restore(self, sequence: int, state: Any) -> bool:
        """Fill the empty ``sequence`` from ``state``; on failure return False and leave it empty."""
        if int(self._set_data(self._context, state, len(state), sequence)) == len(state):
            return True
        self.truncate(sequence, 0)
        return False


class LlamaModel:
    """Model, vocabulary and context. Only one thread may decode and sample; tokenising is thread-safe."""

    def __init__(self, load: LoadGguf, on_progress: Callable[[], None]) -> None:
        """Load ``load.path``. ``on_progress`` is called repeatedly while loading and, on a CPU, in each decode.

        Raises `LoadingFailed`.
        """
        start_backend()
        self.name = Path(load.path).stem
        self.max_num_seqs = load.max_num_seqs
        # ctypes callbacks must outlive their use by the library.
        self._abort = llama_cpp.ggml_abort_callback(lambda _data: _noted(on_progress))
        self.sequences = min(load.max_num_seqs + IDLE + 1, MAX_SEQUENCES)
        self._model, self.context = self._open(load, on_progress)
        self.vocab: Any = llama_cpp.llama_model_get_vocab(self._model)
        self.size = self._size(self._model, load)
        """Maximum tokens of one conversation."""
        self.cells = int(llama_cpp.llama_n_ctx(self.context))
        """Tokens that fit for all conversations together."""
        recurrent = llama_cpp.llama_model_is_recurrent(self._model) or llama_cpp.llama_model_is_hybrid(self._model)
        self.memory = LlamaMemory(self.context, partial=not recurrent)
        self.vocabulary_size = int(llama_cpp.llama_vocab_n_tokens(self.vocab))
        self.buffers = SamplerBuffers(self.vocabulary_size)
        self._batch = Batch(BATCH)
        self._pieces: dict[int, bytes] = {}
        self._ends = {token for token in range(self.vocabulary_size) if llama_cpp.llama_vocab_is_eog(self.vocab, token)}
        template = llama_cpp.llama_model_chat_template(self._model, None)
        self.implied_stop = () if template else ("<|im_end|>",)
        bos = cast("int", llama_cpp.llama_vocab_bos(self.vocab))
        self.chat = ChatRenderer(
            template.decode("utf-8", "replace") if template else CHATML,
            bos=self._token_text(bos),
            eos=self._token_text(cast("int", llama_cpp.llama_vocab_eos(self.vocab))),
            tokenize=self.tokenize,
            markup=self._markup(),
            bos_token=bos if llama_cpp.llama_vocab_get_add_bos(self.vocab) else None,
        )
        self._warm_up()

    def _warm_up(self) -> None:
        """Decode a few tokens: what would abort later aborts now, and a GPU compiles its kernels."""
        self.decode([BatchSegment(0, 0, [0] * WARM_UP, wants_logits=True)])
        self.memory.truncate(0, 0)

    def _open(self, load: LoadGguf, on_progress: Callable[[], None]) -> tuple[Any, Any]:
        """Return the model and a context, with the layers asked for, or as many as fit, on the GPU."""
        problem: LoadingFailed | None = None
        for layers in layers_to_try(load.path, load.gpu_layers):
            model: Any = None
            try:
                model = load_model(load.path, layers, on_progress, repack=load.repack)
                _check_writes(model)
                return model, self._make_context(model, load)
            except LoadingFailed as error:
                problem = error
                if model is not None:
                    llama_cpp.llama_model_free(model)
        assert problem is not None
        raise problem

    @staticmethod
    def _size(model: Any, load: LoadGguf) -> int:
        trained = int(llama_cpp.llama_model_n_ctx_train(model))
        return min(load.context, trained) if trained > 0 else load.context

    def _make_context(self, model: Any, load: LoadGguf) -> Any:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = max(load.cells, self._size(model, load))
        params.n_batch = params.n_ubatch = BATCH
        params.n_seq_max = self.sequences
        params.kv_unified = True  # lets sequences share a part of their cells
        params.n_threads = params.n_threads_batch = load.threads
        params.abort_callback = self._abort
        params.type_k = params.type_v = _KV_TYPES[load.kv_type]
        if load.flash is not None:
            params.flash_attn_type = (
                llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED if load.flash else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
            )
        context = llama_cpp.llama_init_from_model(model, params)
        if not context:
            raise LoadingFailed(f"no context of {params.n_ctx} tokens (not enough memory, or a setting does not fit)")
        return context

    def _token_text(self, token: int) -> str:
        return llama_cpp.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace") if token >= 0 else ""

    def _markup(self) -> list[str]:
        """Return the user-defined tokens that are not words: llama.cpp recognises those even in plain text."""
        user_defined = llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        return [
            text
            for token in range(int(llama_cpp.llama_vocab_n_tokens(self.vocab)))
            if llama_cpp.llama_vocab_get_attr(self.vocab, token) & user_defined
            and len(text := self._token_text(token)) > 1
            and not _WORDS.fullmatch(text)
        ]

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Return the tokens of ``text``; ``special`` recognises control tokens."""
        return tokenize(self.vocab, text, special=special)

    def piece(self, token: int) -> bytes:
        """Return the bytes of ``token``, which may be part of a code point. Control tokens have none."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token)
        return piece

    def _read_piece(self, token: int) -> bytes:
        if (text := self._token_text(token)) in reasoning.TOKENS:
            return text.encode()  # a control token in some files, but thoughts are recognised by it
        return token_bytes(self.vocab, token)

    @cached_property
    def json_constraints(self) -> JsonConstraints:
        """The JSON constraints for this vocabulary. Raises `UnsupportedSchema` if it supports none."""
        return JsonConstraints(self.vocab, self._ends)

    def ends_turn(self, token: int) -> bool:
        """Return whether ``token`` ends the answer."""
        return token in self._ends

    def decode(self, parts: Sequence[BatchSegment]) -> list[int]:
        """Decode ``parts`` (at most `BATCH` tokens) and return the index of each one's logits.

        Raises `NoCells`, with nothing stored, and `DecodeFailed`.
        """
        batch, places = self._batch.fill(parts)
        code = int(llama_cpp.llama_decode(self.context, batch))
        if code == 1:
            raise NoCells
        if code:
            raise DecodeFailed(f"llama_decode returned {code}")
        # Otherwise the GPU's time would count as sampling.
        llama_cpp.llama_synchronize(self.context)
        return places


def _noted(on_progress: Callable[[], None]) -> bool:
    on_progress()
    return False  # go on


def _check_writes(model: Any) -> None:
    if llama_cpp.llama_model_has_encoder(model) or not llama_cpp.llama_model_has_decoder(model):
        raise LoadingFailed("the model does not write text")
