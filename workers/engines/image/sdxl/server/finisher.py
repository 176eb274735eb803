"""The work on a picture after the GPU: classify it, encode it as PNG, send it. Runs in its own threads."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from workers.engines.image.classifier.server.model import Classifier
from workers.engines.image.sdxl.protocol import Drawn
from workers.engines.image.sdxl.server import png
from workers.engines.image.sdxl.server.batcher import DrawingJob
from workers.engines.processes.messages import Failed, WireMessage

_log = logging.getLogger(__name__)


class Finisher:
    """Takes pixels from the drawing thread without blocking it."""

    def __init__(self, emit: Callable[[WireMessage, bytes], None], classifier: Classifier | None) -> None:
        self._emit = emit
        self._classifier = classifier
        self._looking = threading.Lock()
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="finish")

    def finish(self, job: DrawingJob, pixels: torch.Tensor) -> None:
        """Send the picture ``pixels`` (height, width, 3), in bytes, as soon as it is ready."""
        ready: Any = None
        if pixels.device.type == "cuda":
            copy = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
            copy.copy_(pixels, non_blocking=True)
            ready = torch.cuda.Event()
            ready.record()
        else:
            copy = pixels.cpu()
        self._pool.submit(self._finish, job, copy, ready)

    def _finish(self, job: DrawingJob, pixels: torch.Tensor, ready: Any) -> None:
        draw = job.draw
        try:
            if ready is not None:
                ready.synchronize()
            unsafe, young = None, 0.0
            if self._classifier is not None:
                with self._looking:
                    unsafe, young = self._classifier.scores(pixels.numpy())
            picture = png.encode(pixels)
        except Exception as error:  # noqa: BLE001 - whatever it is, its picture has an answer
            _log.exception("a picture cannot be finished")
            self._emit(Failed(id=draw.id, reason="internal", message=repr(error)[:300]), b"")
            return
        drawn = Drawn(
            id=draw.id,
            width=draw.width,
            height=draw.height,
            prompt_tokens=job.plan.tokens,
            unsafe=unsafe,
            young=young,
        )
        self._emit(drawn, picture)
