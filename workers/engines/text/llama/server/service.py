"""What the model process does for its clients: requests in, events out."""

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
    Ask,
    Count,
    Counted,
    Embed,
    Generate,
    LoadedGguf,
    LoadGguf,
    Report,
    Request,
    Statistics,
)
from workers.engines.text.llama.server.cache import KvCache
from workers.engines.text.llama.server.embedder import Embedder
from workers.engines.text.llama.server.model import BATCH, IDLE, LlamaModel
from workers.engines.text.llama.server.native import LoadingFailed
from workers.engines.text.llama.server.preparation import prepare
from workers.engines.text.llama.server.scheduler import Limits, Scheduler
from workers.engines.text.llama.server.work import Ticket, Work

BEAT_S = 2.0
"""Seconds between signs of life while there is work."""
BLOCKED_POLL_S = 0.5
"""Seconds between looks whether slow readers can take more, while nobody else has work."""
_log = logging.getLogger(__name__)


def start_service(load: LoadGguf, broadcast: Broadcast) -> ModelService:
    """Begin to load the model. See `workers.engines.processes.server.StartService`."""
    return EmbeddingService(load, broadcast) if load.embedding else TextService(load, broadcast)


class _Service(ABC):
    """Loading in a thread of its own, tickets, signs of life."""

    def __init__(self, load: LoadGguf, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._tickets: dict[tuple[Client, int], Ticket] = {}
        self._lock = threading.Lock()
        self._last_sign = 0.0
        threading.Thread(target=self._run_or_end, args=(load,), name="llama", daemon=True).start()

    @property
    def busy(self) -> bool:
        """True while a request waits or runs."""
        return bool(self._tickets)

    def forget(self, sink: Client) -> None:
        """Stop everything for ``sink``."""
        with self._lock:
            for ticket in self._tickets.values():
                if ticket.sink is sink:
                    ticket.cancelled = True

    def _take(self, sink: Client, number: int) -> Ticket:
        ticket = Ticket(sink, number)
        with self._lock:
            self._tickets[sink, number] = ticket
        return ticket

    def _done(self, ticket: Ticket) -> None:
        """Forget ``ticket``. Its last event was sent: a process without tickets may end."""
        with self._lock:
            self._tickets.pop((ticket.sink, ticket.id), None)

    def _cancel(self, sink: Client, number: int) -> None:
        with self._lock:
            if (ticket := self._tickets.get((sink, number))) is not None:
                ticket.cancelled = True

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
            # Without this thread the process is of no use; its clients start another.
            _log.exception("the model's thread broke")
            logging.shutdown()
            os._exit(1)

    @abstractmethod
    def _run(self, load: LoadGguf) -> None:
        """Load the model and work until the process ends. Raises `LoadingFailed`."""


class TextService(_Service):
    """Writes with a `Scheduler` in the model's thread; prompts are prepared in a second one."""

    def __init__(self, load: LoadGguf, broadcast: Broadcast) -> None:
        self._inbox: queue.SimpleQueue[Work | tuple[Client, int] | None] = queue.SimpleQueue()
        self._to_prepare: queue.SimpleQueue[tuple[Generate | Count, Ticket, float]] = queue.SimpleQueue()
        super().__init__(load, broadcast)

    def submit(self, request: Request, _data: bytes, sink: Client) -> None:
        """Take a request of the connection behind ``sink``."""
        match request:
            case Generate() | Count():
                self._to_prepare.put((request, self._take(sink, request.id), time.monotonic()))
            case Cancel():
                self._cancel(sink, request.id)
                self._inbox.put(None)
            case Ask():
                self._inbox.put((sink, request.id))
            case Embed():
                sink.send(Failed(id=request.id, reason="refused", message="this model writes, it does not embed"))
            case _:
                raise ValueError(f"unexpected request: {request.kind}")

    def forget(self, sink: Client) -> None:
        """Stop everything for ``sink``."""
        super().forget(sink)
        self._inbox.put(None)

    def _run(self, load: LoadGguf) -> None:
        model = LlamaModel(load, self._sign_of_life)
        cache = KvCache(
            model.memory, cells=model.cells, sequences=model.sequences, idle=IDLE, spill_bytes=load.spill_bytes
        )
        scheduler = Scheduler(model, cache, Limits(parallel=load.parallel, step_tokens=load.step_tokens, batch=BATCH))
        threading.Thread(target=self._prepare_or_end, args=(model,), name="prepare", daemon=True).start()
        self._broadcast(LoadedGguf(model=model.name, context=model.size, pid=os.getpid()))
        advanced = False
        while True:
            self._receive(scheduler, wait_s=0.0 if advanced else BLOCKED_POLL_S if scheduler.busy else None)
            advanced = scheduler.step()
            if scheduler.busy:
                self._sign_of_life()

    def _receive(self, scheduler: Scheduler, wait_s: float | None) -> None:
        """Take in what has come; if nothing has, wait so many seconds for it, None: however long it takes."""
        try:
            item = self._inbox.get_nowait() if wait_s == 0 else self._inbox.get(timeout=wait_s)
            while True:
                match item:
                    case Work():
                        scheduler.add(item)
                    case (sink, number):
                        sink.send(Report(id=number, statistics=scheduler.statistics()))
                    case None:
                        pass
                item = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _prepare_or_end(self, model: LlamaModel) -> None:
        try:
            model.buffers.texts(model.vocab)  # takes a while with large vocabularies: not at the first JSON
            while True:
                self._prepare(model, *self._to_prepare.get())
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends
            _log.exception("the preparing thread broke")
            logging.shutdown()
            os._exit(1)

    def _prepare(self, model: LlamaModel, request: Generate | Count, ticket: Ticket, arrived: float) -> None:
        if isinstance(request, Count):
            ticket.sink.send(Counted(id=request.id, tokens=len(model.tokenize(request.text))))
            self._done(ticket)
            return
        if ticket.cancelled:
            prepared = Failed(id=request.id, reason="cancelled")
        else:
            prepared = prepare(model, request, ticket, arrived)
        if isinstance(prepared, Failed):
            ticket.sink.send(prepared)
            self._done(ticket)
            return
        free = prepared.free

        def end() -> None:
            free()
            self._done(ticket)

        prepared.free = end
        self._inbox.put(prepared)


class EmbeddingService(_Service):
    """Embeds one batch of texts after the other."""

    def __init__(self, load: LoadGguf, broadcast: Broadcast) -> None:
        self._inbox: queue.SimpleQueue[tuple[Embed, Ticket]] = queue.SimpleQueue()
        self._counts: queue.SimpleQueue[tuple[Count, Ticket]] = queue.SimpleQueue()
        self._embedder: Embedder | None = None
        self._now: Ticket | None = None
        self._texts = 0
        super().__init__(load, broadcast)

    def submit(self, request: Request, _data: bytes, sink: Client) -> None:
        """Take a request of the connection behind ``sink``."""
        match request:
            case Embed():
                self._inbox.put((request, self._take(sink, request.id)))
            case Count() if self._embedder is not None:
                sink.send(Counted(id=request.id, tokens=self._embedder.count(request.text)))
            case Cancel():
                self._cancel(sink, request.id)
            case Ask():
                statistics = Statistics(requests=self._texts, waiting=len(self._tickets))
                sink.send(Report(id=request.id, statistics=statistics))
            case Generate():
                sink.send(Failed(id=request.id, reason="refused", message="this model embeds, it does not write"))
            case _:
                raise ValueError(f"unexpected request: {request.kind}")

    def _should_stop(self) -> bool:
        self._sign_of_life()
        return self._now is not None and self._now.cancelled

    def _run(self, load: LoadGguf) -> None:
        self._embedder = embedder = Embedder(load, self._sign_of_life, self._should_stop)
        self._broadcast(LoadedGguf(model=embedder.name, context=embedder.size, pid=os.getpid()))
        while True:
            request, self._now = self._inbox.get()
            event = Failed(id=request.id, reason="cancelled") if self._now.cancelled else embedder.answer(request)
            self._texts += len(request.texts)
            self._now.sink.send(event)
            self._done(self._now)
