"""Several local models behind one engine, selected by role or by the name that an account chose."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from workers.engines.errors import EngineUnavailable
from workers.engines.text.base import Completion, ModelMessage, TextRequest
from workers.engines.text.gguf_file import SPLIT
from workers.engines.text.llama.engine import LlamaEngine

_log = logging.getLogger(__name__)


class LlamaModels:
    """The ``llama`` engine of a worker: one `LlamaEngine` per model file, made when it is first asked for.

    `TextRequest.model` is a role (``writer``, ``chat``, ``persona``), the name of a file without its ending, or empty;
    the default model serves anything unknown.
    """

    name = "llama"
    is_local = True

    def __init__(
        self,
        default: Path,
        make: Callable[[Path], LlamaEngine],
        *,
        roles: Mapping[str, Path],
        named: Mapping[str, Path],
    ) -> None:
        """``make`` builds the engine of a file. ``roles`` and ``named`` are the files that may be requested."""
        self._default = default
        self._make = make
        chosen = {model_name(path): path for path in (*roles.values(), default)}
        self._paths = {**named, **chosen, **roles}
        writes = model_name(roles.get("writer", default))
        self._names = tuple(dict.fromkeys((writes, *chosen, *named)))
        self._engines: dict[Path, LlamaEngine] = {default: make(default)}
        self._closed = False

    @property
    def engines(self) -> tuple[LlamaEngine, ...]:
        """The engines made so far; the first is the default model's."""
        return tuple(self._engines.values())

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models by name. See `workers.engines.text.base.TextEngine`."""
        return self._names

    def engine_for(self, model: str) -> LlamaEngine:
        """Return the engine of a role or a model's name."""
        path = self._paths.get(model, self._default)
        if model and model not in self._paths:
            _log.debug("no model for %r: using the default one", model)
        if path not in self._engines:
            self._engines[path] = self._make(path)
        return self._engines[path]

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        """Yield pieces of text, then the `Completion`. See `workers.engines.text.base.TextEngine`."""
        if self._closed:
            raise EngineUnavailable("the engine is closed")
        async with aclosing(self.engine_for(request.model).stream(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def context_size(self, model: str = "") -> int:
        """Return the context window of that model in tokens; loads it if it is not loaded yet."""
        return await self.engine_for(model).context_size()

    async def parameters(self, model: str = "") -> int | None:
        """Return the number of parameters of that model. See `workers.engines.text.base.KnowsParameters`."""
        return await self.engine_for(model).parameters()

    async def count_tokens(self, text: str, model: str = "") -> int:
        """Return the number of tokens of ``text`` by that model's tokenizer; loads it if it is not loaded yet."""
        return await self.engine_for(model).count_tokens(text)

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        """Return the number of tokens of each text by that model's tokenizer; loads it if it is not loaded yet."""
        return await self.engine_for(model).count_many(texts)

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        """Return the number of tokens of a prompt for that model; loads it if it is not loaded yet."""
        return await self.engine_for(model).count_messages(messages, schema=schema)

    async def statistics(self) -> list[Mapping[str, Any]]:
        """Return the figures of the engines made so far."""
        reported = await asyncio.gather(*(engine.statistics() for engine in self.engines))
        return [figures for each in reported for figures in each]

    async def cancel(self, request_id: str) -> bool:
        """Stop a generation. False if it is not known here."""
        return any([await engine.cancel(request_id) for engine in self.engines])

    async def close(self) -> None:
        """Disconnect from all model processes."""
        self._closed = True
        await asyncio.gather(*(engine.close() for engine in self.engines))


def model_name(path: Path) -> str:
    """Return the display name of the model in ``path``."""
    return SPLIT.sub("", path.name).removesuffix(".gguf")
