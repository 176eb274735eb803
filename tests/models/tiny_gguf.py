"""A small but real GGUF model: llama architecture, random weights, a byte-level BPE vocabulary trained on the spot.

About 1.3 million parameters and 2.6 MB. The same seed gives the same bytes, and any UTF-8 text survives the tokenizer.
"""

import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIALS = ("<|pad|>", "<|bos|>", "<|eos|>", "<|im_start|>", "<|im_end|>", "<|tool|>")
"""Their ids are their positions. All are control tokens but the last, which is user-defined."""
IM_START, IM_END, TOOL = 3, 4, 5
CONTEXT = 4096
"""Tokens the model says it was trained for."""
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LAYERS = 4
_VOCABULARY, _WIDTH, _HEADS, _KV_HEADS, _FF = 2048, 128, 4, 2, 384


def tiny_gguf(
    folder: Path,
    *,
    template: str = CHAT_TEMPLATE,
    name: str = "tiny.gguf",
    seed: int = 0,
    context: int = CONTEXT,
    layers: int = LAYERS,
) -> Path:
    """Write the model into ``folder`` unless it is there already, and return its path."""
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, template, seed, context, layers)
    return path


def _corpus() -> Iterator[str]:
    library = Path(sysconfig.get_paths()["stdlib"])
    for file in (library / "pydoc_data" / "topics.py", library / "LICENSE.txt"):
        if file.is_file():
            yield from file.read_text("utf-8", "replace")[:400_000].split("\n\n")


def _vocabulary() -> tuple[list[str], list[gguf.TokenType], list[str]]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    state = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(state["vocab"], key=state["vocab"].__getitem__)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in state["merges"]]
    types = [gguf.TokenType.CONTROL if token in SPECIALS else gguf.TokenType.NORMAL for token in tokens]
    types[TOOL] = gguf.TokenType.USER_DEFINED
    return tokens, types, merges


def _write(path: Path, template: str, seed: int, context: int, layers: int) -> None:
    tokens, types, merges = _vocabulary()
    partial = path.with_suffix(".part")
    writer = gguf.GGUFWriter(str(partial), "llama")
    writer.add_name("tiny-random")
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(_FF)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(IM_END)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    if template:
        writer.add_chat_template(template)
    rng = np.random.default_rng(seed)

    def matrix(tensor: str, rows: int, columns: int, gain: float = 1.0) -> None:
        values = rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(gain / columns**0.5)
        writer.add_tensor(tensor, values.astype(np.float16))

    def norm(tensor: str) -> None:
        writer.add_tensor(tensor, np.ones(_WIDTH, dtype=np.float32))

    kv_width = _WIDTH // _HEADS * _KV_HEADS
    matrix("token_embd.weight", len(tokens), _WIDTH)
    for i in range(layers):
        norm(f"blk.{i}.attn_norm.weight")
        matrix(f"blk.{i}.attn_q.weight", _WIDTH, _WIDTH)
        matrix(f"blk.{i}.attn_k.weight", kv_width, _WIDTH)
        matrix(f"blk.{i}.attn_v.weight", kv_width, _WIDTH)
        matrix(f"blk.{i}.attn_output.weight", _WIDTH, _WIDTH)
        norm(f"blk.{i}.ffn_norm.weight")
        matrix(f"blk.{i}.ffn_gate.weight", _FF, _WIDTH)
        matrix(f"blk.{i}.ffn_up.weight", _FF, _WIDTH)
        matrix(f"blk.{i}.ffn_down.weight", _WIDTH, _FF)
    norm("output_norm.weight")
    # A gain makes the distribution peaked enough that sampling settings matter.
    matrix("output.weight", len(tokens), _WIDTH, gain=3.0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(path)
