"""The service of the model process: requests in, events out."""

import contextlib
import logging
import os
import queue
import threading
import time
from abc import ABC, abstractmethod

from workers.engines.processes.connection import Client
from workers.engines.processes.messages import Beat, Cancel, Failed, LoadFailed
from workers.engines.processes.server import Broadcast, ModelService
from workers.engines.text.llama.protocol import (
    ClientMessage,
    Count,
    Counted,
    Embed,
    Generate,
    GetStatistics,
    LoadedGguf,
    LoadGguf,
    Statistics,
    StatisticsReport,
)
from workers.engines.text.llama.server.bounded_schema import UnsupportedSchema
from workers.engines.text.llama.server.cache import KvCache
from workers.engines.text.llama.server.embedder import Embedder
from workers.engines.text.llama.server.model import BATCH, IDLE, LlamaModel
from workers.engines.text.llama.server.native import LoadingFailed
from workers.engines.text.llama.server.preparation import count, prepare
from workers.engines.text.llama.server.scheduler import Limits, Scheduler
from workers.engines.text.llama.server.sequence import Request, Sequence

BEAT_S = 2.0
"""Seconds between heartbeats while there is work."""
BLOCKED_POLL_S = 0.5
"""Seconds between checks whether slow readers can take more, while there is no other work."""
_log = logging.getLogger(__name__)


def start_service(load: LoadGguf, broadcast: Broadcast) -> ModelService:
    """Start loading the model. See `workers.engines.processes.server.StartService`."""
    return EmbeddingService(load, broadcast) if load.embedding else TextService(load, broadcast)


