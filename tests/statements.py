"""What a program asks of PostgreSQL, counted on the wire: statements, and round trips."""

import asyncio
import struct
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_SOCKET = ".s.PGSQL.5432"


@dataclass
class Statements:
    """What went through: how often each text was executed, and how many answers were waited for."""

    texts: Counter[str] = field(default_factory=Counter[str])
    round_trips: int = 0

    @property
    def total(self) -> int:
        """How many statements were executed."""
        return self.texts.total()

    def clear(self) -> None:
        """Count from zero."""
        self.texts.clear()
        self.round_trips = 0

    def table(self, width: int = 150) -> str:
        """One line for each text, the most frequent first."""
        lines = [f"{n:4d}  {' '.join(text.split())[:width]}" for text, n in self.texts.most_common()]
        return "\n".join([f"{self.total} statements, {self.round_trips} round trips", *lines])


@asynccontextmanager
async def counted(database_url: str) -> AsyncGenerator[tuple[str, Statements]]:
    """Stand before a server on a unix socket; yields the URL to connect to instead, and the counts."""
    found = Statements()
    parts = urlsplit(database_url)
    server_socket = Path(parse_qs(parts.query)["host"][-1]) / _SOCKET
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(server_socket)
        answers = asyncio.create_task(_copy(server_reader, writer))
        tasks.add(answers)
        with suppress(OSError, asyncio.IncompleteReadError):
            await _Reader(found).copy(reader, server_writer)
        server_writer.close()
        await asyncio.wait([answers])
        tasks.discard(answers)

    with tempfile.TemporaryDirectory(prefix="sql-") as folder:
        server = await asyncio.start_unix_server(serve, Path(folder) / _SOCKET)
        try:
            yield parts._replace(query=f"host={folder}").geturl(), found
        finally:
            server.close()
            for task in tasks:
                task.cancel()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class _Reader:
    """Reads what one client says (PostgreSQL's message format, protocol 3)."""

    def __init__(self, found: Statements) -> None:
        self._found = found
        self._prepared: dict[bytes, str] = {}
        self._bound = ""

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass messages on until the client is gone."""
        # The first message has no type.
        head = await reader.readexactly(4)
        writer.write(head + await reader.readexactly(struct.unpack("!I", head)[0] - 4))
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
            self._look(head[:1], body)
            writer.write(head + body)
            await writer.drain()

    def _look(self, kind: bytes, body: bytes) -> None:
        first, _, rest = body.partition(b"\0")
        if kind == b"P":
            self._prepared[first] = rest.partition(b"\0")[0].decode()
        elif kind == b"B":
            self._bound = self._prepared.get(rest.partition(b"\0")[0], "?")
        elif kind == b"E":
            self._found.texts[self._bound] += 1
        elif kind == b"Q":
            self._found.texts[first.decode()] += 1
        if kind in (b"S", b"Q"):
            self._found.round_trips += 1
