"""The ``llama`` embedding engine: a GGUF model run by llama.cpp in a process of its own."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from workers.engines.errors import EngineUnavailable
from workers.engines.processes.launch import Launcher
from workers.engines.processes.process import ModelProcess, ProcessDied
from workers.engines.processes.supervisor import ProcessSupervisor
from workers.engines.text.embedding.base import Passes, Vector
from workers.engines.text.llama.preflight import check_model, physical_cores
from workers.engines.text.llama.protocol import PROGRAM, Embed, Embedded, LoadedGguf, LoadGguf
from workers.engines.text.unicode import well_formed

PASS_TEXTS = 64
"""Texts that are sent at a time: what the model process reads at once, and a small part of a frame."""
_log = logging.getLogger(__name__)


class LlamaEmbedder:
    """Embeds with a local model. The model process starts at the first call and is replaced when it dies.

    Work interrupted by the death of a process is retried once, on a fresh one.
    """

    name = "llama"

    def __init__(
        self,
        model: Path,
        *,
        context: int = 2048,
        gpu_layers: int | None = None,
        threads: int = 0,
        stall_s: float = 120.0,
        launcher: Launcher | None = None,
    ) -> None:
        """``model`` is a GGUF file; a text may have ``context`` tokens, or what the model was trained for if less.

        0 threads: every core. A process without any progress for ``stall_s`` seconds counts as hung. Without a
        ``launcher`` the process is private to this engine.
        """
        self.model = model.stem
        self._path = model
        self._load = LoadGguf(
            path=str(model.resolve()),
            context=context,
            gpu_layers=gpu_layers,
            threads=threads or physical_cores(),
            embedding=True,
        )
        self._stall_s = stall_s
        self._launcher = launcher
        self._passes = Passes(self._run, texts=PASS_TEXTS)
        self._supervisor = ProcessSupervisor(self._start)
        self._dimensions: int | None = None

    @property
    def process_id(self) -> int | None:
        """Process id of the model process, None while there is none."""
        return None if (process := self._supervisor.current) is None else process.pid

    @property
    def dimensions(self) -> int | None:
        """The number of dimensions; None until the first vector arrives."""
        return self._dimensions

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[Vector]:
        """Return one unit vector for each text. See `workers.engines.text.embedding.base.EmbeddingEngine`."""
        del query
        return await self._passes.embed([well_formed(text) for text in texts])

    async def close(self) -> None:
        """Disconnect from the model process."""
        await self._passes.close()
        await self._supervisor.close()

    async def _run(self, texts: Sequence[str]) -> list[Vector]:
        for _ in range(2):
            process = await self._supervisor.get()
            process.used()
            try:
                answer = await process.ask(lambda number: Embed(id=number, texts=tuple(texts)))
            except ProcessDied as death:
                _log.warning("embedding model %s: %s", self._path.name, death)
                continue
            assert isinstance(answer, Embedded)
            self._dimensions = answer.dimensions
            return answer.rows()
        raise EngineUnavailable(f"model {self._path.name}: the model process died twice")

    async def _start(self) -> ModelProcess[LoadedGguf]:
        try:
            await asyncio.to_thread(check_model, self._path)
            return await ModelProcess[LoadedGguf].start(PROGRAM, self._load, self._stall_s, self._launcher)
        except EngineUnavailable as error:
            raise EngineUnavailable(f"model {self._path.name}: {error}") from error
