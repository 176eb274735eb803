"""Drawing one token: a chain of llama.cpp samplers, and a grammar checked only against what was drawn."""

import ctypes
import math
from typing import Any, Self

import llama_cpp
import numpy as np

from workers.engines.text.llama.protocol import Draw
from workers.engines.text.llama.server.grammar import UnsupportedSchema

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class NothingToDraw(RuntimeError):
    """The grammar allows none of the model's tokens, or the model's logits are not numbers."""


class Candidates:
    """A llama_token_data_array over memory of our own."""

    def __init__(self, n: int) -> None:
        self._ids = np.arange(n, dtype=np.int32)
        self._rows = np.zeros(n, _CANDIDATE)
        self._array = llama_cpp.llama_token_data_array(
            data=ctypes.cast(self._rows.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data)),
            size=n,
            selected=-1,
            sorted=False,
        )
        self.ref: Any = ctypes.byref(self._array)

    def load(self, logits: Any) -> None:
        """Take the logits of the whole vocabulary. Samplers reorder the rows, so the ids are written again too."""
        self._rows["id"] = self._ids
        self._rows["logit"] = logits
        self._reset(len(self._rows))

    def load_one(self, token: int) -> None:
        """Take a single token."""
        self._rows["id"][0], self._rows["logit"][0] = token, 1.0
        self._reset(1)

    def _reset(self, n: int) -> None:
        self._array.size, self._array.selected, self._array.sorted = n, -1, False

    @property
    def best_logit(self) -> float:
        """The first row's logit; -inf for a token that a grammar refused."""
        return float(self._rows["logit"][0])

    def selected(self) -> int:
        """Return the drawn token. Raises `NothingToDraw` where every token was refused."""
        at = int(self._array.selected)
        if at < 0 or not math.isfinite(float(self._rows["logit"][at])):
            raise NothingToDraw("the model offers no token that may follow")
        return int(self._rows["id"][at])


class Sampler:
    """Draws the tokens of one generation. Use as a context manager: it holds native memory."""

    def __init__(self, vocab: Any, draw: Draw, grammar: str | None) -> None:
        """Raises `UnsupportedSchema` if llama.cpp refuses the grammar."""
        self._size = llama_cpp.llama_vocab_n_tokens(vocab)
        self._grammar = None
        if grammar is not None:
            self._grammar = llama_cpp.llama_sampler_init_grammar(vocab, grammar.encode(), b"root")
            if not self._grammar:
                raise UnsupportedSchema("llama.cpp refused the grammar of this schema")
            self._all, self._one = Candidates(self._size), Candidates(1)
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for sampler in self._samplers(draw):
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def _samplers(self, draw: Draw) -> list[Any]:
        # Top-k goes first: each of the others costs a hundred times more on a whole vocabulary.
        samplers: list[Any] = [llama_cpp.llama_sampler_init_top_k(draw.top_k or 256)]
        if draw.repeat_penalty != 1.0:
            samplers.append(llama_cpp.llama_sampler_init_penalties(self._size, 64, draw.repeat_penalty, 0.0, 0.0))
        if draw.temperature <= 0:
            return [*samplers, llama_cpp.llama_sampler_init_greedy()]
        return [
            *samplers,
            llama_cpp.llama_sampler_init_top_p(draw.top_p, 1),
            llama_cpp.llama_sampler_init_min_p(draw.min_p, 1),
            llama_cpp.llama_sampler_init_temp(draw.temperature),
            llama_cpp.llama_sampler_init_dist(draw.seed),
        ]

    def draw(self, context: Any) -> int:
        """Return the next token after the last one decoded in ``context``."""
        if self._grammar is None:
            return int(llama_cpp.llama_sampler_sample(self._chain, context, -1))
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, -1), (self._size,))
        self._all.load(logits)
        llama_cpp.llama_sampler_apply(self._chain, self._all.ref)
        token = self._all.selected()
        self._one.load_one(token)
        llama_cpp.llama_sampler_apply(self._grammar, self._one.ref)
        if not math.isfinite(self._one.best_logit):
            self._all.load(logits)
            llama_cpp.llama_sampler_apply(self._grammar, self._all.ref)
            llama_cpp.llama_sampler_apply(self._chain, self._all.ref)
            token = self._all.selected()
        # Accepting a token that the grammar refuses would abort the process.
        llama_cpp.llama_sampler_accept(self._grammar, token)
        llama_cpp.llama_sampler_accept(self._chain, token)
        return token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        llama_cpp.llama_sampler_free(self._chain)
        if self._grammar is not None:
            llama_cpp.llama_sampler_free(self._grammar)
