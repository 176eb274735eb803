"""A connection pooler in transaction mode, as PgBouncer is by default: every transaction may run on another session."""

import asyncio
import itertools
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.doubles.listening import listening

_SSL_REQUEST, _GSS_REQUEST, _CANCEL = 80877103, 80877104, 80877102
_ALLOWED = {b"user", b"database", b"application_name", b"client_encoding"}


class TransactionPooler:
    """``servers`` sessions, lent in turn. ``parameters`` are the startup parameters that clients sent."""

    def __init__(self, server: Path, database: str, servers: int = 3) -> None:
        """``server`` is the socket of the real server."""
        self._server, self._database = server, database
        self._slots = asyncio.Semaphore(servers)
        self._idle: list[_Session] = []
        self._numbers = itertools.count(90_000_000)
        self.parameters: set[bytes] = set()
        self.lent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        try:
            if await self._welcome(reader, writer):
                await self._relay(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        while True:
            (length,) = struct.unpack("!i", await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            (kind,) = struct.unpack("!i", body[:4])
            if kind in (_SSL_REQUEST, _GSS_REQUEST):
                writer.write(b"N")
                continue
            if kind == _CANCEL:
                return False
            break
        names = set(body[4:].split(b"\0")[::2]) - {b""}
        self.parameters |= names
        if unsupported := sorted(names - _ALLOWED):
            text = b"SFATAL\0C08P01\0Munsupported startup parameter: " + unsupported[0] + b"\0\0"
            writer.write(b"E" + struct.pack("!i", len(text) + 4) + text)
            return False
        session = await _Session.open(self._server, self._database)
        self._idle.append(session)
        for told in session.told:
            writer.write(told)
        writer.write(b"K" + struct.pack("!iii", 12, next(self._numbers), 1) + b"Z" + struct.pack("!ic", 5, b"I"))
        return True

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held: list[_Session] = []  # the session of the open transaction
        answering: asyncio.Task[None] | None = None
        try:
            while True:
                kind, message = await _message(reader)
                if kind == b"X":
                    return
                if not held:
                    await self._slots.acquire()
                    held.append(self._idle.pop(0))
                    self.lent += 1
                    answering = asyncio.create_task(self._answer(held, writer))
                held[0].writer.write(message)
        finally:
            if answering is not None:
                answering.cancel()
            for session in held:  # the client left in the middle of a transaction
                session.writer.close()
                self._slots.release()

    async def _answer(self, held: list["_Session"], writer: asyncio.StreamWriter) -> None:
        """Pass on what the server answers until no transaction is open; then the session is free for others."""
        while held:
            kind, data = await _message(held[0].reader)
            if kind == b"Z" and data[5:6] == b"I":
                self._idle.append(held.pop())
                self._slots.release()
            writer.write(data)

    def close(self) -> None:
        """Close all idle sessions."""
        for session in self._idle:
            session.writer.close()


class _Session:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: list[bytes]) -> None:
        self.reader, self.writer, self.told = reader, writer, told

    @classmethod
    async def open(cls, server: Path, database: str) -> "_Session":
        reader, writer = await asyncio.open_unix_connection(server)
        pairs = b"user\0postgres\0database\0" + database.encode() + b"\0client_encoding\0UTF8\0\0"
        writer.write(struct.pack("!ii", len(pairs) + 8, 196608) + pairs)
        told: list[bytes] = []
        while True:
            kind, data = await _message(reader)
            if kind == b"Z":
                return cls(reader, writer, told)
            if kind in (b"R", b"S"):
                told.append(data)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


@asynccontextmanager
async def transaction_pooler(database_url: str) -> AsyncGenerator[tuple[str, TransactionPooler]]:
    """Stand before a server on a unix socket; yields the URL to connect to instead, and the pooler."""
    parts = urlsplit(database_url)
    pooler = TransactionPooler(Path(parse_qs(parts.query)["host"][-1]) / ".s.PGSQL.5432", parts.path.lstrip("/"))
    try:
        async with listening(pooler.serve) as port:
            yield f"postgres://postgres@127.0.0.1:{port}{parts.path}?sslmode=disable", pooler
    finally:
        pooler.close()
        await asyncio.sleep(0)
