"""Which tokens may follow so that the text fits a JSON schema or a pattern: llguidance on one vocabulary."""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import llama_cpp
import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher, LLTokenizer

from workers.engines.text.llama.server import native
from workers.engines.text.llama.server.bounded_schema import UnsupportedSchema, bounded

KEPT: Final = 256
"""Compiled schemas that are kept."""
_OPTIONS: Final[Any] = {
    "whitespace_flexible": False,
    "item_separator": ", ?",
    "key_separator": ": ?",
    # No \\u: databases refuse NUL in a text, and all printable characters have a plain spelling.
    "json_allowed_escapes": 'nrt\\"',
}


class JsonConstraint:
    """The state of one generation. It may move between threads, but not be used by two at a time."""

    def __init__(self, matcher: LLMatcher, size: int, ends: Collection[int]) -> None:
        self._matcher = matcher
        self._size = size
        self._ends = ends

    def consume(self, token: int) -> bool:
        """Advance by ``token`` if it may follow; otherwise return False and change nothing."""
        if token in self._ends:
            return self._matcher.is_accepting()
        return self._matcher.try_consume_tokens([token]) == 1

    def allowed(self) -> npt.NDArray[np.bool_]:
        """Return for each token of the vocabulary whether it may follow. Raises `RuntimeError` if a limit is hit."""
        mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        if self._matcher.is_error():
            raise RuntimeError(self._matcher.get_error().partition("\n")[0])
        allowed = np.unpackbits(mask, count=self._size, bitorder="little").view(np.bool_)
        allowed[list(self._ends)] = self._matcher.is_accepting()
        return allowed


class JsonConstraints:
    """Compiles schemas for one vocabulary of llama.cpp. Thread-safe."""

    def __init__(self, vocab: Any, ends: Collection[int]) -> None:
        """``ends`` are the tokens that end a turn. Takes a second per 100,000 tokens. Raises `UnsupportedSchema`."""
        self._size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        self._ends = frozenset(ends)
        try:
            self._tokenizer = _tokenizer(vocab, self._size, sorted(ends))
        except ValueError as error:
            raise UnsupportedSchema(f"JSON with this model's vocabulary: {error}") from error
        self._compiled = lru_cache(KEPT)(self._compile)

    def constraint(self, schema: Mapping[str, Any]) -> JsonConstraint:
        """Return a constraint at the beginning of a text. Raises `UnsupportedSchema`."""
        try:
            text = json.dumps(bounded(schema), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UnsupportedSchema(str(error)) from error
        return self._begin(text)

    def of_pattern(self, pattern: str) -> JsonConstraint:
        """Return a constraint to a regular expression. Raises `UnsupportedSchema`."""
        return self._begin(pattern, json_schema=False)

    def _begin(self, source: str, *, json_schema: bool = True) -> JsonConstraint:
        return JsonConstraint(self._compiled(source, json_schema).deep_copy(), self._size, self._ends)

    def _compile(self, source: str, json_schema: bool) -> LLMatcher:
        try:
            if json_schema:
                grammar = LLMatcher.grammar_from_json_schema(source, overrides=_OPTIONS)
            else:
                grammar = LLMatcher.grammar_from_regex(source)
        except ValueError as error:
            raise UnsupportedSchema(str(error)) from error
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise UnsupportedSchema(matcher.get_error().partition("\n")[0])
        return matcher


def _tokenizer(vocab: Any, size: int, ends: Sequence[int]) -> LLTokenizer:
    # `llguidance.llamacpp` does the same with calls that llama_cpp has deprecated.
    make: Any = LLTokenizer.from_llamacpp  # pyright: ignore[reportAttributeAccessIssue] - missing in the stubs
    return make(
        # A token without bytes is never allowed.
        tokens=[native.token_bytes(vocab, token) for token in range(size)],
        vocab_ptr=vocab,
        tokenize_fptr=native.tokenize_address(),
        eos_token=ends,
        slices=LLTokenizer.json_slices(),
    )
