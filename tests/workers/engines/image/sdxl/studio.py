"""The part of the engine that owns the model, in this process."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

from tests.workers.engines.image.asking import Pixels, pixels
from workers.engines.image.sdxl.protocol import Draw, DrawingProgress, Drawn, LoadSdxl, Part
from workers.engines.processes.messages import Failed, WireMessage

if TYPE_CHECKING:
    from workers.engines.image.sdxl.server.loading import Model


class Studio:
    """A loaded model that draws when told to, and what it said."""

    def __init__(self, load: LoadSdxl) -> None:
        # Takes seconds, which no process is to spend that only collects.
        from workers.engines.image.sdxl.server import drawer as under_test
        from workers.engines.image.sdxl.server.loading import load_model

        self.said: list[WireMessage] = []
        self.pictures: dict[int, Pixels] = {}
        self._finished: queue.SimpleQueue[tuple[WireMessage, bytes]] = queue.SimpleQueue()
        self.model: Model = load_model(load, lambda: None)
        self.inner = under_test.Studio(load, self.model, self._listen, lambda: None)

    def _listen(self, event: WireMessage, picture: bytes) -> None:
        if isinstance(event, Drawn):
            self._finished.put((event, picture))
        else:
            self.said.append(event)

    def add(self, number: int, **fields: Any) -> None:
        values: dict[str, Any] = {"seed": number, "width": 64, "height": 64, "steps": 4, "guidance": 5.0} | fields
        self.inner.add(Draw(id=number, prompt=(Part(text="a cat"),), **values), b"")

    def draw(self) -> dict[int, Pixels]:
        """Draw everything; the pictures by number."""
        while self.inner.busy:
            self.inner.step()
        failed = len([event for event in self.said if isinstance(event, Failed)])
        begun = {event.id for event in self.said if isinstance(event, DrawingProgress) and event.phase == "finishing"}
        assert failed + len(begun) > 0
        while begun - set(self.pictures):
            event, picture = self._finished.get(timeout=10)
            assert isinstance(event, Drawn)
            self.pictures[event.id] = pixels(picture)
        return self.pictures

    def failures(self) -> list[Failed]:
        return [event for event in self.said if isinstance(event, Failed)]
