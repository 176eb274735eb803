"""Drawing one token: a chain of llama.cpp samplers, and a grammar checked only against what was drawn.

llama.cpp aborts the process when a grammar is told a token that it refuses, and it reads overlong UTF-8 as the
character that it stands for, where every other reader finds nothing. Both are kept out here: under a grammar only
tokens are drawn that the grammar allows, that show in the answer, and that go on with well-formed UTF-8.
"""

import ctypes
import math
import threading
from dataclasses import dataclass
from typing import Any, Self, cast

import llama_cpp
import numpy as np
import numpy.typing as npt

from workers.engines.text.llama.protocol import SamplingParams
from workers.engines.text.llama.server.grammar import UnsupportedSchema

FIRST = 256
"""Candidates that are looked at before the whole vocabulary, and top-k where a request names none."""
PENALTY_LAST = 64
"""Drawn tokens that the repetition penalty looks back on."""
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_SAMPLED = 16
_Logits = npt.NDArray[np.float32]
_Ids = npt.NDArray[np.intp]


class NothingToSample(RuntimeError):
    """The grammar allows none of the model's tokens, or the model's logits are not numbers."""


class Candidates:
    """A llama_token_data_array over memory of our own."""

    def __init__(self, n: int) -> None:
        self._rows = np.zeros(n, _CANDIDATE)
        self._array = llama_cpp.llama_token_data_array(
            data=ctypes.cast(self._rows.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data)),
            size=n,
            selected=-1,
            sorted=False,
        )
        self.ref: Any = ctypes.byref(self._array)

    def load(self, ids: _Ids, logits: _Logits) -> None:
        """Take tokens and their logits. Samplers reorder the rows, so the ids are written each time."""
        rows = self._rows[: len(ids)]
        rows["id"], rows["logit"] = ids, logits
        self._reset(len(ids))

    def load_one(self, token: int) -> None:
        """Take a single token."""
        self._rows[0] = (token, 1.0, 0.0)
        self._reset(1)

    def any_left(self) -> bool:
        """Tell whether a token is left that was not refused."""
        return bool(np.isfinite(self._rows["logit"][: self._array.size]).any())

    def selected(self) -> int:
        """Return the drawn token. Raises `NothingToSample` where every token was refused."""
        at = int(self._array.selected)
        if at < 0 or not math.isfinite(float(self._rows["logit"][at])):
            raise NothingToSample("the model offers no token that may follow")
        return int(self._rows["id"][at])

    def _reset(self, n: int) -> None:
        self._array.size, self._array.selected, self._array.sorted = n, -1, False


@dataclass(frozen=True, slots=True)
class _Texts:
    """The bytes that each token writes; b"" for control tokens."""

    pieces: tuple[bytes, ...]
    ends: frozenset[int]
    usable: npt.NDArray[np.bool_]
    """What may follow whole code points: tokens that end the turn, and those that go on with valid UTF-8."""
    tails: tuple[int, ...]
    """Tokens that begin inside a code point."""

    @classmethod
    def of(cls, vocab: Any) -> Self:
        n = int(llama_cpp.llama_vocab_n_tokens(vocab))
        pieces = tuple(_piece(vocab, token) for token in range(n))
        ends = frozenset(token for token in range(n) if llama_cpp.llama_vocab_is_eog(vocab, token))
        usable = [token in ends or (bool(piece) and _open_end(piece) is not None) for token, piece in enumerate(pieces)]
        tails = tuple(token for token, piece in enumerate(pieces) if piece and 0x80 <= piece[0] < 0xC0)
        return cls(pieces, ends, np.array(usable, np.bool_), tails)

    def usable_after(self, begun: bytes) -> npt.NDArray[np.bool_]:
        """Return what may follow the beginning of a code point."""
        if not begun:
            return self.usable
        usable = np.zeros(len(self.pieces), np.bool_)
        usable[[token for token in self.tails if _open_end(begun + self.pieces[token]) is not None]] = True
        return usable


class SamplerBuffers:
    """The memory that the samplers of one model share: they draw in one thread, one after the other."""

    def __init__(self, n_vocab: int) -> None:
        self.ids: _Ids = np.arange(n_vocab, dtype=np.intp)
        self.all = Candidates(n_vocab)
        self.few = Candidates(min(FIRST, n_vocab))
        self.one = Candidates(1)
        self._lock = threading.Lock()
        self._texts: _Texts | None = None

    def texts(self, vocab: Any) -> _Texts:
        """Return what the tokens write; gathered at the first call, which may come from any thread."""
        with self._lock:
            if self._texts is None:
                self._texts = _Texts.of(vocab)
            return self._texts


