"""Vocabularies without a model: llama.cpp loads them from files that hold no weights."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
import numpy.typing as npt

from benchmarks.text_bench.vocabulary import BOS, IM_END, PAD, Vocabulary, train
from workers.engines.text.llama.server import native

_KEEP: list[Any] = []
"""Models stay loaded, because they own their vocabularies."""


@dataclass(frozen=True, slots=True)
class LoadedVocabulary:
    """A vocabulary of llama.cpp, and the bytes of its tokens; ``closers`` may end a string, an array or an object."""

    vocab: Any
    size: int
    pieces: tuple[bytes, ...]
    ends: frozenset[int]
    closers: npt.NDArray[np.intp]


def load_vocabulary(folder: Path, size: int) -> LoadedVocabulary:
    """Return a vocabulary of ``size`` tokens, the same for the same Python installation."""
    path = folder / f"vocabulary-{size}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, size)
    native.start_backend()
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    model: Any = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise RuntimeError(f"{path} cannot be loaded")
    _KEEP.append(model)
    vocab: Any = llama_cpp.llama_model_get_vocab(model)
    pieces = tuple(native.token_bytes(vocab, token) for token in range(size))
    ends = frozenset(token for token in range(size) if llama_cpp.llama_vocab_is_eog(vocab, token))
    closers = np.array([token for token, piece in enumerate(pieces) if piece[:1] in {b'"', b"]", b"}"}], np.intp)
    return LoadedVocabulary(vocab, size, pieces, ends, closers)


def _write(path: Path, size: int) -> None:
    vocabulary = train(min(size, 16_384))
    tokens, types = _filled(vocabulary, size)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_vocab_size(size)
    writer.add_context_length(4096)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(IM_END)
    writer.add_pad_token_id(PAD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def _filled(vocabulary: Vocabulary, size: int) -> tuple[list[str], list[gguf.TokenType]]:
    """Fill up with joined tokens: like any large vocabulary, it then has many words with common beginnings."""
    known = dict.fromkeys(vocabulary.tokens)
    for token in itertools.islice(_joined(vocabulary.tokens), 20 * size):
        if len(known) >= size:
            break
        known.setdefault(token)
    if len(known) < size:
        raise RuntimeError(f"no {size} different tokens")
    return [*known], [*vocabulary.types, *[gguf.TokenType.NORMAL] * (size - len(vocabulary.types))]


def _joined(tokens: list[str]) -> Iterator[str]:
    dice = np.random.default_rng(0)
    while True:
        left, right = (tokens[int(place)] for place in dice.integers(261, len(tokens), 2))
        if not right.startswith("Ġ"):
            yield left + right
