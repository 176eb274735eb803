"""Ways to constrain a model to a schema: this engine with llguidance, llama.cpp's own grammar, and no constraint."""

import contextlib
import ctypes
import json
import math
import os
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol

import llama_cpp
import numpy as np
import numpy.typing as npt
from llama_cpp.llama_grammar import json_schema_to_gbnf

from benchmarks.grammar_bench.vocabularies import LoadedVocabulary
from workers.engines.text.llama.protocol import SamplingParams
from workers.engines.text.llama.server.json_constraint import JsonConstraints
from workers.engines.text.llama.server.sampler import CANDIDATE, NothingToSample, Sampler, SamplerBuffers

Logits = npt.NDArray[np.float32]
Schema = Mapping[str, Any]


class Generation(Protocol):
    """One text being written."""

    def sample_from(self, logits: Logits) -> int:
        """Return the next token. Raises `RuntimeError` if there is none."""
        ...

    def close(self) -> None:
        """Free native memory."""
        ...


Contender = Callable[[Schema, SamplingParams], Generation]
"""Starts a generation. Raises `ValueError` for a schema that it does not support."""


def unconstrained(vocabulary: LoadedVocabulary) -> Contender:
    """The sampler alone, the baseline for the cost of a constraint."""
    buffers = SamplerBuffers(vocabulary.size)
    return lambda _schema, params: Sampler(vocabulary.vocab, params, None, buffers)


def llguidance(vocabulary: LoadedVocabulary) -> Contender:
    """The engine's own way."""
    buffers = SamplerBuffers(vocabulary.size)
    constraints = JsonConstraints(vocabulary.vocab, vocabulary.ends)
    return lambda schema, params: Sampler(vocabulary.vocab, params, constraints.constraint(schema), buffers)


def gbnf(vocabulary: LoadedVocabulary) -> Contender:
    """llama.cpp's converter and grammar, asked about the sampled token first, as its own server does."""
    buffers = SamplerBuffers(vocabulary.size)
    return lambda schema, params: _Gbnf(vocabulary, schema, params, buffers)


class _Gbnf:
    def __init__(
        self, vocabulary: LoadedVocabulary, schema: Schema, params: SamplingParams, buffers: SamplerBuffers
    ) -> None:
        grammar = json_schema_to_gbnf(json.dumps(schema))
        with _without_stderr():  # llama.cpp prints a refused grammar in full
            self._grammar: Any = llama_cpp.llama_sampler_init_grammar(vocabulary.vocab, grammar.encode(), b"root")
        if not self._grammar:
            raise ValueError("llama.cpp refuses its own grammar of this schema")
        self._sampler = Sampler(vocabulary.vocab, params, None, buffers)
        self._one, self._one_row = _array(1)
        self._all, self._rows = _array(vocabulary.size)

    def sample_from(self, logits: Logits) -> int:
        token = self._sampler.sample_from(logits)
        if not self._allows(token):
            self._rows["id"], self._rows["logit"] = np.arange(len(logits)), logits
            llama_cpp.llama_sampler_apply(self._grammar, self._all)
            token = self._sampler.sample_from(self._rows["logit"])
            if not self._allows(token):
                raise NothingToSample("the grammar allows nothing")
        llama_cpp.llama_sampler_accept(self._grammar, token)
        return token

    def _allows(self, token: int) -> bool:
        self._one_row[0] = (token, 1.0, 0.0)
        llama_cpp.llama_sampler_apply(self._grammar, self._one)
        return math.isfinite(float(self._one_row["logit"][0]))

    def close(self) -> None:
        self._sampler.close()
        llama_cpp.llama_sampler_free(self._grammar)


@contextlib.contextmanager
def _without_stderr() -> Generator[None]:
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _array(size: int) -> tuple[Any, Any]:
    rows = np.zeros(size, CANDIDATE)
    data = ctypes.cast(rows.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data))
    array = llama_cpp.llama_token_data_array(data=data, size=size, selected=-1, sorted=False)
    return ctypes.byref(array), rows
