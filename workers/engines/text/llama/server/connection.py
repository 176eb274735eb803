"""One client of the model process."""

import asyncio
import contextlib
import logging

from workers.engines.text.llama.protocol import Event, Request, frame, read_request

HIGH_WATER = 256 * 1024
"""Bytes that wait for a reader before no more is written for it."""
SLOW_S = 30.0
"""Seconds after which a reader that takes nothing loses its connection."""
_log = logging.getLogger(__name__)


class Connection:
    """The `Sink` of a client's requests. Made in the event loop; `send` may be called in any thread."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._draining: asyncio.Task[None] | None = None
        writer.transport.set_write_buffer_limits(high=HIGH_WATER)

    @property
    def blocked(self) -> bool:
        """True while its reader is too slow."""
        return self._draining is not None

    async def receive(self) -> Request | None:
        """Return the next request, None when the connection has ended. Raises `ValueError` for a broken frame."""
        return await read_request(self._reader)

    def send(self, event: Event) -> None:
        """Send ``event``; after the end of the connection it goes nowhere."""
        data = frame(event)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the process
            self._loop.call_soon_threadsafe(self._write, data)

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
            async with asyncio.timeout(SLOW_S):
                await self._writer.drain()
        except (TimeoutError, OSError):
            _log.warning("a client does not read and is dropped")
            self._writer.transport.abort()
        finally:
            self._draining = None
