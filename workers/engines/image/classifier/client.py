"""The operator's classifier of pictures, in a process of its own, for pictures that were drawn elsewhere."""

from pathlib import Path
from typing import Final

from workers.engines.errors import EngineUnavailable
from workers.engines.image.classifier.protocol import PROGRAM, ClassifiedPicture, ClassifyPicture, LoadPictureClassifier
from workers.engines.processes.launch import Launcher
from workers.engines.processes.messages import Loaded
from workers.engines.processes.process import ModelProcess, ProcessDied
from workers.engines.processes.supervisor import ProcessSupervisor

_TRIES: Final = 2
"""Attempts at a picture whose process dies."""


class PictureClassifier:
    """Judges pictures. Its process starts at the first one and is replaced when it dies."""

    def __init__(
        self, folder: Path, device: str = "auto", stall_s: float = 300.0, launcher: Launcher | None = None
    ) -> None:
        """``folder`` holds a model of transformers; see `workers.engines.image.settings.ImageSettings`."""
        self._load = LoadPictureClassifier(path=str(folder.resolve()), device=device)
        self._stall_s = stall_s
        self._launcher = launcher
        self._supervisor = ProcessSupervisor(self._start)

    async def scores(self, png: bytes) -> tuple[float, float]:
        """Return the probabilities of sexual content and of somebody young. Raises `EngineUnavailable`."""
        for _ in range(_TRIES):
            process = await self._supervisor.get()
            process.used()
            try:
                async with process.converse(lambda number: ClassifyPicture(id=number), png) as next_answer:
                    found: ClassifiedPicture = await next_answer()
            except ProcessDied:
                continue
            return found.unsafe, found.young
        raise EngineUnavailable("the process of the classifier of pictures dies again and again")

    async def close(self) -> None:
        """Disconnect from the process."""
        await self._supervisor.close()

    async def _start(self) -> ModelProcess[Loaded]:
        return await ModelProcess[Loaded].start(PROGRAM, self._load, self._stall_s, self._launcher)
