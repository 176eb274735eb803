"""The process of a text classifier: a transformers model with safetensors weights, on the processor."""

import os
import queue
import threading
from pathlib import Path
from typing import Any, cast

from workers.engines.classifier.protocol import (
    WIRE,
    Classify,
    LoadClassifier,
    LoadedClassifier,
    TextScores,
)
from workers.engines.processes.connection import Client
from workers.engines.processes.messages import Beat, Cancel, Failed, LoadFailed
from workers.engines.processes.server import Broadcast, ModelService, serve

TOKENS = 512
"""Longer texts are cut; passages are shorter than that."""


class ClassifierService:
    """Scores texts one after the other, in one thread."""

    def __init__(self, load: LoadClassifier, broadcast: Broadcast) -> None:
        """Start loading."""
        self._requests: queue.SimpleQueue[tuple[Classify, Client]] = queue.SimpleQueue()
        self._running = False
        threading.Thread(target=self._work, args=(load, broadcast), daemon=True).start()

    @property
    def busy(self) -> bool:
        """True while a request waits or runs."""
        return self._running or not self._requests.empty()

    def submit(self, request: Any, data: bytes, client: Client, /) -> None:
        """Queue a request. Raises `ValueError` for an unexpected one."""
        del data
        if isinstance(request, Classify):
            self._requests.put((request, client))
        elif not isinstance(request, Cancel):  # scoring takes milliseconds: it is answered all the same
            raise ValueError(f"unexpected request: {type(request).__name__}")  # noqa: TRY004 - the server's contract

    def forget(self, client: Client, /) -> None:
        """Answers to a client that is gone go nowhere."""
        del client

    def _work(self, load: LoadClassifier, broadcast: Broadcast) -> None:
        try:
            broadcast(Beat())
            model = TextScorer(Path(load.path))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the folder
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            broadcast(LoadFailed(message=f"the classifier in {Path(load.path).name} cannot be loaded: {reason[:300]}"))
            return
        broadcast(LoadedClassifier(model=Path(load.path).name, pid=os.getpid(), labels=tuple(model.labels)))
        while True:
            request, client = self._requests.get()
            self._running = True
            try:
                client.send(TextScores(id=request.id, scores=model.scores(request.text)))
            except Exception as error:  # noqa: BLE001 - its message may quote the text
                client.send(Failed(id=request.id, reason="internal", message=type(error).__name__))
            finally:
                self._running = False


class TextScorer:
    """A sequence classification model. Its scores are sigmoids for a multi-label model, else a softmax."""

    def __init__(self, folder: Path) -> None:
        """Load it: only safetensors, no code of the folder, no network. Raises what transformers raises."""
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self._torch = torch
        self._tokenizer: Any = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
        self._model: Any = AutoModelForSequenceClassification.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
        self._model.eval().requires_grad_(False)
        named = cast("dict[int, str]", self._model.config.id2label)
        self.labels = [str(named[index]) for index in sorted(named)]
        self._many = self._model.config.problem_type == "multi_label_classification"

    def scores(self, text: str) -> dict[str, float]:
        """Return the score of every label, the highest of all parts of a long text."""
        with self._torch.inference_mode():
            encoded = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=TOKENS)
            logits = self._model(**encoded).logits.float()[0]
            found = logits.sigmoid() if self._many else logits.softmax(-1)
        return dict(zip(self.labels, map(float, found), strict=True))


def start(load: LoadClassifier, broadcast: Broadcast) -> ModelService:
    """Start the service."""
    return ClassifierService(load, broadcast)


if __name__ == "__main__":
    serve(WIRE, start)
