"""The vocabulary of the benchmark's models: a byte-level BPE trained on the text of Python's own documentation."""

import json
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gguf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIALS: Final = ("<|pad|>", "<|bos|>", "<|eos|>", "<|im_start|>", "<|im_end|>")
"""Control tokens; their ids are their positions."""
PAD, BOS, IM_START, IM_END = 0, 1, 3, 4
TRAINED: Final = 16384
"""Tokens that the text suffices for. Larger vocabularies are filled up with words that are never written."""
_WORD = re.compile("Ġ[A-Za-z]+")
_TEXT_LIMIT: Final = 12_000_000


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens, their types and the merges as GGUF wants them; ``words`` are the ids that the models write.

    Those are whole words with the space before them. Such text is tokenised to exactly the tokens it was written with,
    every token shows as soon as it is sampled, and no answer ends early: so tokens are counted and timed alike for all.
    """

    tokens: list[str]
    types: list[gguf.TokenType]
    merges: list[str]
    words: frozenset[int]


def train(size: int) -> Vocabulary:
    """Return the vocabulary with ``size`` tokens: the same for the same Python installation."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=min(size, TRAINED),
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_text(), trainer)
    state = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(state["vocab"], key=state["vocab"].__getitem__)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in state["merges"]]
    words = frozenset(
        i
        for i, token in enumerate(tokens)
        if _WORD.fullmatch(token) and tokenizer.encode(" " + token[1:], add_special_tokens=False).ids == [i]
    )
    types = [gguf.TokenType.CONTROL if token in SPECIALS else gguf.TokenType.NORMAL for token in tokens]
    for i in range(len(tokens), size):
        tokens.append(f"<|unused_{i}|>")
        types.append(gguf.TokenType.UNUSED)
    return Vocabulary(tokens, types, merges, words)


def _text() -> Iterator[str]:
    library = Path(sysconfig.get_paths()["stdlib"])
    left = _TEXT_LIMIT
    for file in (library / "pydoc_data" / "topics.py", library / "LICENSE.txt", *sorted(library.glob("*.py"))):
        if file.is_file() and left > 0:
            text = file.read_text("utf-8", "replace")[:left]
            left -= len(text)
            yield from text.split("\n\n")
