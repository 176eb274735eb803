"""A program that serves no model: it loads at once, late, never or not at all, echoes, floods, hangs and dies."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from workers.engines.processes.connection import Client
from workers.engines.processes.messages import (
    Answer,
    Beat,
    Cancel,
    Failed,
    Loaded,
    LoadFailed,
    LoadModel,
    Unload,
    Wire,
    WireMessage,
)
from workers.engines.processes.program import Program
from workers.engines.processes.server import serve

SLOW_S = 2.0
_log = logging.getLogger(__name__)
First = Literal["", "die", "halt", "flood", "wait"]


class LoadTiny(LoadModel):
    """How it behaves. ``starts`` is a file that gets a line for each process that loads."""

    starts: str
    seconds: float = 0.0
    ends: Literal["loaded", "failed", "dead"] = "loaded"


class Echo(WireMessage):
    """Answered by an ``Echoed``, unless it is to be done first: a death, a halt, a flood of bytes."""

    kind: Literal["echo"] = "echo"
    id: int
    text: str = ""
    first: First = ""


class Echoed(Answer):
    kind: Literal["echoed"] = "echoed"
    text: str


class Drop(Answer):
    """Part of a flood."""

    LAST = False
    kind: Literal["drop"] = "drop"


Request = LoadTiny | Echo | Cancel | Unload
Event = Loaded | LoadFailed | Beat | Echoed | Drop | Failed
PROGRAM = Program(
    module="tests.workers.engines.processes.tiny",
    wire=Wire(
        TypeAdapter[Request](Annotated[Request, Field(discriminator="kind")]),
        TypeAdapter[Event](Annotated[Event, Field(discriminator="kind")]),
    ),
    environment={"TINY": "1"},
)


class TinyService:
    def __init__(self, load: LoadTiny, broadcast: Callable[[WireMessage], None]) -> None:
        self.busy = False
        threading.Thread(target=self._load, args=(load, broadcast), daemon=True).start()

    def _load(self, load: LoadTiny, broadcast: Callable[[WireMessage], None]) -> None:
        with Path(load.starts).open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(load.seconds)
        if load.ends == "dead":
            _log.error("the tiny model bites")
            os.kill(os.getpid(), signal.SIGKILL)
        failed = load.ends == "failed"
        broadcast(LoadFailed(message="no tiny model") if failed else Loaded(model="tiny", pid=os.getpid()))

    def submit(self, request: WireMessage, data: bytes, client: Client, /) -> None:
        if isinstance(request, Cancel):
            client.send(Failed(id=request.id, reason="cancelled"))
            return
        assert isinstance(request, Echo)
        match request.first:
            case "die":
                _log.error("the echo is too loud")
                os.kill(os.getpid(), signal.SIGKILL)
            case "halt":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "flood":
                for _ in range(32):
                    client.send(Drop(id=request.id), bytes(2**20))
            case "wait":
                return
            case "":
                pass
        client.send(Echoed(id=request.id, text=request.text), data)

    def forget(self, client: Client, /) -> None:
        pass


if __name__ == "__main__":
    serve(PROGRAM.wire, TinyService, slow_s=SLOW_S)
