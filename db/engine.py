"""Connections to PostgreSQL: kept alive, and without prepared statements where a pooler stands before the server."""

import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient

from db.faults import translated
from db.urls import credentials

CONNECT_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 60
"""A process that stops in the middle of a transaction holds its locks for so long; then the server ends the session."""
_IDLE: Final = "idle_in_transaction_session_timeout"
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
"""Seconds, probes, milliseconds: a dead connection is noticed within 25 s."""
_log = logging.getLogger(__name__)


class PostgresClient(AsyncpgDBClient):
    """Finds out, before its first connection, whether a pooler in transaction mode may stand before the server.

    There each transaction may run on another server connection, and a prepared statement is known to one of them only.
    """

    def __init__(self, *, behind_pooler: bool | None = None, **settings: Any) -> None:
        """``behind_pooler``: None finds it out."""
        super().__init__(**settings)
        self.behind_pooler = behind_pooler

    async def create_connection(self, with_db: bool) -> None:
        """Open the pool."""
        if self.behind_pooler is None:
            self.behind_pooler = await self._finds_pooler()
        if self.behind_pooler:
            self.extra["statement_cache_size"] = 0  # nor does a pooler know the setting below
        elif _IDLE not in self.server_settings.get("options", ""):
            self.server_settings[_IDLE] = f"{IDLE_SECONDS}s"
        await super().create_connection(with_db)

    async def _finds_pooler(self) -> bool:
        options: dict[str, Any] = {**self.extra, "statement_cache_size": 0, "timeout": CONNECT_SECONDS}
        for name in ("init", "reset"):
            options.pop(name, None)
        connection: Any = await asyncpg.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, database=self.database,
            server_settings=self.server_settings, **options,
        )  # fmt: skip
        try:
            async with connection.transaction():
                # A pooler answers for many servers, so the id that it gives its client is its own invention.
                pooled = await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid()
        finally:
            connection.terminate()
        if pooled:
            _log.info("a pooler stands before PostgreSQL: statements are not prepared")
        return pooled


client_class = PostgresClient
"""Read by the ORM."""


@asynccontextmanager
async def dedicated(url: str, **options: Any) -> AsyncGenerator[Any]:
    """Open a connection outside the pool, and close it at the end; ``options`` are asyncpg's.

    Use it in transactions: then it works behind a pooler, too. Raises `Outage` and `db.urls.BadDatabaseUrl`; its
    statements raise the driver's errors.
    """
    arguments: dict[str, Any] = {"timeout": CONNECT_SECONDS, **credentials(url), "statement_cache_size": 0, **options}
    with translated():
        connection: Any = await asyncpg.connect(**arguments)
    try:
        await keep_alive(connection)
        yield connection
    finally:
        # At once: the other side may be silent.
        connection.terminate()


async def keep_alive(connection: Any) -> None:
    """Have the kernel notice a peer that vanished without a word: a failed host, a firewall with a short memory."""
    found = connection._transport.get_extra_info("socket")  # noqa: SLF001
    if found is None or found.family == getattr(socket, "AF_UNIX", None):
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if (option := getattr(socket, name, None)) is not None:  # not all systems have all of them
            found.setsockopt(socket.IPPROTO_TCP, option, value)
