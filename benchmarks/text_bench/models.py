"""The benchmark's models: llama architecture, reproducible random weights, generated on demand.

No answer may end early, so control tokens must never be sampled. The first dimension of the residual stream is
reserved for that: every embedding holds the same number there, no layer reads or writes it, and only the output reads
it. Tokens that must not be written have their whole output there, far below all others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Quant
from gguf import quants

from benchmarks.text_bench.vocabulary import BOS, IM_END, PAD, Vocabulary, train

CHAT_TEMPLATE: Final = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_VERSION: Final = 1
"""Part of the file's name: a model made by older rules is regenerated."""
_FIRST: Final = 2.0
"""The value of every embedding in its first dimension; the others reach about that size in the layers."""
_NEVER: Final = -127.0
"""The output weight, at the first dimension, of a token that must not be written."""
_GAIN: Final = 3.0
"""Gain of the output: makes the distribution peaked enough that sampling settings matter."""
_FILE_TYPES: Final = {
    Quant.F16: gguf.LlamaFileType.MOSTLY_F16,
    Quant.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    Quant.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
}

Matrix = npt.NDArray[Any]
Words = npt.NDArray[np.bool_]
"""For each token, whether it may be written."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's dimensions. ``direct``: the quantised blocks themselves are random, which is fast for large models."""

    name: str
    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    context: int
    rope_base: float = 10000.0
    direct: bool = False


SMALL: Final = Shape("bench", 16384, 768, 16, 12, 4, 2048, 16384)
"""125.9 million parameters: one core's caches do not hold it, and two cores write more than 100 tokens/s."""
LARGE: Final = Shape("bench-8b", 128256, 4096, 32, 32, 8, 14336, 131072, 500000.0, direct=True)
"""8.0 billion parameters, the shape of Llama 3.1 8B."""


def ensure(folder: Path, shape: Shape, quant: Quant) -> Path:
    """Return the model's file in ``folder``; it is written if missing."""
    path = folder / f"{shape.name}-{quant.name.lower()}-v{_VERSION}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        _write(partial, shape, quant)
        partial.replace(path)
    return path


class _Part(Enum):
    """What a matrix does with the first dimension."""

    EMBEDDING = "holds it"
    READER = "does not read it"
    WRITER = "does not write it"
    OUTPUT = "reads it alone, where a token shall not be written"


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Name and size of a matrix, and its part; without ``columns``, a vector of ones."""

    name: str
    rows: int
    columns: int = 0
    part: _Part = _Part.READER


def _tensors(shape: Shape) -> Iterator[_Tensor]:
    kv_width = shape.width // shape.heads * shape.kv_heads
    yield _Tensor("token_embd.weight", shape.vocabulary, shape.width, _Part.EMBEDDING)
    for i in range(shape.layers):
        layer = f"blk.{i}."
        yield _Tensor(layer + "attn_norm.weight", shape.width)
        yield _Tensor(layer + "attn_q.weight", shape.width, shape.width)
        yield _Tensor(layer + "attn_k.weight", kv_width, shape.width)
        yield _Tensor(layer + "attn_v.weight", kv_width, shape.width)
        yield _Tensor(layer + "attn_output.weight", shape.width, shape.width, _Part.WRITER)
        yield _Tensor(layer + "ffn_norm.weight", shape.width)
        yield _Tensor(layer + "ffn_gate.weight", shape.feed_forward, shape.width)
        yield _Tensor(layer + "ffn_up.weight", shape.feed_forward, shape.width)
        yield _Tensor(layer + "ffn_down.weight", shape.width, shape.feed_forward, _Part.WRITER)
    yield _Tensor("output_norm.weight", shape.width)
    yield _Tensor("output.weight", shape.vocabulary, shape.width, _Part.OUTPUT)


def _write(path: Path, shape: Shape, quant: Quant) -> None:
    vocabulary = train(shape.vocabulary)
    writer = gguf.GGUFWriter(str(path), "llama")
    _describe(writer, shape, quant, vocabulary)
    tensors = list(_tensors(shape))
    words = np.isin(np.arange(shape.vocabulary), list(vocabulary.words))
    for tensor in tensors:
        if tensor.columns:
            size = tensor.rows * quants.quant_shape_to_byte_shape((tensor.columns,), quant)[0]
            writer.add_tensor_info(tensor.name, (tensor.rows, tensor.columns), np.dtype(np.float32), size, quant)
        else:
            writer.add_tensor_info(tensor.name, (tensor.rows,), np.dtype(np.float32), 4 * tensor.rows)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.default_rng(0)
    # One tensor in memory at a time: the large model exceeds the memory of some machines.
    for tensor in tensors:
        writer.write_tensor_data(_data(tensor, quant, rng, words, direct=shape.direct))
    writer.close()


def _describe(writer: gguf.GGUFWriter, shape: Shape, quant: Quant, vocabulary: Vocabulary) -> None:
    writer.add_name(shape.name)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(_FILE_TYPES[quant])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(IM_END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _data(tensor: _Tensor, quant: Quant, rng: np.random.Generator, words: Words, *, direct: bool) -> Matrix:
    if not tensor.columns:
        return np.ones(tensor.rows, dtype=np.float32)
    scale = (_GAIN if tensor.part is _Part.OUTPUT else 1.0) / tensor.columns**0.5
    if direct:
        return _random_blocks(tensor, quant, rng, words, scale)
    values = rng.standard_normal((tensor.rows, tensor.columns), dtype=np.float32) * np.float32(scale)
    if tensor.part is _Part.WRITER:
        values[0] = 0
    _set_first(values, tensor.part, words)
    return values.astype(np.float16) if quant == Quant.F16 else quants.quantize(values, quant)


def _set_first(values: Matrix, part: _Part, words: Words) -> None:
    """Set the first column of all rows according to the matrix's part."""
    match part:
        case _Part.EMBEDDING:
            values[:, 0] = _FIRST
        case _Part.READER:
            values[:, 0] = 0
        case _Part.WRITER:
            pass
        case _Part.OUTPUT:
            values[:, 0] = 0
            values[~words] = 0
            values[~words, 0] = _NEVER


def _random_blocks(tensor: _Tensor, quant: Quant, rng: np.random.Generator, words: Words, scale: float) -> Matrix:
    """Blocks of 32 weights: a half-precision scale, then 32 signed bytes (Q8_0) or 16 bytes of two weights (Q4_0)."""
    shape = (tensor.rows, tensor.columns // 32)
    # Symmetric around zero: a mean, however small, would grow from layer to layer.
    if quant == Quant.Q8_0:
        weights, deviation = rng.integers(1, 256, (*shape, 32), dtype=np.uint8) ^ 128, 73.3
    else:
        pairs = np.array([low | high << 4 for high in range(1, 16) for low in range(1, 16)], dtype=np.uint8)
        weights, deviation = pairs[rng.integers(0, len(pairs), (*shape, 16), dtype=np.uint8)], 4.32
    scales = np.full((*shape, 1), scale / deviation, dtype=np.float16).view(np.uint8)
    blocks = np.concatenate((scales, weights), axis=2)
    if tensor.part is _Part.WRITER:
        blocks[0, :, :2] = 0
    else:
        first = quants.dequantize(np.ascontiguousarray(blocks[:, 0]), quant)
        _set_first(first, tensor.part, words)
        blocks[:, 0] = quants.quantize(first, quant)
    return blocks.reshape(tensor.rows, -1)
