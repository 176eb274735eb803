"""The model process itself: ``python -m MODULE SOCKET [--parent PID | --idle SECONDS]``.

It listens on the unix socket, prints ``ready`` on standard output and serves all clients. A private process has the
one client that started it and ends with it; a shared one ends after the idle time without a client. Native code may
abort the process it runs in; this one has nothing else to lose.
"""

import argparse
import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import stat
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from workers.engines.processes.connection import SLOW_S, Client, Connection
from workers.engines.processes.messages import Beat, Loaded, LoadFailed, LoadModel, Unload, Wire, WireMessage

CONNECT_S = 30.0
"""Seconds within which the first client must connect."""
LOG_BYTES = 4 * 2**20
"""A longer log, written to standard error, is cut off: of a process that runs for months the last hours suffice."""
LOG_CHECK_S = 10.0
_PR_SET_PDEATHSIG = 1
_log = logging.getLogger(__name__)
Broadcast = Callable[[WireMessage], None]


class ModelService(Protocol):
    """The working part of a model process. Methods return at once; answers come as events."""

    @property
    def busy(self) -> bool:
        """True while a request waits or runs."""
        ...

    def submit(self, request: Any, data: bytes, client: Client, /) -> None:
        """Handle a request of ``client``. Raises `ValueError` for an unexpected one."""
        ...

    def forget(self, client: Client, /) -> None:
        """Stop everything for ``client``: its connection has ended."""
        ...


StartService = Callable[[Any, Broadcast], ModelService]
"""Starts loading a model, and broadcasts `Beat` while it loads and then `Loaded` or `LoadFailed`."""


class ModelServer:
    """The clients of one model."""

    def __init__(
        self, path: Path, wire: Wire[Any, Any], start: StartService, *, idle_s: float = 0.0, slow_s: float = SLOW_S
    ) -> None:
        """It ends after ``idle_s`` seconds without a client, and drops a client that reads nothing for ``slow_s``."""
        self._path = path
        self._wire = wire
        self._start = start
        self._idle_s = idle_s
        self._slow_s = slow_s
        self._loop = asyncio.get_running_loop()
        self._clients: set[Connection] = set()
        self._users: set[Connection] = set()
        """The clients that have requested the model."""
        self._load: LoadModel | None = None
        self._service: ModelService | None = None
        self._state: Loaded | LoadFailed | None = None
        self._end: asyncio.Future[int] = self._loop.create_future()
        self._idle_timer: asyncio.TimerHandle | None = None

    async def run(self) -> int:
        """Serve until stopped and return the exit status."""
        await asyncio.start_unix_server(self._accept, self._path)
        with contextlib.suppress(OSError):  # the process that started this one may be gone
            os.write(sys.stdout.fileno(), b"ready\n")
        # The parent reads nothing else from this pipe.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        self._idle_timer = self._loop.call_later(CONNECT_S, self._stop, 0)
        self._loop.call_later(LOG_CHECK_S, self._keep_log_bounded)
        return await self._end

    def _keep_log_bounded(self) -> None:
        cut_off_log(sys.stderr.fileno())
        self._loop.call_later(LOG_CHECK_S, self._keep_log_bounded)

    def _stop(self, code: int) -> None:
        """End. Clients see the connection close."""
        # Unlink the socket first, so that new clients start another process.
        self._path.unlink(missing_ok=True)
        if not self._end.done():
            self._end.set_result(code)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Connection(writer, self._slow_s)
        self._clients.add(client)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        try:
            await self._converse(client, reader)
        except Exception:  # noqa: BLE001 - one client must not end the others
            _log.exception("a client is disconnected")
        finally:
            self._clients.discard(client)
            self._users.discard(client)
            if self._service is not None:
                self._service.forget(client)
            client.close()
            if not self._clients:
                self._idle_timer = self._loop.call_later(self._idle_s, self._stop, 0)

    async def _converse(self, client: Connection, reader: asyncio.StreamReader) -> None:
        while (read := await self._wire.read_request(reader)) is not None:
            request, data = read
            if isinstance(request, Unload):
                self._unload()
            elif isinstance(request, LoadModel):
                self._join(client, request)
            elif client in self._users and self._service is not None:
                self._service.submit(request, data, client)
            elif self._load is None:
                raise ValueError("the first request must be a load")

    def _join(self, client: Connection, load: LoadModel) -> None:
        """Let ``client`` use its requested model if it is this process's."""
        if self._load is None:
            self._load = load
            self._service = self._start(load, self._broadcast)
        elif load != self._load:
            client.send(LoadFailed(message="the process runs with other settings"))
            return
        elif self._state is not None:
            client.send(self._state)
        self._users.add(client)

    def _unload(self) -> None:
        # Without a model yet, a client is about to request one.
        if self._state is not None and not (self._service is not None and self._service.busy):
            self._stop(0)

    def _broadcast(self, event: WireMessage) -> None:
        """Send ``event`` to all clients of the model. Called in the model's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the process
            self._loop.call_soon_threadsafe(self._send_to_all, event)

    def _send_to_all(self, event: WireMessage) -> None:
        if not isinstance(event, Beat):
            assert isinstance(event, Loaded | LoadFailed)
            self._state = event
        for client in self._users:
            client.send(event)
        if isinstance(event, LoadFailed):
            # Clients read it from the closed connection; the next one starts over.
            self._loop.call_later(0.2, self._stop, 1)


def serve(wire: Wire[Any, Any], start: StartService, *, slow_s: float = SLOW_S) -> None:
    """Serve as the command line says. Never returns: the process exits without waiting for a step in progress."""
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--idle", type=float, default=0.0)
    arguments = parser.parse_args()
    if arguments.parent:
        _die_with_parent(arguments.parent)
    else:
        _detach()
    _settle()
    code = 1

    async def run() -> int:
        return await ModelServer(arguments.socket, wire, start, idle_s=arguments.idle, slow_s=slow_s).run()

    try:
        code = asyncio.run(run())
    except Exception:  # noqa: BLE001 - whatever it is, the process ends
        _log.exception("the model process ends")
    logging.shutdown()
    os._exit(code)


def cut_off_log(descriptor: int) -> None:
    """Empty a log file that has become too long; anything but a file is left alone."""
    with contextlib.suppress(OSError):
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_size > LOG_BYTES:
            os.ftruncate(descriptor, 0)


def _detach() -> None:
    """Move to the background in a new session, which survives the parent and gets no signals from a terminal."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends (Linux); elsewhere the closed socket does it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _settle() -> None:
    """Make this process a server: it ignores terminals, writes no core dumps, and logs to standard error."""
    # Stopping clients drain their work; they need this process until they close the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_BareFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class _BareFormatter(logging.Formatter):
    """Shows where an exception arose and its kind; its text may repeat a prompt."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        kind, _, frames = ei
        return "".join([*traceback.format_tb(frames), kind.__name__])
