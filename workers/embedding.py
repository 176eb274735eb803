"""Vectors of the archive's texts, where an embedding engine is configured: for background work and for searches.

Everything works without: by words. What the engine cannot do now is left out, and done later.
"""

import asyncio
import logging
from collections.abc import Sequence

from db.errors import Outage, describe
from db.memory import vectors
from db.memory.search import QueryVector
from workers.engines.errors import ContextFull, EngineError, RequestRefused
from workers.engines.text.embedding.base import EmbeddingEngine, Vector

_log = logging.getLogger(__name__)


class ArchiveEmbedder:
    """The engine whose vectors the archive has; one per process."""

    def __init__(self, engine: EmbeddingEngine | None = None) -> None:
        """Without an engine nothing is embedded."""
        self._engine = engine
        self._prepared: bool | None = None
        self._preparing = asyncio.Lock()
        self._begun: asyncio.Task[None] | None = None

    @property
    def model(self) -> str:
        """Which model the vectors are from; "" without an engine."""
        return "" if self._engine is None else self._engine.model

    async def prepare(self) -> bool:
        """Return whether there are vectors here. The first call loads the model and builds the index, which takes long.

        Call it outside a transaction. Raises `EngineError` if the engine cannot serve now.
        """
        if self._engine is None:
            return False
        async with self._preparing:
            if self._prepared is None:
                (vector,) = await self._engine.embed(["a word"])
                self._prepared = await vectors.prepare(self._engine.model, len(vector))
        return self._prepared

    async def query(self, text: str) -> QueryVector | None:
        """Return the vector of what is looked for; None where there are none, or not yet. Raises `EngineError`."""
        if self._engine is None:
            return None
        if self._prepared is None and self._begun is None:
            # Nobody's answer waits for it.
            self._begun = asyncio.create_task(self._begin())
        if not self._prepared:
            return None
        (vector,) = await self._engine.embed([text], query=True)
        return QueryVector(self._engine.model, vector)

    async def passages(self, texts: Sequence[str]) -> list[Vector | None]:
        """Return the vectors of texts; None for one that is too long for the model. Raises `EngineError`."""
        assert self._engine is not None
        try:
            return list(await self._engine.embed(texts))
        except (ContextFull, RequestRefused):
            if len(texts) == 1:
                return [None]
        half = len(texts) // 2
        return [*await self.passages(texts[:half]), *await self.passages(texts[half:])]

    async def close(self) -> None:
        """Release the model."""
        if self._begun is not None:
            self._begun.cancel()
            await asyncio.wait([self._begun])
        if self._engine is not None:
            await self._engine.close()

    async def _begin(self) -> None:
        try:
            await self.prepare()
        except (EngineError, Outage) as e:
            _log.warning("the archive is searched by words alone: %s", describe(e))
            self._begun = None