class Sampler:
    """Draws the tokens of one generation. It holds native memory until `close`.

    It may be made in one thread and used in another; what shares its buffers must be used in the same.
    """

    def __init__(self, vocab: Any, params: SamplingParams, grammar: str | None, buffers: SamplerBuffers) -> None:
        """Raises `UnsupportedSchema` if llama.cpp refuses the grammar."""
        self._size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        self._buffers = buffers
        self._grammar: Any = None
        self._chain: Any = None
        self._begun = b""
        self._top_k = params.top_k if params.top_k > 0 else FIRST
        if grammar is not None:
            self._texts = buffers.texts(vocab)
            self._grammar = llama_cpp.llama_sampler_init_grammar(vocab, grammar.encode(), b"root")
            if not self._grammar:
                raise UnsupportedSchema("llama.cpp refused the grammar of this schema")
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for sampler in self._samplers(params):
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def _samplers(self, params: SamplingParams) -> list[Any]:
        # Top-k goes first: each of the others costs a hundred times more on a whole vocabulary.
        samplers: list[Any] = [llama_cpp.llama_sampler_init_top_k(self._top_k)]
        if params.repeat_penalty != 1.0:
            samplers.append(
                llama_cpp.llama_sampler_init_penalties(self._size, PENALTY_LAST, params.repeat_penalty, 0.0, 0.0)
            )
        if params.temperature <= 0:
            return [*samplers, llama_cpp.llama_sampler_init_greedy()]
        return [
            *samplers,
            llama_cpp.llama_sampler_init_top_p(params.top_p, 1),
            llama_cpp.llama_sampler_init_min_p(params.min_p, 1),
            llama_cpp.llama_sampler_init_temp(params.temperature),
            # The largest number of 32 bits would mean a seed by chance.
            llama_cpp.llama_sampler_init_dist(params.seed % (2**32 - 1)),
        ]

    def sample(self, context: Any, index: int) -> int:
        """Return the token after output ``index`` of the last batch; -1 is its last one.

        Raises `NothingToSample`, after which only `close` may follow.
        """
        pointer = llama_cpp.llama_get_logits_ith(context, index)
        if not pointer:
            raise NothingToSample(f"the batch has no output {index}")
        return self.sample_from(np.ctypeslib.as_array(pointer, (self._size,)))

    def sample_from(self, logits: _Logits) -> int:
        """Return the token that ``logits``, one for each of the vocabulary, lead to. Raises `NothingToSample`."""
        # Samplers sort: with one NaN among the numbers they would read beyond their memory.
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
        if self._grammar is not None:
            if not self._allows(token):
                token = self._sample_allowed(ids, candidates, logits)
            llama_cpp.llama_sampler_accept(self._grammar, token)
            self._begun = _open_end(self._begun + self._texts.pieces[token]) or b""
        llama_cpp.llama_sampler_accept(self._chain, token)
        return token

    def _allows(self, token: int) -> bool:
        piece = self._texts.pieces[token]
        if token not in self._texts.ends and (not piece or _open_end(self._begun + piece) is None):
            return False
        one = self._buffers.one
        one.load_one(token)
        llama_cpp.llama_sampler_apply(self._grammar, one.ref)
        return one.any_left()

    def _sample_allowed(self, ids: _Ids, candidates: Candidates, logits: _Logits) -> int:
        # A trained model nearly always has what the grammar wants among its first few; the whole vocabulary costs
        # a millisecond for each 16,000 tokens.
        usable = self._texts.usable_after(self._begun)
        for some, rows in ((ids, candidates), (self._buffers.ids, self._buffers.all)):
            possible = some[usable[some]]
            if not len(possible):
                continue
            rows.load(possible, logits[possible])
            llama_cpp.llama_sampler_apply(self._grammar, rows.ref)
            if rows.any_left():
                llama_cpp.llama_sampler_apply(self._chain, rows.ref)
                return rows.selected()
        raise NothingToSample("the grammar allows none of the model's tokens")

    def close(self) -> None:
        """Free the native memory. Nothing may be drawn any more; a second call does nothing."""
        chain, grammar, self._chain, self._grammar = self._chain, self._grammar, None, None
        if chain is not None:
            llama_cpp.llama_sampler_free(chain)
        if grammar:
            llama_cpp.llama_sampler_free(grammar)


def _best(logits: _Logits, k: int) -> _Ids:
    """Return the tokens with the ``k`` largest logits, in no order."""
    sample = logits[::_SAMPLED]
    place = len(sample) - 2 * k // _SAMPLED
    if place > 0:
        # About 2 k tokens reach this value. Where fewer than k do, all are compared.
        some = np.flatnonzero(logits >= np.partition(sample, place)[place])
        if len(some) >= k:
            return some[np.argpartition(logits[some], len(some) - k)[len(some) - k :]]
    return np.argpartition(logits, len(logits) - k)[len(logits) - k :]


def _piece(vocab: Any, token: int) -> bytes:
    size = 64
    while True:
        buffer = ctypes.create_string_buffer(size)
        n = int(llama_cpp.llama_token_to_piece(vocab, token, cast("Any", buffer), size, 0, False))
        if n >= 0:
            return buffer.raw[:n]
        size = -n


def _open_end(data: bytes) -> bytes | None:
    """Return the beginning of a code point that ends ``data``, None if ``data`` is not UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        whole = error.reason == "unexpected end of data" and error.end == len(data)
        return data[error.start :] if whole else None
    return b""
