"""The service of the classifier's process: pictures in, probabilities out, one after the other."""

import io
import logging
import os
import queue
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from workers.engines.image.classifier.protocol import ClassifiedPicture, ClassifyPicture, LoadPictureClassifier, Request
from workers.engines.image.classifier.server.model import Classifier
from workers.engines.image.failures import Unloadable
from workers.engines.processes.connection import Client
from workers.engines.processes.messages import Cancel, Failed, Loaded, LoadFailed
from workers.engines.processes.server import Broadcast

_log = logging.getLogger(__name__)


class PictureClassifierService:
    """Judges pictures in a thread of its own. A judgement takes too little time to be cancelled: it is given."""

    def __init__(self, load: LoadPictureClassifier, broadcast: Broadcast) -> None:
        self._load = load
        self._broadcast = broadcast
        self._inbox: queue.SimpleQueue[tuple[Client, int, bytes]] = queue.SimpleQueue()
        self._judging = False
        threading.Thread(target=self._run, name="classify", daemon=True).start()

    @property
    def busy(self) -> bool:
        """True while a picture waits or is judged."""
        return self._judging or not self._inbox.empty()

    def submit(self, request: Request, data: bytes, client: Client, /) -> None:
        """Handle a request of ``client``."""
        match request:
            case ClassifyPicture():
                self._inbox.put((client, request.id, data))
            case Cancel():
                pass
            case _:
                raise ValueError(f"unexpected request: {request.kind}")

    def forget(self, client: Client, /) -> None:
        """Do nothing: answers to a client that is gone go nowhere."""
        del client

    def _run(self) -> None:
        path = Path(self._load.path)
        try:
            classifier = Classifier(path, _device(self._load.device))
        except Unloadable as error:
            self._broadcast(LoadFailed(message=str(error)))
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent has an answer
            _log.exception("the classifier cannot be loaded")
            self._broadcast(LoadFailed(message=f"the classifier cannot be loaded: {error!r}"[:500]))
            return
        self._broadcast(Loaded(model=path.name, pid=os.getpid()))
        while True:
            client, number, data = self._inbox.get()
            self._judging = True
            client.send(_judged(classifier, number, data))
            self._judging = False


def _judged(classifier: Classifier, number: int, data: bytes) -> ClassifiedPicture | Failed:
    try:
        unsafe, young = classifier.scores(_pixels(data))
    except Exception as error:  # noqa: BLE001 - whatever it is, its picture has an answer
        _log.exception("a picture cannot be judged")
        return Failed(id=number, reason="internal", message=repr(error)[:300])
    return ClassifiedPicture(id=number, unsafe=unsafe, young=young)


def _pixels(data: bytes) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        return np.asarray(picture.convert("RGB"))


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
