"""The ``llama`` embedding engine: a GGUF model run by llama.cpp in a process of its own."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from workers.engines.errors import EngineUnavailable
from workers.engines.text.embedding.base import Passes, Vector
from workers.engines.text.llama.launch import Launcher, PrivateLauncher
from workers.engines.text.llama.preflight import check_model, physical_cores
from workers.engines.text.llama.process import ChildDied, LlamaProcess
from workers.engines.text.llama.protocol import Load
from workers.engines.text.unicode import well_formed

PASS_TEXTS = 64
"""Texts that are sent at a time: what the model process reads at once, and a small part of a frame."""
RETRY_LOADING_S = 30.0
"""Seconds for which a model that failed to load is not tried again."""
_log = logging.getLogger(__name__)


class LlamaEmbedder:
    """Embeds with a local model. The model process starts at the first call and is replaced when it dies.

    What a process was doing when it died runs again on a fresh one, once.
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
        ``launcher`` the process is this engine's own.
        """
        self.model = model.stem
        self._path = model
        self._load = Load(
            path=str(model.resolve()),
            context=context,
            gpu_layers=gpu_layers,
            threads=threads or physical_cores(),
            embedding=True,
        )
        self._stall_s = stall_s
        self._launcher = launcher or PrivateLauncher()
        self._passes = Passes(self._run, texts=PASS_TEXTS)
        self._process: LlamaProcess | None = None
        self._failure: tuple[float, str] | None = None
        self._dimensions: int | None = None

    @property
    def process_id(self) -> int | None:
        """Process id of the model process, None while there is none."""
        return self._process.pid if self._process is not None and self._process.alive else None

    @property
    def dimensions(self) -> int | None:
        """How many numbers a vector has; None until the first one came."""
        return self._dimensions

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one unit vector for each text. See `workers.engines.text.embedding.base.EmbeddingEngine`."""
        return await self._passes.embed([well_formed(text) for text in texts])

    async def close(self) -> None:
        """Leave the model process."""
        await self._passes.close()
        if self._process is not None:
            await self._process.stop()

    async def _run(self, texts: Sequence[str]) -> list[Vector]:
        for _ in range(2):
            process = await self._ready_process()
            process.used()
            try:
                vectors = await process.embed(texts)
            except ChildDied as death:
                _log.warning("embedding model %s: %s", self._path.name, death)
                continue
            self._dimensions = len(vectors[0])
            return vectors
        raise EngineUnavailable(f"model {self._path.name}: the model process died twice")

    async def _ready_process(self) -> LlamaProcess:
        # Passes run one at a time, so nobody else starts a process meanwhile.
        if self._process is not None and self._process.alive:
            return self._process
        loop = asyncio.get_running_loop()
        if self._failure is not None and loop.time() < self._failure[0]:
            raise EngineUnavailable(self._failure[1])
        if self._process is not None:
            await self._process.stop()
            self._process = None
        try:
            await asyncio.to_thread(check_model, self._path)
            self._process = await LlamaProcess.start(self._load, self._stall_s, self._launcher)
        except EngineUnavailable as error:
            message = f"model {self._path.name}: {error}"
            self._failure = (loop.time() + RETRY_LOADING_S, message)
            raise EngineUnavailable(message) from error
        self._failure = None
        return self._process
