"""What the engine needs from one server: a stream of `Delta` for a request, and a health check."""

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from workers.engines.text.base import FinishReason, ModelMessage, Sampling, TextRequest
from workers.engines.text.remote.prices import Tokens


@dataclass(frozen=True, slots=True)
class Delta:
    """One step of an answer. ``reasoning`` is the model's thinking, separate from its text.

    ``finish`` is "unknown" if the server ended the answer without saying why.
    """

    text: str = ""
    reasoning: str = ""
    finish: FinishReason | Literal["unknown"] | None = None
    model: str = ""
    tokens: Tokens | None = None


class CannotCount(Exception):
    """The server does not count tokens, or not now."""

    loggable = True


class Endpoint(Protocol):
    """One server, or one provider."""

    @property
    def url(self) -> str:
        """Its URL without credentials: its name in logs, errors and statistics."""
        ...

    def deltas(self, request: TextRequest, model: str) -> AsyncGenerator[Delta]:
        """Send one request and yield the answer as it arrives. Closing the generator ends the server's work.

        Raises `workers.engines.openai.errors.Trouble` and `EngineError`.
        """
        ...

    def unsent(self, sampling: Sampling, model: str) -> frozenset[str]:
        """Return which values that ``sampling`` sets were not sent with the last request, because it takes none."""
        ...

    async def window(self, model: str) -> int | None:
        """Return the context window of a model in tokens, None if the server does not say. Never raises."""
        ...

    async def count(self, texts: Sequence[str], model: str) -> list[int]:
        """Return the number of tokens of each text, without special tokens. Raises `CannotCount`."""
        ...

    async def count_prompt(self, messages: Sequence[ModelMessage], model: str, schema: Mapping[str, Any] | None) -> int:
        """Return the number of tokens of a prompt, the chat template included. Raises `CannotCount`."""
        ...

    async def check(self) -> str:
        """Return "" if the server is healthy, else the problem. Never raises for a dead server."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def estimate_tokens(text: str) -> int:
    """Return an estimate for servers that report no counts: 1 token per 4 ASCII characters, 0.8 per other character.

    Slightly more than the byte-pair vocabularies of current models need for English (4.2 characters per token),
    Cyrillic and Chinese text.
    """
    ascii_only = sum(character < "\x80" for character in text)
    return math.ceil(ascii_only / 4 + (len(text) - ascii_only) * 0.8)


def estimate_prompt(request: TextRequest) -> int:
    """Return an estimate of the prompt's tokens; four per message account for the template."""
    return sum(estimate_tokens(message.content) + 4 for message in request.messages)
