"""The line to a real Redis: it can fall silent, and be cut."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

from tests.doubles.listening import listening


class RedisLine:
    """Passes bytes on. A connection that is ``silent`` stays so: nothing is closed, nothing answers."""

    def __init__(self) -> None:
        """All is well."""
        self.silent = False
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Close all connections; new ones are served."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        up_reader, up_writer = await asyncio.open_unix_connection(server)
        mine = {writer, up_writer}
        self._writers |= mine
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, up_writer))
                group.create_task(self._pass(up_reader, writer))
        except* OSError:
            pass
        finally:
            self._writers -= mine
            for each in mine:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dead = False
        while data := await reader.read(65536):
            dead = dead or self.silent
            if not dead:
                writer.write(data)
                await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def redis_line(redis_url: str) -> AsyncGenerator[tuple[str, RedisLine]]:
    """Stand before a server on a unix socket; yields the URL to connect to instead, and the line."""
    line, target = RedisLine(), urlsplit(redis_url).path
    async with listening(partial(line.serve, target)) as port:
        yield f"redis://127.0.0.1:{port}", line
