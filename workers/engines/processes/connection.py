"""One client, seen from the model process."""

import asyncio
import contextlib
import logging
from typing import Protocol

from workers.engines.processes.messages import WireMessage, frame

HIGH_WATER = 256 * 1024
"""Bytes waiting for a reader from which it counts as blocked."""
SLOW_S = 30.0
"""Seconds after which a reader that reads nothing is disconnected."""
_log = logging.getLogger(__name__)


class Client(Protocol):
    """Where the events of a client's requests go."""

    @property
    def blocked(self) -> bool:
        """True while its reader is too slow."""
        ...

    def send(self, event: WireMessage, data: bytes = b"") -> None:
        """Send ``event`` and the data that belongs to it. Safe in any thread, returns at once."""
        ...


class Connection:
    """A `Client` at the other end of a socket. Make it in the event loop."""

    def __init__(self, writer: asyncio.StreamWriter, slow_s: float = SLOW_S) -> None:
        self._writer = writer
        self._slow_s = slow_s
        self._loop = asyncio.get_running_loop()
        self._draining: asyncio.Task[None] | None = None
        writer.transport.set_write_buffer_limits(high=HIGH_WATER)

    @property
    def blocked(self) -> bool:
        """True while its reader is too slow."""
        return self._draining is not None

    def send(self, event: WireMessage, data: bytes = b"") -> None:
        """Send ``event`` and the data that belongs to it; after the end of the connection nothing happens."""
        framed = frame(event, data)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the process
            self._loop.call_soon_threadsafe(self._write, framed)

    def close(self) -> None:
        """End the connection."""
        self._writer.close()

    def _write(self, data: bytes) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(data)
        if self._draining is None and self._writer.transport.get_write_buffer_size() > HIGH_WATER:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self._slow_s):
                await self._writer.drain()
        except (TimeoutError, OSError):
            _log.warning("a client does not read and is disconnected")
            self._writer.transport.abort()
        finally:
            self._draining = None
