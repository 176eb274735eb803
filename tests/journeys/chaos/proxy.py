"""A proxy between the programs and a server's unix socket, to break the network between them."""

import asyncio
from contextlib import suppress
from pathlib import Path

PIECE = 65536


class Proxy:
    """Passes everything on, until it is told to be silent, to refuse, or to cut what is open."""

    def __init__(self, server: Path, socket: Path) -> None:
        """Clients connect to ``socket`` instead of the server's own."""
        self.socket = socket
        self._server = server
        self._speaking = asyncio.Event()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self.heal()
        self._listener = await asyncio.start_unix_server(self._serve, self.socket)

    async def stop(self) -> None:
        """End every connection."""
        if self._listener is not None:
            self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()

    def silence(self) -> None:
        """Pass nothing on in either direction; connections stay open, and new ones are accepted."""
        self._speaking.clear()

    def refuse(self) -> None:
        """Cut every connection, and each new one at once."""
        self._refusing = True
        self.cut()

    def heal(self) -> None:
        """Pass on again, first what came meanwhile."""
        self._refusing = False
        self._speaking.set()

    def cut(self) -> None:
        """Break every open connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            await self._speaking.wait()
            there, back = await asyncio.open_unix_connection(self._server)
            self._writers.add(back)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass_on(reader, back))
                    group.create_task(self._pass_on(there, writer))
            finally:
                self._writers.discard(back)
                back.transport.abort()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                await self._speaking.wait()
                writer.write(piece)
                await writer.drain()
        writer.close()
