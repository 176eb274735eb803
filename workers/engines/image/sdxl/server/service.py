"""The service of the picture process: requests in, events out."""

import itertools
import threading

from workers.engines.image.sdxl.protocol import Draw, LoadSdxl, Request
from workers.engines.image.sdxl.server.drawer import Drawer
from workers.engines.processes.connection import Client
from workers.engines.processes.messages import Answer, Cancel, WireMessage
from workers.engines.processes.server import Broadcast


class PictureService:
    """Draws for all clients with one `Drawer`, which identifies pictures by numbers of this service's own."""

    def __init__(self, load: LoadSdxl, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._requests: dict[int, tuple[Client, int]] = {}
        self._drawer = Drawer(load, self._emit)

    @property
    def busy(self) -> bool:
        """True while a picture waits or is drawn."""
        return bool(self._requests)

    def submit(self, request: Request, data: bytes, client: Client, /) -> None:
        """Handle a request of ``client``."""
        match request:
            case Draw():
                number = next(self._numbers)
                with self._lock:
                    self._requests[number] = client, request.id
                self._drawer.submit(request.model_copy(update={"id": number}), data)
            case Cancel():
                self._cancel(client, request.id)
            case _:
                raise ValueError(f"unexpected request: {request.kind}")

    def forget(self, client: Client, /) -> None:
        """Stop everything for ``client``."""
        self._cancel(client)

    def _cancel(self, client: Client, number: int | None = None) -> None:
        """Stop a picture of ``client``, or all of them."""
        with self._lock:
            found = [ours for ours, (other, id_) in self._requests.items() if other is client and number in {None, id_}]
        for ours in found:
            self._drawer.cancel(Cancel(id=ours))

    def _emit(self, event: WireMessage, data: bytes) -> None:
        """Send ``event`` to the client of its picture, or to all. Called from any thread."""
        if not isinstance(event, Answer):
            self._broadcast(event)
            return
        with self._lock:
            request = self._requests.pop(event.id, None) if event.LAST else self._requests.get(event.id)
        if request is not None:
            client, number = request
            client.send(event.model_copy(update={"id": number}), data)
