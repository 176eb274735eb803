"""Small but real GGUF embedding models with random weights: an encoder (BERT, WordPiece) and a decoder (llama, BPE).

The encoder has about 0.5 million parameters. The same seed gives the same bytes.
"""

import json
import sysconfig
from pathlib import Path
from typing import Literal

import gguf
import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from tests.models.tiny_gguf import tiny_gguf

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Control tokens of the encoder; their ids are their positions."""
PAD, UNK, CLS, SEP, MASK = range(5)
CONTEXT = 256
"""Tokens of the encoder's position table: one more would be out of bounds."""
WIDTH = 96
"""Length of the encoder's vectors."""
DECODER_WIDTH = 128
"""Length of the decoder's vectors."""
_VOCABULARY, _LAYERS, _HEADS, _FF = 1200, 2, 4, 192
_POOLING = {"mean": gguf.PoolingType.MEAN, "cls": gguf.PoolingType.CLS, "rank": gguf.PoolingType.RANK}


def tiny_encoder(
    folder: Path, *, pooling: Literal["mean", "cls", "rank", ""] = "mean", name: str = "", seed: int = 0
) -> Path:
    """Write a BERT model into ``folder`` unless it is there already, and return its path.

    ``pooling`` "" leaves it open how the vectors of a text's tokens become one.
    """
    path = folder / (name or f"tiny-encoder-{pooling or 'open'}.gguf")
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, pooling, seed)
    return path


def tiny_decoder(folder: Path) -> Path:
    """Return the path of a causal model, which leaves pooling open. Its vocabulary adds nothing around a text."""
    return tiny_gguf(folder, name="tiny-decoder.gguf")


def _vocabulary() -> tuple[list[str], list[gguf.TokenType]]:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=_VOCABULARY, special_tokens=list(SPECIALS), show_progress=False, continuing_subword_prefix="##"
    )
    library = Path(sysconfig.get_paths()["stdlib"])
    corpus = (library / "pydoc_data" / "topics.py").read_text("utf-8", "replace")[:200_000]
    tokenizer.train_from_iterator([*corpus.split("\n\n"), "ж ё 门 开 了 é ß"], trainer)
    vocabulary: dict[str, int] = json.loads(tokenizer.to_str())["model"]["vocab"]
    tokens = [_as_in_gguf(token) for token in sorted(vocabulary, key=vocabulary.__getitem__)]
    types = [gguf.TokenType.CONTROL if token in SPECIALS else gguf.TokenType.NORMAL for token in tokens]
    types[UNK] = gguf.TokenType.UNKNOWN
    return tokens, types


def _as_in_gguf(token: str) -> str:
    """Return how GGUF files write WordPiece: beginnings of words are marked instead of continuations."""
    if token in SPECIALS:
        return token
    return token[2:] if token.startswith("##") else "\u2581" + token


def _write(path: Path, pooling: str, seed: int) -> None:
    tokens, types = _vocabulary()
    partial = path.with_suffix(".part")
    writer = gguf.GGUFWriter(str(partial), "bert")
    writer.add_name("tiny-random-encoder")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FF)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    if pooling:
        writer.add_pooling_type(_POOLING[pooling])
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_type_count(2)
    writer.add_pad_token_id(PAD)
    writer.add_unk_token_id(UNK)
    writer.add_bos_token_id(CLS)
    writer.add_sep_token_id(SEP)
    writer.add_mask_token_id(MASK)
    rng = np.random.default_rng(seed)

    def matrix(tensor: str, rows: int, columns: int, gain: float = 1.0) -> None:
        values = rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(gain / columns**0.5)
        writer.add_tensor(f"{tensor}.weight", values)

    def linear(tensor: str, rows: int, columns: int) -> None:
        matrix(tensor, rows, columns)
        writer.add_tensor(f"{tensor}.bias", rng.standard_normal(rows, dtype=np.float32) * np.float32(0.02))

    def norm(tensor: str) -> None:
        writer.add_tensor(f"{tensor}.weight", np.ones(WIDTH, dtype=np.float32))
        writer.add_tensor(f"{tensor}.bias", np.zeros(WIDTH, dtype=np.float32))

    matrix("token_embd", len(tokens), WIDTH)
    matrix("token_types", 2, WIDTH)
    matrix("position_embd", CONTEXT, WIDTH)
    norm("token_embd_norm")
    for i in range(_LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            linear(f"blk.{i}.{part}", WIDTH, WIDTH)
        norm(f"blk.{i}.attn_output_norm")
        linear(f"blk.{i}.ffn_up", _FF, WIDTH)
        linear(f"blk.{i}.ffn_down", WIDTH, _FF)
        norm(f"blk.{i}.layer_output_norm")
    if pooling == "rank":
        linear("cls", WIDTH, WIDTH)
        linear("cls.output", 1, WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(path)
