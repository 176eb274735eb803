"""The work: chats, their prompts as tokens, and the words they are made of."""

import ctypes
import random
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import llama_cpp

from workers.engines.text.base import ModelMessage, Role

TEMPERATURE: Final = 0.8
TOP_K: Final = 40
TOP_P: Final = 0.95
MIN_P: Final = 0.05
"""Sampling settings of all contenders, in the order top-k, top-p, min-p, temperature."""
_WORD: Final = re.compile(" [A-Za-z]+")


@llama_cpp.llama_log_callback
def _silent(level: int, text: bytes, data: Any) -> None:
    del level, text, data


@dataclass(frozen=True, slots=True)
class Chat:
    """One request: the tenant, the messages, the number of tokens, and the time (seconds after the start).

    It is cancelled after ``cancel_after`` tokens have arrived. ``watched`` chats are those whose gaps are measured.
    """

    tenant: str
    messages: tuple[ModelMessage, ...]
    new: int
    at: float = 0.0
    cancel_after: int | None = None
    watched: bool = True

    @property
    def written(self) -> int:
        """Tokens that its answer has in the end."""
        return self.new if self.cancel_after is None else min(self.new, self.cancel_after)

    def following(self, earlier: "Chat", answer: str) -> "Chat":
        """Return this chat as the next turn of the ``earlier`` one."""
        return replace(self, messages=(*earlier.messages, ModelMessage("assistant", answer), *self.messages))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A chat for contenders that take tokens instead of messages."""

    tokens: tuple[int, ...]
    new: int
    at: float
    cancel_after: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: the text, and the times (`time.monotonic`) of the chat's arrival and of each token."""

    text: str
    arrived: float
    times: tuple[float, ...]


class Language:
    """The model's vocabulary: texts of a wanted number of tokens, and chats as tokens."""

    def __init__(self, model: Path) -> None:
        """Load the vocabulary alone. Raises `RuntimeError` if it cannot be loaded."""
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        llama_cpp.llama_log_set(_silent, ctypes.c_void_p())
        loaded: Any = llama_cpp.llama_model_load_from_file(str(model).encode(), params)
        if not loaded:
            raise RuntimeError(f"{model} cannot be loaded")
        self._vocabulary: Any = llama_cpp.llama_model_get_vocab(loaded)
        count = llama_cpp.llama_vocab_n_tokens(self._vocabulary)
        texts = (llama_cpp.llama_vocab_get_text(self._vocabulary, i).decode().replace("Ġ", " ") for i in range(count))
        # A word that is one token alone is one among others, too: words are split before merges are applied.
        self._words = [text for text in texts if _WORD.fullmatch(text) and len(self._tokens(text)) == 1]

    def text(self, tokens: int, seed: str) -> str:
        """Return words that are ``tokens`` tokens; the same ones for the same ``seed``."""
        return "".join(random.Random(seed).choices(self._words, k=tokens))

    def message(self, role: Role, tokens: int, seed: str, *, shared: bool = False) -> ModelMessage:
        """Return a message of ``tokens`` tokens; ``shared``: in the product's own words."""
        text = self.text(tokens, seed)
        return ModelMessage(role, text, shared=len(text) if shared else 0)

    def prompt(self, chat: Chat, seed: int) -> Prompt:
        """Return the chat as the model's template renders it."""
        tokens: list[int] = []
        glue = ""
        for message in chat.messages:
            tokens += self._tokens(f"{glue}<|im_start|>{message.role}\n", special=True)
            tokens += self._tokens(message.content)
            glue = "<|im_end|>\n"
        tokens += self._tokens(f"{glue}<|im_start|>assistant\n", special=True)
        return Prompt(tuple(tokens), chat.new, chat.at, chat.cancel_after, seed)

    def _tokens(self, text: str, *, special: bool = False) -> list[int]:
        data = text.encode()
        tokens = (llama_cpp.llama_token * (len(data) + 1))()
        count = llama_cpp.llama_tokenize(self._vocabulary, data, len(data), tokens, len(tokens), False, special)
        return tokens[:count]
