"""A loaded llama.cpp model with one context: tokens in, logits out. Lives in the model process only."""

import ctypes
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import llama_cpp

from workers.engines.text.llama.protocol import Load
from workers.engines.text.llama.server.chat import CHATML, ChatRenderer

BATCH = 512
"""Tokens that are read in one decode at most."""
_SPECIAL_LOOK = re.compile(r"<[^\s<>]+>|\[/?[A-Z_]+\]")
_log = logging.getLogger(__name__)
_LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR}


class LoadingFailed(RuntimeError):
    """llama.cpp cannot load the file, or has no memory for a context."""


class DecodeAborted(RuntimeError):
    """``should_stop`` said so in the middle of a decode."""


@llama_cpp.llama_log_callback
def _route_log(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    line = text.decode("utf-8", "replace").rstrip()
    # Continued lines are progress dots.
    if line.strip(".") and level in _LEVELS:
        _log.log(_LEVELS[level], "%s", line)


def _noted(on_progress: Callable[[], None]) -> bool:
    on_progress()
    return True  # go on loading


class LlamaModel:
    """Model, vocabulary and context. Only one thread may decode; tokenizing is safe in any."""

    def __init__(self, load: Load, on_progress: Callable[[], None], should_stop: Callable[[], bool]) -> None:
        """Load ``load.path``. ``on_progress`` is called now and then while it loads.

        ``should_stop`` is asked many times in each decode. Raises `LoadingFailed`.
        """
        llama_cpp.llama_log_set(_route_log, ctypes.c_void_p(None))
        llama_cpp.llama_backend_init()
        self.name = Path(load.path).stem
        # ctypes callbacks must outlive their use by the library.
        self._progress = llama_cpp.llama_progress_callback(lambda _share, _data: _noted(on_progress))
        self._abort = llama_cpp.ggml_abort_callback(lambda _data: should_stop())
        self._model = self._load_model(load)
        self.vocab: Any = llama_cpp.llama_model_get_vocab(self._model)
        self.context = self._make_context(load)
        self.size = int(llama_cpp.llama_n_ctx(self.context))
        self._memory: Any = llama_cpp.llama_get_memory(self.context)
        self._in_context: list[int] = []
        self._tenant = ""
        template = llama_cpp.llama_model_chat_template(self._model, None)
        self.implied_stop = () if template else ("<|im_end|>",)
        self._bos = cast("int", llama_cpp.llama_vocab_bos(self.vocab))
        self._adds_bos = bool(llama_cpp.llama_vocab_get_add_bos(self.vocab))
        self.chat = ChatRenderer(
            template.decode("utf-8", "replace") if template else CHATML,
            bos=self._token_text(self._bos),
            eos=self._token_text(cast("int", llama_cpp.llama_vocab_eos(self.vocab))),
            tokenize=self.tokenize,
            markup=self._markup(),
        )

    def _load_model(self, load: Load) -> Any:
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = load.gpu_layers if load.gpu_layers >= 0 else 0x7FFFFFFF
        params.progress_callback = self._progress
        model = llama_cpp.llama_model_load_from_file(load.path.encode(), params)
        if not model:
            raise LoadingFailed("llama.cpp could not load the file")
        return model

    def _make_context(self, load: Load) -> Any:
        params = llama_cpp.llama_context_default_params()
        trained = int(llama_cpp.llama_model_n_ctx_train(self._model))
        params.n_ctx = min(load.context, trained) if trained > 0 else load.context
        params.n_batch = params.n_ubatch = BATCH
        params.n_threads = params.n_threads_batch = load.threads
        params.abort_callback = self._abort
        context = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            raise LoadingFailed(f"no memory for a context of {params.n_ctx} tokens")
        return context

    def _token_text(self, token: int) -> str:
        return llama_cpp.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace") if token >= 0 else ""

    def _markup(self) -> list[str]:
        """Return user-defined tokens that look like markup: llama.cpp finds those in plain text too."""
        user_defined = llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        return [
            text
            for token in range(llama_cpp.llama_vocab_n_tokens(self.vocab))
            if llama_cpp.llama_vocab_get_attr(self.vocab, token) & user_defined
            and _SPECIAL_LOOK.fullmatch(text := self._token_text(token))
        ]

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Return the tokens of ``text``; control tokens are recognised only with ``special``."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        tokens = (llama_cpp.llama_token * room)()
        n = int(llama_cpp.llama_tokenize(self.vocab, data, len(data), tokens, room, False, special))
        if n < 0:
            room = -n
            tokens = (llama_cpp.llama_token * room)()
            n = int(llama_cpp.llama_tokenize(self.vocab, data, len(data), tokens, room, False, special))
        return cast("list[int]", tokens[:n])

    def with_bos(self, tokens: list[int]) -> list[int]:
        """Put the begin-of-sequence token in front if the model wants it and the template did not."""
        return [self._bos, *tokens] if self._adds_bos and tokens[:1] != [self._bos] else tokens

    def piece(self, token: int) -> bytes:
        """Return the bytes of ``token``, which need not be whole code points. Control tokens have none."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = int(llama_cpp.llama_token_to_piece(self.vocab, token, buffer, size, 0, False))
            if n >= 0:
                return buffer.raw[:n]
            size = -n

    def ends_turn(self, token: int) -> bool:
        """Tell whether ``token`` ends the answer."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocab, token))

    def read_prompt(self, tokens: list[int], tenant: str, on_progress: Callable[[], None]) -> None:
        """Bring the context to exactly ``tokens``. What it shares with the tenant's last prompt is not read again.

        Raises `DecodeAborted`.
        """
        shared = 0
        if tenant == self._tenant:
            limit = min(len(tokens) - 1, len(self._in_context))
            while shared < limit and tokens[shared] == self._in_context[shared]:
                shared += 1
        # Recurrent models cannot forget a part.
        if not shared or not llama_cpp.llama_memory_seq_rm(self._memory, 0, shared, -1):
            llama_cpp.llama_memory_clear(self._memory, True)
            shared = 0
        self._in_context, self._tenant = tokens[:shared], tenant
        for start in range(shared, len(tokens), BATCH):
            self.decode(tokens[start : start + BATCH])
            on_progress()

    def decode(self, tokens: list[int]) -> None:
        """Append ``tokens`` (at most `BATCH`) to the context. Raises `DecodeAborted`."""
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        code = int(llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(array, len(tokens))))
        if code:
            # A decode that was interrupted may have stored a part of its batch.
            llama_cpp.llama_memory_clear(self._memory, True)
            self._in_context = []
            if code == 2:
                raise DecodeAborted
            raise RuntimeError(f"llama_decode returned {code}")
        self._in_context += tokens
