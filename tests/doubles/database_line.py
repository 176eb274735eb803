"""The line to a real PostgreSQL server, over TCP: it can fall silent, and lose the answer to a COMMIT."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.doubles.listening import listening

Loss = Literal["", "before", "after", "held"]


class DatabaseLine:
    """Passes bytes on, until told otherwise.

    ``silent``: what passes now is lost, and its connection stays dead: nothing is closed, nothing answers.
    ``refuses``: new connections are closed at once. ``commit``: what happens to the next COMMIT: the connection is cut
    ``before`` it arrives or ``after`` it was carried out, or its answer is ``held`` back for ever.
    """

    def __init__(self) -> None:
        """``lost`` counts the COMMITs that were interfered with."""
        self.silent = False
        self.refuses = False
        self.commit: Loss = ""
        self.lost = 0
        self.connections = 0

    async def serve(self, server: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        if self.refuses:
            writer.close()
            return
        up_reader, up_writer = await asyncio.open_unix_connection(server)
        wire = _Wire()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(wire, reader, up_writer))
                group.create_task(self._down(wire, up_reader, writer))
        except* OSError:
            pass
        finally:
            writer.close()
            up_writer.close()

    async def _up(self, wire: "_Wire", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.silent or wire.dead:
                wire.dead = True
                continue
            if self.commit and b"COMMIT" in data:
                wire.fate, self.commit, self.lost = self.commit, "", self.lost + 1
                if wire.fate == "before":
                    raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # the client has closed: so does this line

    async def _down(self, wire: "_Wire", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if wire.fate == "after":
                raise ConnectionResetError
            if self.silent or wire.dead or wire.fate == "held":
                wire.dead = True
                continue
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


class _Wire:
    dead = False
    fate: Loss = ""


@asynccontextmanager
async def database_line(database_url: str) -> AsyncGenerator[tuple[str, DatabaseLine]]:
    """Stand before a server on a unix socket; yields the URL to connect to instead, and the line."""
    parts = urlsplit(database_url)
    target = Path(parse_qs(parts.query)["host"][-1]) / ".s.PGSQL.5432"
    line = DatabaseLine()
    async with listening(partial(line.serve, target)) as port:
        yield f"postgres://postgres@127.0.0.1:{port}{parts.path}?sslmode=disable", line
