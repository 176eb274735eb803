"""Sampling one token: a chain of llama.cpp samplers, and a JSON constraint that is asked about the result first."""

import ctypes
import math
from collections.abc import Sequence
from typing import Any, Final

import llama_cpp
import numpy as np
import numpy.typing as npt

from workers.engines.text.base import DRY_ALLOWED, DRY_BASE, XTC_THRESHOLD
from workers.engines.text.llama.protocol import SamplingParams
from workers.engines.text.llama.server.json_constraint import JsonConstraint

FIRST = 256
"""Candidates considered before the whole vocabulary, and top-k of requests that set none."""
PENALTY_LAST = 64
"""Sampled tokens that the repetition penalty looks back on."""
DRY_BREAKERS: Final = (b"\n", b'"', b"*")
"""Texts across which nothing counts as repeated."""
DRY_WRITTEN: Final = 2048
"""Tokens of the answer in which repetition is looked for, besides those of the prompt."""
CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""A llama_token_data."""
_SAMPLED = 16
_Logits = npt.NDArray[np.float32]
_Ids = npt.NDArray[np.intp]


class NothingToSample(RuntimeError):
    """No token of the model is allowed, or its logits are not numbers."""


class Candidates:
    """A llama_token_data_array over numpy memory."""

    def __init__(self, n: int) -> None:
        self._rows = np.zeros(n, CANDIDATE)
        self._first: Any = ctypes.cast(self._rows.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data))
        self._array = llama_cpp.llama_token_data_array(
            data=self._first,
            size=n,
            selected=-1,
            sorted=False,
        )
        self.ref: Any = ctypes.byref(self._array)

    def load(self, ids: _Ids, logits: _Logits) -> None:
        """Fill in tokens and their logits. Samplers reorder the rows, so the ids are written each time."""
        rows = self._rows[: len(ids)]
        rows["id"], rows["logit"] = ids, logits
        # XTC moves the beginning.
        self._array.data = self._first
        self._array.size, self._array.selected, self._array.sorted = len(ids), -1, False

    def selected(self) -> int:
        """Return the sampled token. Raises `NothingToSample` if there is none with a finite logit."""
        at = int(self._array.selected)
        found: Any = self._array.data[at] if at >= 0 else None
        if found is None or not math.isfinite(found.logit):
            raise NothingToSample("the model offers no token that may follow")
        return int(found.id)


class SamplerBuffers:
    """Memory that the samplers of one model share. They must all sample in the same thread."""

    def __init__(self, n_vocab: int) -> None:
        self.ids: _Ids = np.arange(n_vocab, dtype=np.intp)
        self.all = Candidates(n_vocab)
        self.few = Candidates(min(FIRST, n_vocab))


class Sampler:
    """Samples the tokens of one generation. It holds native memory until `close`.

    It may be created in one thread and used in another, the one of all samplers that share its buffers.
    """

    def __init__(
        self,
        vocab: Any,
        params: SamplingParams,
        constraint: JsonConstraint | None,
        buffers: SamplerBuffers,
        told: Sequence[int] = (),
    ) -> None:
        """``told`` are the tokens of the prompt."""
        self._vocab, self._told = vocab, told
        self._size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        self._buffers = buffers
        self._constraint = constraint
        self._top_k = params.top_k if params.top_k > 0 else FIRST
        self._chain: Any = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for sampler in self._samplers(params):
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def _samplers(self, params: SamplingParams) -> list[Any]:
        # Top-k comes first: the others cost a hundred times more on a whole vocabulary.
        samplers: list[Any] = [llama_cpp.llama_sampler_init_top_k(self._top_k)]
        if params.repeat_penalty != 1.0:
            samplers.append(
                llama_cpp.llama_sampler_init_penalties(self._size, PENALTY_LAST, params.repeat_penalty, 0.0, 0.0)
            )
        if params.dry > 0:
            samplers.append(self._dry(params.dry))
        if params.temperature <= 0:
            return [*samplers, llama_cpp.llama_sampler_init_greedy()]
        # The largest 32-bit number would mean a random seed.
        seed = params.seed % (2**32 - 1)
        xtc = [llama_cpp.llama_sampler_init_xtc(params.xtc, XTC_THRESHOLD, 1, seed)] if params.xtc > 0 else []
        return [
            *samplers,
            llama_cpp.llama_sampler_init_top_p(params.top_p, 1),
            llama_cpp.llama_sampler_init_min_p(params.min_p, 1),
            *xtc,
            llama_cpp.llama_sampler_init_temp_ext(params.temperature, params.dynamic, 1.0),
            llama_cpp.llama_sampler_init_dist(seed),
        ]

    def _dry(self, strength: float) -> Any:
        """Return the sampler against repetition; what was told counts as written, so that it isn't said again."""
        breakers = (ctypes.c_char_p * len(DRY_BREAKERS))(*DRY_BREAKERS)
        window = len(self._told) + DRY_WRITTEN
        sampler = llama_cpp.llama_sampler_init_dry(
            self._vocab, strength, DRY_BASE, DRY_ALLOWED, window, breakers, len(DRY_BREAKERS)
        )
        for token in self._told:
            llama_cpp.llama_sampler_accept(sampler, token)
        return sampler

    def sample(self, context: Any, index: int) -> int:
        """Return the token that follows output ``index`` of the last batch; -1 is the last output.

        Raises `NothingToSample` and `RuntimeError`, after which only `close` may follow.
        """
        pointer = llama_cpp.llama_get_logits_ith(context, index)
        if not pointer:
            raise NothingToSample(f"the batch has no output {index}")
        return self.sample_from(np.ctypeslib.as_array(pointer, (self._size,)))

    def sample_from(self, logits: _Logits) -> int:
        """Return a token for ``logits``, one per token of the vocabulary. Raises as `sample` does."""
        # Samplers sort: with a NaN among the numbers they would read beyond their memory.
        if not math.isfinite(float(logits.max())):
            raise NothingToSample("the model's logits are not numbers")
        buffers = self._buffers
        if self._top_k <= FIRST < self._size:
            ids, candidates = _best(logits, FIRST), buffers.few
        else:
            ids, candidates = buffers.ids, buffers.all
        candidates.load(ids, logits[ids])
        llama_cpp.llama_sampler_apply(self._chain, candidates.ref)
        token = candidates.selected()
        if self._constraint is not None and not self._constraint.consume(token):
            token = self._sample_allowed(self._constraint, ids, candidates, logits)
        llama_cpp.llama_sampler_accept(self._chain, token)
        return token

    def _sample_allowed(self, constraint: JsonConstraint, ids: _Ids, candidates: Candidates, logits: _Logits) -> int:
        # A trained model nearly always has an allowed token among its first few; sorting a vocabulary is slow.
        allowed = constraint.allowed()
        for some, rows in ((ids, candidates), (self._buffers.ids, self._buffers.all)):
            possible = some[allowed[some]]
            if len(possible):
                rows.load(possible, logits[possible])
                llama_cpp.llama_sampler_apply(self._chain, rows.ref)
                token = rows.selected()
                if not constraint.consume(token):
                    break
                return token
        raise NothingToSample("the schema allows none of the model's tokens")

    def close(self) -> None:
        """Free the native memory. Nothing may be sampled any more; a second call does nothing."""
        chain, self._chain, self._constraint = self._chain, None, None
        if chain is not None:
            llama_cpp.llama_sampler_free(chain)


def _best(logits: _Logits, k: int) -> _Ids:
    """Return the tokens with the ``k`` largest logits, unordered."""
    sample = logits[::_SAMPLED]
    place = len(sample) - 2 * k // _SAMPLED
    if place > 0:
        # About 2 k tokens reach this value; if fewer than k do, all are compared.
        some = np.flatnonzero(logits >= np.partition(sample, place)[place])
        if len(some) >= k:
            return some[np.argpartition(logits[some], len(some) - k)[len(some) - k :]]
    return np.argpartition(logits, len(logits) - k)[len(logits) - k :]
