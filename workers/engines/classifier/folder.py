"""A classifier in a folder, run in a supervised process: native code may end the process that it runs in."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from workers.engines.classifier.protocol import PROGRAM, Classify, LoadClassifier, LoadedClassifier, TextScores
from workers.engines.errors import EngineUnavailable
from workers.engines.processes.launch import Launcher
from workers.engines.processes.process import ModelProcess, ProcessDied
from workers.engines.processes.supervisor import ProcessSupervisor

STALL_S = 60.0
"""A process without any progress for so long counts as hung."""
_log = logging.getLogger(__name__)


class FolderClassifier:
    """Scores texts. The process starts at the first one, and is replaced when it dies."""

    def __init__(self, folder: Path, *, launcher: Launcher | None = None) -> None:
        """``folder`` holds the model, with safetensors weights. Without a ``launcher`` the process is private."""
        self.folder = folder
        self._load = LoadClassifier(path=str(folder.resolve()))
        self._launcher = launcher
        self._supervisor = ProcessSupervisor(self._start)

    async def scores(self, text: str) -> Mapping[str, float]:
        """Return the score of each label. Raises `workers.engines.errors.EngineError`."""
        for _ in range(2):
            process = await self._supervisor.get()
            process.used()
            try:
                answer = await process.ask(lambda number: Classify(id=number, text=text))
            except ProcessDied as death:
                _log.warning("the text classifier in %s: %s", self.folder.name, death)
                continue
            assert isinstance(answer, TextScores)
            return answer.scores
        raise EngineUnavailable(f"the text classifier in {self.folder.name}: its process died twice")

    async def close(self) -> None:
        """Disconnect from the process."""
        await self._supervisor.close()

    async def _start(self) -> ModelProcess[LoadedClassifier]:
        if not await asyncio.to_thread((self.folder / "config.json").is_file):
            raise EngineUnavailable(f"there is no text classifier in {self.folder.name}: config.json is missing")
        return await ModelProcess[LoadedClassifier].start(PROGRAM, self._load, STALL_S, self._launcher)
