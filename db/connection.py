"""The connection to PostgreSQL: opening it, transactions, and plain SQL where the ORM cannot express it."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.connection import get_connection, get_connections
from tortoise.exceptions import DBConnectionError
from tortoise.transactions import in_transaction

MODELS: Final = "db.models"
_SCHEMES: Final = {"postgres", "postgresql"}

OUTAGES: Final = (
    OSError,
    DBConnectionError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.TransactionRollbackError,
)
"""Errors of an unreachable database or a resolved deadlock: wait and retry. (The ORM's `OperationalError` is not one of
them: it wraps errors in statements, which are defects.)"""


class BadDatabaseUrl(ValueError):
    """The URL is not a PostgreSQL URL; the message says what is expected."""


def credentials(url: str) -> dict[str, Any]:
    """Return asyncpg's connection arguments for a database URL.

    ``postgres://user:password@host:5432/name`` or ``postgres://user@/name?host=/socket/dir``; further query
    parameters other than ``host``, ``port`` and ``sslmode`` are refused. Raises `BadDatabaseUrl`.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise BadDatabaseUrl("DATABASE_URL must start with postgres:// (PostgreSQL is the only database supported)")
    query = {k: v[-1] for k, v in parse_qs(parts.query).items()}
    unknown = query.keys() - {"host", "port", "sslmode"}
    if unknown:
        raise BadDatabaseUrl(f"DATABASE_URL has unknown parameters: {', '.join(sorted(unknown))}")
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise BadDatabaseUrl("DATABASE_URL names no database: postgres://user@host/NAME")
    try:
        port = int(query.get("port") or parts.port or 5432)
    except ValueError as e:
        raise BadDatabaseUrl("the port in DATABASE_URL is not a number") from e
    found: dict[str, Any] = {
        "host": query.get("host") or parts.hostname or "localhost",
        "port": port,
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password) if parts.password else None,
        "database": name,
    }
    if "sslmode" in query:
        found["ssl"] = query["sslmode"]
    return found


@asynccontextmanager
async def connect(url: str, *, pool_size: int = 10) -> AsyncGenerator[None]:
    """Open the connection pool for the models, for this whole process, and close it at the end.

    The ORM keeps its context in a context variable, which tasks started elsewhere do not see; the global fallback
    makes the pool reachable from all of them. Raises `BadDatabaseUrl`.
    """
    config: dict[str, Any] = {
        "connections": {
            "default": {
                "engine": "tortoise.backends.asyncpg",
                "credentials": {
                    **credentials(url),
                    "minsize": 1,
                    "maxsize": pool_size,
                    # asyncpg only: an unresponsive server must not block a task for ever.
                    "timeout": 10,
                    "command_timeout": 30,
                    "reset": _keep_session,
                },
            }
        },
        "apps": {"models": {"models": [MODELS], "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }
    context = await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        yield
    finally:
        try:
            await context.close_connections()
        finally:
            # A close that fails or is cancelled leaves the global context set, and no later connection could be opened.
            context._connections = None  # noqa: SLF001
            await context.close_connections()


async def _keep_session(connection: object) -> None:
    """Skip the reset when a connection returns to the pool, which saves a round trip after every statement.

    No session state needs resetting: on pooled connections we take no session-level advisory locks, change no settings,
    and neither LISTEN nor declare cursors outside transactions. Before calling this, asyncpg itself ends a transaction
    that was left open.
    """
    del connection


@asynccontextmanager
async def transaction() -> AsyncGenerator[None]:
    """Run the block in one transaction: committed at its end, rolled back if it raises. Inside another: a savepoint.

    Tasks spawned inside would inherit the transaction: spawn none.
    """
    context: Any = in_transaction()
    try:
        await context.__aenter__()
    except BaseException:
        # If cancelled before BEGIN completes, the ORM would neither return the connection to the pool nor
        # forget the transaction, in which this task's next statements would then run.
        if (token := getattr(context, "token", None)) is not None:
            get_connections().reset(token)
        client = context.client
        # A savepoint has no pool: its connection is the outer transaction's.
        connection, pool = client._connection, getattr(client._parent, "_pool", None)  # noqa: SLF001
        if connection is not None and pool is not None:
            await pool.release(connection)
        raise
    try:
        yield
    except BaseException as e:
        await context.__aexit__(type(e), e, e.__traceback__)
        raise
    else:
        await context.__aexit__(None, None, None)


async def rows(sql: str, *values: Any) -> list[dict[str, Any]]:
    """Run a statement in the current transaction (or on its own) and return its rows; parameters are ``$1`` …."""
    return list(await get_connection("default").execute_query_dict(sql, list(values)))


async def row(sql: str, *values: Any) -> dict[str, Any] | None:
    """Run a statement and return its first row, if any."""
    found = await rows(sql, *values)
    return found[0] if found else None


async def ping() -> None:
    """Check that the database responds. Raises one of `OUTAGES`."""
    await rows("SELECT 1")


def jsonb(value: Any) -> str:
    """Return ``value`` as the text that a ``jsonb`` parameter takes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def ids(found: Sequence[dict[str, Any]]) -> list[int]:
    """Return the ``id`` column of rows."""
    return [r["id"] for r in found]


__all__ = [
    "OUTAGES",
    "BadDatabaseUrl",
    "connect",
    "credentials",
    "ids",
    "jsonb",
    "ping",
    "row",
    "rows",
    "transaction",
]