class _Service(ABC):
    """Loads the model in a thread of its own, keeps track of requests and sends heartbeats."""

    def __init__(self, load: LoadGguf, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._requests: dict[tuple[Client, int], Request] = {}
        self._lock = threading.Lock()
        self._last_sign = 0.0
        threading.Thread(target=self._run_or_end, args=(load,), name="llama", daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether a request is waiting or running."""
        return bool(self._requests)

    def forget(self, client: Client) -> None:
        """Stop everything for ``client``."""
        with self._lock:
            for request in self._requests.values():
                if request.client is client:
                    request.cancelled = True

    def _take(self, client: Client, number: int) -> Request:
        request = Request(client, number)
        with self._lock:
            self._requests[client, number] = request
        return request

    def _done(self, request: Request) -> None:
        """Drop ``request`` after its last event: a process without requests may end."""
        with self._lock:
            self._requests.pop((request.client, request.id), None)

    def _cancel(self, client: Client, number: int) -> None:
        with self._lock:
            if (request := self._requests.get((client, number))) is not None:
                request.cancelled = True

    def _sign_of_life(self) -> None:
        now = time.monotonic()
        if now - self._last_sign >= BEAT_S:
            self._last_sign = now
            self._broadcast(Beat())

    def _run_or_end(self, load: LoadGguf) -> None:
        try:
            self._run(load)
        except LoadingFailed as error:
            self._broadcast(LoadFailed(message=str(error)))
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends
            # Without this thread the process is useless; its clients start another.
            _log.exception("the model's thread broke")
            logging.shutdown()
            os._exit(1)

    @abstractmethod
    def _run(self, load: LoadGguf) -> None:
        """Load the model and work until the process ends. Raises `LoadingFailed`."""


class TextService(_Service):
    """Generates text with a `Scheduler` in the model's thread; a second thread prepares prompts."""

    def __init__(self, load: LoadGguf, broadcast: Broadcast) -> None:
        self._inbox: queue.SimpleQueue[Sequence | tuple[Client, int] | None] = queue.SimpleQueue()
        self._to_prepare: queue.SimpleQueue[tuple[Generate | Count, Request, float]] = queue.SimpleQueue()
        super().__init__(load, broadcast)

    def submit(self, message: ClientMessage, _data: bytes, client: Client) -> None:
        """Handle a message of ``client``."""
        match message:
            case Generate() | Count():
                self._to_prepare.put((message, self._take(client, message.id), time.monotonic()))
            case Cancel():
                self._cancel(client, message.id)
                self._inbox.put(None)
            case GetStatistics():
                self._inbox.put((client, message.id))
            case Embed():
                client.send(Failed(id=message.id, reason="refused", message="this model writes, it does not embed"))
            case _:
                raise ValueError(f"unexpected message: {message.kind}")

    def forget(self, client: Client) -> None:
        """Stop everything for ``client``."""
        super().forget(client)
        self._inbox.put(None)

    def _run(self, load: LoadGguf) -> None:
        model = LlamaModel(load, self._sign_of_life)
        cache = KvCache(
            model.memory, cells=model.cells, sequences=model.sequences, idle=IDLE, swap_bytes=load.swap_bytes
        )
        scheduler = Scheduler(
            model,
            cache,
            Limits(max_num_seqs=load.max_num_seqs, max_num_batched_tokens=load.max_num_batched_tokens, batch=BATCH),
        )
        threading.Thread(target=self._prepare_or_end, args=(model,), name="prepare", daemon=True).start()
        self._broadcast(LoadedGguf(model=model.name, context=model.size, pid=os.getpid(), cut=model.chat.cut))
        advanced = False
        while True:
            self._receive(scheduler, wait_s=0.0 if advanced else BLOCKED_POLL_S if scheduler.busy else None)
            advanced = scheduler.step()
            if scheduler.busy:
                self._sign_of_life()

    def _receive(self, scheduler: Scheduler, wait_s: float | None) -> None:
        """Take all queued items, waiting up to ``wait_s`` seconds for the first (None: without limit)."""
        try:
            item = self._inbox.get_nowait() if wait_s == 0 else self._inbox.get(timeout=wait_s)
            while True:
                match item:
                    case Sequence():
                        scheduler.add(item)
                    case (client, number):
                        client.send(StatisticsReport(id=number, statistics=scheduler.statistics()))
                    case None:
                        pass
                item = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _prepare_or_end(self, model: LlamaModel) -> None:
        try:
            # Takes a second with large vocabularies: not at the first JSON.
            with contextlib.suppress(UnsupportedSchema):
                _ = model.json_constraints
            while True:
                self._prepare(model, *self._to_prepare.get())
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends
            _log.exception("the preparing thread broke")
            logging.shutdown()
            os._exit(1)

    def _prepare(self, model: LlamaModel, message: Generate | Count, request: Request, arrived: float) -> None:
        if isinstance(message, Count):
            cancelled = Failed(id=message.id, reason="cancelled")
            request.client.send(cancelled if request.cancelled else count(model, message))
            self._done(request)
            return
        if request.cancelled:
            prepared = Failed(id=message.id, reason="cancelled")
        else:
            prepared = prepare(model, message, request, arrived)
        if isinstance(prepared, Failed):
            request.client.send(prepared)
            self._done(request)
            return
        free = prepared.free

        def end() -> None:
            free()
            self._done(request)

        prepared.free = end
        self._inbox.put(prepared)


class EmbeddingService(_Service):
    """Embeds batches of texts, one at a time."""

    def __init__(self, load: LoadGguf, broadcast: Broadcast) -> None:
        self._inbox: queue.SimpleQueue[tuple[Embed, Request]] = queue.SimpleQueue()
        self._counts: queue.SimpleQueue[tuple[Count, Request]] = queue.SimpleQueue()
        self._embedder: Embedder | None = None
        self._now: Request | None = None
        self._texts = 0
        super().__init__(load, broadcast)

    def submit(self, message: ClientMessage, _data: bytes, client: Client) -> None:
        """Handle a message of ``client``."""
        match message:
            case Embed():
                self._inbox.put((message, self._take(client, message.id)))
            case Count() if self._embedder is not None:
                client.send(Counted(id=message.id, tokens=tuple(map(self._embedder.count, message.texts))))
            case Cancel():
                self._cancel(client, message.id)
            case GetStatistics():
                statistics = Statistics(requests=self._texts, waiting=len(self._requests))
                client.send(StatisticsReport(id=message.id, statistics=statistics))
            case Generate():
                client.send(Failed(id=message.id, reason="refused", message="this model embeds, it does not write"))
            case _:
                raise ValueError(f"unexpected message: {message.kind}")

    def _should_stop(self) -> bool:
        self._sign_of_life()
        return self._now is not None and self._now.cancelled

    def _run(self, load: LoadGguf) -> None:
        self._embedder = embedder = Embedder(load, self._sign_of_life, self._should_stop)
        self._broadcast(LoadedGguf(model=embedder.name, context=embedder.size, pid=os.getpid()))
        while True:
            message, self._now = self._inbox.get()
            event = Failed(id=message.id, reason="cancelled") if self._now.cancelled else embedder.answer(message)
            self._texts += len(message.texts)
            self._now.client.send(event)
            self._done(self._now)
