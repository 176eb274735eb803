"""The connection to PostgreSQL: opening it, transactions, and plain SQL where the ORM cannot express it."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final

import asyncpg
from tortoise import Tortoise
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.connection import get_connection, get_connections

from db.engine import CONNECT_SECONDS, keep_alive
from db.errors import CommitUnknown, Outage
from db.faults import translated
from db.urls import BadDatabaseUrl, credentials, parse

MODELS: Final = "db.models"
COMMAND_SECONDS: Final = 30.0
UNDO_SECONDS: Final = 0.3
"""Rolling back, or returning a connection to the pool, may take this long; then the connection is closed instead."""
_log = logging.getLogger(__name__)

OUTAGES: Final = (Outage,)
"""What to catch where the database may be away: wait and retry."""


@asynccontextmanager
async def connect(url: str, *, pool_size: int = 10) -> AsyncGenerator[None]:
    """Open the connection pool for the models, for this whole process, and close it at the end.

    The ORM keeps its context in a context variable, which tasks started elsewhere do not see; the global fallback
    makes the pool reachable from all of them. Nothing is connected before the first statement. Raises `BadDatabaseUrl`.
    """
    parsed = parse(url)
    if parsed.ignored:
        _log.info("DATABASE_URL: these parameters have no effect here: %s", ", ".join(parsed.ignored))
    config: dict[str, Any] = {
        "connections": {
            "default": {
                "engine": "db.engine",
                "credentials": {
                    # None is kept open for its own sake: the driver would log a traceback for each try of an outage.
                    "minsize": 0,
                    "maxsize": pool_size,
                    # asyncpg only: an unresponsive server must not block a task for ever.
                    "timeout": CONNECT_SECONDS,
                    **credentials(url),
                    "command_timeout": COMMAND_SECONDS,
                    "behind_pooler": parsed.behind_pooler,
                    "init": keep_alive,
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
async def transaction(*, commit_s: float = COMMAND_SECONDS, commit_by: float | None = None) -> AsyncGenerator[None]:
    """Run the block in one transaction: committed at its end, rolled back if it raises. Inside another: a savepoint.

    Whatever happens to the connection, ending the transaction after an error takes at most `UNDO_SECONDS`, and this
    task's next statements run outside it. Raises `CommitUnknown` if COMMIT was sent and not answered within
    ``commit_s`` or by ``commit_by``, a time of the event loop. Spawn no tasks inside: they would inherit it.
    """
    client: Any = get_connection("default")
    if isinstance(client, TransactionWrapper):
        async with _savepoint(client._connection):  # noqa: SLF001 - the ORM has no public name for it
            yield
        return
    async with _pooled(client) as connection:
        inside = TransactionWrapper(client)
        inside._connection = connection  # noqa: SLF001
        token = get_connections().set("default", inside)
        try:
            with translated():
                await connection.execute("BEGIN")
            yield
        except BaseException:
            await _undo(connection, "ROLLBACK")
            raise
        else:
            until = asyncio.get_running_loop().time() + commit_s
            await _commit(connection, until if commit_by is None else min(until, commit_by))
        finally:
            get_connections().reset(token)


@asynccontextmanager
async def _savepoint(connection: Any) -> AsyncGenerator[None]:
    # A nested one hides the outer one's name until it is released.
    with translated():
        await connection.execute("SAVEPOINT storyfork")
    try:
        yield
    except BaseException:
        await _undo(connection, "ROLLBACK TO storyfork; RELEASE storyfork")
        raise
    with translated():
        await connection.execute("RELEASE storyfork")


@asynccontextmanager
async def _pooled(client: Any) -> AsyncGenerator[Any]:
    """Lend a connection of the pool; returning it takes at most `UNDO_SECONDS`, whatever state it is in."""
    with translated():
        await client.acquire_connection().ensure_connection()
        pool = client._pool  # noqa: SLF001
        connection = await pool.acquire(timeout=CONNECT_SECONDS)
    try:
        yield connection
    finally:
        try:
            await pool.release(connection, timeout=UNDO_SECONDS)
        except Exception as e:  # noqa: BLE001 - the driver has closed it
            _log.info("a connection is closed instead of reused: %s", e)


async def _undo(connection: Any, sql: str) -> None:
    """Roll back in time, else close the connection, and the server rolls back on its own."""
    try:
        async with asyncio.timeout(UNDO_SECONDS):
            await connection.execute(sql)
    except Exception as e:  # noqa: BLE001 - the error that led here matters more
        _log.info("a connection is closed instead of rolled back: %s", e)
        _terminate(connection)
    except BaseException:
        _terminate(connection)
        raise


async def _commit(connection: Any, until: float) -> None:
    with translated():
        if connection.is_closed():
            raise ConnectionResetError("the connection was lost before COMMIT")
    try:
        async with asyncio.timeout_at(until):
            with translated():
                status = await connection.execute("COMMIT")
    except (Outage, TimeoutError) as e:
        _terminate(connection)
        if isinstance(e, Outage) and e.at_once:
            raise
        raise CommitUnknown(f"COMMIT was not answered: {e or type(e).__name__}") from None
    except BaseException:
        _terminate(connection)
        raise
    if status != "COMMIT":
        raise RuntimeError("an error in the transaction was swallowed: the server rolled it back")


def _terminate(connection: Any) -> None:
    with suppress(asyncpg.InterfaceError):  # it is back in the pool, closed
        connection.terminate()


async def rows(sql: str, *values: Any) -> list[dict[str, Any]]:
    """Run a statement in the current transaction (or on its own) and return its rows; parameters are ``$1`` ….

    Raises `Outage`, `Unstorable`, and the driver's errors for defects of the statement.
    """
    client: Any = get_connection("default")
    if isinstance(client, TransactionWrapper):
        with translated():
            async with client.acquire_connection() as connection:
                return [dict(r) for r in await connection.fetch(sql, *values)]
    try:
        return await _alone(client, sql, values)
    except Outage as e:
        if not e.at_once:
            raise
        return await _alone(client, sql, values)


async def _alone(client: Any, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    async with _pooled(client) as connection:
        with translated():
            if not client.behind_pooler:
                return [dict(r) for r in await connection.fetch(sql, *values)]
            # The messages of one statement would otherwise reach several servers.
            async with connection.transaction():
                return [dict(r) for r in await connection.fetch(sql, *values)]


def own_connection() -> AbstractAsyncContextManager[Any]:
    """Return the driver's connection: the current transaction's, else one from the pool."""
    client: Any = get_connection("default")
    return client.acquire_connection()


async def row(sql: str, *values: Any) -> dict[str, Any] | None:
    """Run a statement and return its first row, if any."""
    found = await rows(sql, *values)
    return found[0] if found else None


async def ping() -> None:
    """Check that the database responds. Raises `Outage`."""
    await rows("SELECT 1")


async def lock_name(name: str) -> None:
    """Hold a named lock until the current transaction ends: what is counted under it is counted by one at a time."""
    await rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)


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
    "lock_name",
    "own_connection",
    "ping",
    "row",
    "rows",
    "transaction",
]
