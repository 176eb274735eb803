"""A text engine by script, for what is above engines: it records its requests, and answers what the test says."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.engines.errors import GenerationCancelled
from workers.engines.text.base import Completion, ModelMessage, TextRequest, Usage

WORDS_PER_PIECE = 3
COST_USD = 0.25
"""Of any answer, however long."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An answer that stops after ``text``; the engine is silent until the request is cancelled."""

    text: str


@dataclass(frozen=True, slots=True)
class Truncated:
    """An answer that ends at its maximum length, after ``text``."""

    text: str


@dataclass
class ScriptedEngine:
    """Answers requests with ``script`` in order, the last entry again and again. An exception is raised.

    ``figures`` are its statistics, or why there are none; ``context`` is its context size in words;
    ``unsent`` are values of the sampling that it does not take.
    """

    script: Sequence[str | Unfinished | Truncated | Exception]
    name: str = "scripted"
    model_names: tuple[str, ...] = ()
    is_local: bool = True
    figures: Sequence[Mapping[str, Any]] | Exception = ()
    context: int | None = None
    unsent: frozenset[str] = frozenset()
    requests: list[TextRequest] = field(default_factory=list[TextRequest])
    closed: bool = False
    _cancelled: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        self.requests.append(request)
        answer = self.script[min(len(self.requests), len(self.script)) - 1]
        if isinstance(answer, Exception):
            raise answer
        text = answer if isinstance(answer, str) else answer.text
        cancelled = self._cancelled[request.id] = asyncio.Event()
        try:
            pieces = text.split(" ")
            for at in range(0, len(pieces), WORDS_PER_PIECE):
                yield (" " if at else "") + " ".join(pieces[at : at + WORDS_PER_PIECE])
                await asyncio.sleep(0)
                if cancelled.is_set():
                    raise GenerationCancelled("cancelled")
            if isinstance(answer, Unfinished):
                await cancelled.wait()
                raise GenerationCancelled("cancelled")
        finally:
            del self._cancelled[request.id]
        prompt = sum(len(message.content.split()) for message in request.messages)
        finish = "length" if isinstance(answer, Truncated) else "stop"
        used = Usage(prompt, len(text.split()), COST_USD)
        yield Completion(text, finish, used, self.name, "script", unsent=self.unsent)

    async def cost_of(self, usage: Usage, model: str = "") -> float:
        return COST_USD

    async def context_size(self, model: str = "") -> int | None:
        return self.context

    async def count_tokens(self, text: str, model: str = "") -> int:
        return len(text.split())

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        return [len(text.split()) for text in texts]

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        return sum(len(message.content.split()) for message in messages)

    async def statistics(self) -> Sequence[Mapping[str, Any]]:
        if isinstance(self.figures, Exception):
            raise self.figures
        return self.figures

    async def cancel(self, request_id: str) -> bool:
        if (cancelled := self._cancelled.get(request_id)) is None:
            return False
        cancelled.set()
        return True

    async def close(self) -> None:
        self.closed = True
