"""The model process: ``python -m workers.engines.text.llama.server.main SOCKET [--parent PID | --idle SECONDS]``.

It listens on the unix socket, says ``ready`` on standard output and serves whoever connects
(`workers.engines.text.llama.protocol`). A private one has the one client that started it and ends with it; a shared
one ends when nobody was connected for the idle time. llama.cpp may abort the process it runs in; this one has nothing
else to lose.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

from workers.engines import child
from workers.engines.text.llama.protocol import Beat, Event, Load, Loaded, LoadFailed, Retire
from workers.engines.text.llama.server.connection import Connection
from workers.engines.text.llama.server.service import Service, start_service

_log = logging.getLogger(__name__)


def detach() -> None:
    """Go on in the background, in a session of its own: nobody's end and no terminal's signal ends this process."""
    if os.fork():
        os._exit(0)
    os.setsid()


class Server:
    """The clients of one model."""

    def __init__(self, path: Path, idle_s: float) -> None:
        """``idle_s`` is how long it stays without any client."""
        self._path = path
        self._idle_s = idle_s
        self._loop = asyncio.get_running_loop()
        self._clients: set[Connection] = set()
        self._users: set[Connection] = set()
        """The clients that have asked for the model."""
        self._load: Load | None = None
        self._service: Service | None = None
        self._state: Loaded | LoadFailed | None = None
        self._end: asyncio.Future[int] = self._loop.create_future()
        self._idle_timer: asyncio.TimerHandle | None = None

    async def run(self) -> int:
        """Serve to the end and return the exit status."""
        await asyncio.start_unix_server(self._accept, self._path)
        child.say_ready()
        # Whoever started this process is done with that pipe.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        self._idle_timer = self._loop.call_later(child.CONNECT_S, self._stop, 0)
        return await self._end

    def _stop(self, code: int) -> None:
        """End. Who is connected sees the connection close."""
        # First the name, so that whoever comes now starts another process.
        self._path.unlink(missing_ok=True)
        if not self._end.done():
            self._end.set_result(code)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Connection(reader, writer)
        self._clients.add(client)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        try:
            await self._converse(client)
        except Exception:  # noqa: BLE001 - one client must not end the others
            _log.exception("a client is dropped")
        finally:
            self._clients.discard(client)
            self._users.discard(client)
            if self._service is not None:
                self._service.forget(client)
            client.close()
            if not self._clients:
                self._idle_timer = self._loop.call_later(self._idle_s, self._stop, 0)

    async def _converse(self, client: Connection) -> None:
        load = await client.receive()
        if load is None:
            return
        if isinstance(load, Retire):
            self._retire()
            await client.receive()
            return
        if not isinstance(load, Load):
            raise ValueError("the first request must be a load")  # noqa: TRY004 - a wrong message, no wrong type
        if self._load is None:
            self._load = load
            self._service = start_service(load, self._broadcast)
        elif load != self._load:
            client.send(LoadFailed(message="the process runs with other settings"))
            await client.receive()
            return
        elif self._state is not None:
            client.send(self._state)
        self._users.add(client)
        assert self._service is not None
        while (request := await client.receive()) is not None:
            if isinstance(request, Retire):
                self._retire()
            else:
                self._service.submit(request, client)

    def _retire(self) -> None:
        # Also a process that was not told its model yet has somebody who is about to.
        if self._state is not None and not (self._service is not None and self._service.busy):
            self._stop(0)

    def _broadcast(self, event: Event) -> None:
        """Send ``event`` to everybody who asked for the model. Called in the model's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the process
            self._loop.call_soon_threadsafe(self._tell_all, event)

    def _tell_all(self, event: Event) -> None:
        if not isinstance(event, Beat):
            assert isinstance(event, Loaded | LoadFailed)
            self._state = event
        for client in self._users:
            client.send(event)
        if isinstance(event, LoadFailed):
            # Whoever waits reads it from the closed connection; the next one starts over.
            self._loop.call_later(0.2, self._stop, 1)


def main() -> None:
    """Serve to the end. Never returns: a decode in progress is not waited for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--idle", type=float, default=0.0)
    arguments = parser.parse_args()
    if arguments.parent:
        child.die_with_parent(arguments.parent)
    else:
        detach()
    child.settle()
    code = 1
    try:
        code = asyncio.run(_run(arguments.socket, arguments.idle))
    except Exception:  # noqa: BLE001 - whatever it is, the process ends
        _log.exception("the model process ends")
    logging.shutdown()
    os._exit(code)


async def _run(path: Path, idle_s: float) -> int:
    return await Server(path, idle_s).run()


if __name__ == "__main__":
    main()
