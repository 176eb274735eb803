"""GGUF files that hold a vocabulary and no model: the two kinds of tokenizers, with control tokens of one's choice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import gguf
import llama_cpp
from tokenizers.pre_tokenizers import ByteLevel

BOS = 1
"""The id of ``<s>``; ``</s>`` follows. Control tokens have the ids from 3 on, user-defined ones come after them."""


class Vocabulary:
    """A loaded vocabulary."""

    def __init__(self, path: Path) -> None:
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise RuntimeError("the vocabulary cannot be loaded")
        self.handle: Any = llama_cpp.llama_model_get_vocab(self._model)


def vocabulary_gguf(
    path: Path, kind: Literal["bytes", "sentencepiece"], control: Sequence[str], user_defined: Sequence[str] = ()
) -> Path:
    """Write a vocabulary of single bytes, or of single letters that a space is put before, and return its path."""
    specials = ["<unk>", "<s>", "</s>", *control]
    tokens = [*specials, *user_defined]
    types = [gguf.TokenType.CONTROL] * len(specials) + [gguf.TokenType.USER_DEFINED] * len(user_defined)
    types[0] = gguf.TokenType.UNKNOWN
    letters: list[str]
    if kind == "bytes":
        letters = sorted(ByteLevel.alphabet())
    else:
        tokens += [f"<0x{byte:02X}>" for byte in range(256)]
        types += [gguf.TokenType.BYTE] * 256
        letters = ["▁", *map(chr, range(ord("!"), ord("~") + 1))]
    tokens += letters
    types += [gguf.TokenType.NORMAL] * len(letters)
    writer = gguf.GGUFWriter(str(path), "llama")
    for number in (writer.add_context_length, writer.add_embedding_length, writer.add_feed_forward_length):
        number(32)
    for number in (writer.add_block_count, writer.add_head_count):
        number(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2" if kind == "bytes" else "llama")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if kind == "bytes":
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_merges(["a b"])
    else:
        writer.add_token_scores([0.0] * len(tokens))
        writer.add_add_space_prefix(True)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
