"""Engines without a model or a server."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from workers.engines.errors import EngineUnavailable
from workers.engines.text.base import Completion, ModelMessage, TextRequest, Usage


class Echo:
    """The simplest engine there is: it always succeeds."""

    name = "echo"
    is_local = True
    model_names: tuple[str, ...] = ()

    async def context_size(self, model: str = "") -> int | None:
        return 100

    async def statistics(self) -> list[Mapping[str, Any]]:
        return []

    async def stream(self, request: TextRequest) -> AsyncIterator[str | Completion]:
        text = request.messages[-1].content
        yield text
        yield Completion(text, "stop", Usage(), self.name, "echo")

    async def count_tokens(self, text: str, model: str = "") -> int:
        return len(text.split())

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        return [len(text.split()) for text in texts]

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        return sum(len(message.content.split()) for message in messages)

    async def cancel(self, request_id: str) -> bool:
        return False

    async def close(self) -> None:
        pass


class Named(Echo):
    """An engine with models of these names, which is never there when it is asked."""

    def __init__(self, name: str, *models: str) -> None:
        self.name, self.model_names = name, models

    async def stream(self, request: TextRequest) -> AsyncIterator[str | Completion]:
        raise EngineUnavailable("it is away")
        yield ""

    async def context_size(self, model: str = "") -> int | None:
        return None

    async def count_tokens(self, text: str, model: str = "") -> int:
        raise EngineUnavailable("it is away")

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        raise EngineUnavailable("it is away")
