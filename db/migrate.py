"""Migrations: numbered SQL files, each applied once, in order, one process at a time.

Ours come first, then those of each package (`db.schemas`), recorded as ``schema/name``. A file runs in one transaction
together with its record, so a crash leaves either both or neither. It waits `LOCK_SECONDS` for a table that is in use,
and everybody else waits behind it: then it lets go and tries again.

A file whose first line is ``-- no transaction`` is for ``CREATE INDEX CONCURRENTLY`` and the like: its statements, each
ended by a semicolon at the end of a line, run one by one and are recorded at the end. A crash repeats them: they must
allow that (``IF NOT EXISTS``; an index that is left invalid is dropped first). There, a package names its schema.

A failed migration of a package does not block the others: ``schema_failures`` holds the reason until it succeeds.
"""

import asyncio
import hashlib
import logging
import random
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import asyncpg

from db.connection import row, rows
from db.engine import dedicated
from db.errors import AccessRefused, Outage
from db.schemas import SchemaSpec

LOCK_KEY: Final = 0x53544F5259  # "STORY": any number, the same in all processes
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schema_failures (
    name text PRIMARY KEY, reason text NOT NULL, failed_at timestamptz NOT NULL DEFAULT now()
)"""
LOCK_SECONDS: Final = 3.0
"""How long a migration waits for a table that others use, and makes others wait behind it."""
LOCK_TRIES: Final = 20
NO_TRANSACTION: Final = "-- no transaction"
_ALONE_SECONDS: Final = 0.2
"""Pause between two tries to be the one who migrates."""
_INVALID: Final = """
SELECT n.nspname AS schema, c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid"""
_STATEMENT_END: Final = re.compile(r";[ \t]*(?:--[^\n]*)?$", re.MULTILINE)
_RECORD: Final = "INSERT INTO public.schema_migrations (name, checksum) VALUES ($1, $2)"
_log = logging.getLogger(__name__)


class MigrationError(Exception):
    """The database and the files disagree; the message says how."""

    loggable = True


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name without suffix (a package's: ``schema/name``), its SQL and the SQL's checksum."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        """Whether it runs in one transaction."""
        return not self.sql.startswith(NO_TRANSACTION)

    def statements(self) -> list[str]:
        """The statements of one that does not."""
        found = (part.strip() for part in _STATEMENT_END.split(self.sql))
        return [part for part in found if any(not line.lstrip().startswith("--") for line in part.splitlines() if line)]


@dataclass(frozen=True, slots=True)
class Pending:
    """What `migrate` would do: the pending migrations, and the last failure by package schema.

    ``removed`` are the schemas of packages that are no longer installed; their rows stay.
    """

    names: list[str]
    failures: dict[str, str]
    removed: list[str]


def available(spec: SchemaSpec | None = None) -> list[Migration]:
    """Return all migrations of a package (None: ours) in order. Raises `MigrationError` for an unreadable file."""
    folder: Traversable = files("db") / "migrations" if spec is None else spec.migrations
    prefix = "" if spec is None else f"{spec.name}/"
    try:
        found = [
            Migration(prefix + f.name.removesuffix(".sql"), f.read_text("utf-8"))
            for f in folder.iterdir()
            if f.name.endswith(".sql")
        ]
    except (OSError, UnicodeError) as e:
        raise MigrationError(f"the migrations cannot be read: {e}") from e
    return sorted(found, key=lambda m: m.name)


async def migrate(
    url: str, specs: Sequence[SchemaSpec] = (), *, upto: str | None = None, lock_s: float = LOCK_SECONDS
) -> list[str]:
    """Apply the pending migrations and return their names; ``upto`` is the last of ours to apply (None: everything).

    ``lock_s``: how long a migration waits for a table before it lets others pass.

    Any number of processes may call this concurrently: one works, the others wait and find nothing to do.
    Raises `MigrationError` if an applied file was changed since, if one is unknown here (an older release on a newer
    database), or if others keep a table locked; `Outage` if the database cannot be reached; the driver's errors.
    """
    async with dedicated(url, server_settings={"application_name": "storyfork migrate"}) as connection, _alone(url):
        async with connection.transaction():
            await connection.execute(_TABLES)
            done = await _applied(connection)
        names: list[str] = []
        for m in _missing(done, await asyncio.to_thread(available)):
            if upto is None or m.name <= upto:
                await _apply(connection, m, lock_s)
                names.append(m.name)
        if upto is None:
            for spec in specs:
                names += await _migrate_package(connection, spec, done, lock_s)
        return names


@asynccontextmanager
async def _alone(url: str) -> AsyncGenerator[None]:
    """Wait until no other process migrates.

    The lock is a transaction's, on a connection of its own: a pooler in transaction mode has no place for a session's.
    Such an idle transaction holds no snapshot, so ``CREATE INDEX CONCURRENTLY`` does not wait for it. A statement that
    waits for the lock would hold one, and the two would wait for each other for ever: it is tried instead.
    """
    async with dedicated(url) as connection:
        while True:
            async with connection.transaction():
                got = await connection.fetchval(f"SELECT pg_try_advisory_xact_lock({LOCK_KEY})")
                # By the simple protocol: it closes the statement before, which would keep its snapshot.
                await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                if got:
                    yield
                    return
            await asyncio.sleep(_ALONE_SECONDS)


async def pending(url: str, specs: Sequence[SchemaSpec] = ()) -> Pending:
    """Return what is not applied yet. Raises like `migrate`."""
    async with dedicated(url) as connection, connection.transaction():
        exists = await connection.fetchval("SELECT to_regclass('public.schema_failures') IS NOT NULL")
        done = await _applied(connection) if exists else {}
        failures = {r["name"]: r["reason"] for r in await connection.fetch("TABLE schema_failures")} if exists else {}
    names = [m.name for m in _missing(done, await asyncio.to_thread(available))]
    for spec in specs:
        try:
            names += [m.name for m in _missing(done, await asyncio.to_thread(available, spec), spec.name)]
        except MigrationError as e:
            failures[spec.name] = str(e)
    installed = {spec.name for spec in specs}
    removed = sorted({_namespace(name) for name in done} - installed - {""})
    return Pending(names, {name: failures[name] for name in installed & failures.keys()}, removed)


async def await_schema() -> None:
    """Wait for the connected database, and check that its tables are those of this release; for the start of a process.

    While it runs, a newer release may migrate: additions do not disturb it (docs/contributing.md). Raises
    `MigrationError`, whose message names the cure.
    """
    pause = 1.0
    while True:
        try:
            exists = await row("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS found")
            found = await rows("SELECT name, checksum FROM schema_migrations") if exists and exists["found"] else []
            break
        except AccessRefused as e:
            raise MigrationError(f"the database that DATABASE_URL names cannot be used: {e}") from None
        except Outage as e:
            _log.warning("waiting for the database (DATABASE_URL): %s", e)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10.0)
    missing = _missing({r["name"]: r["checksum"] for r in found}, await asyncio.to_thread(available))
    if missing:
        raise MigrationError(f"the database lacks {len(missing)} migrations of this release: run `storyfork migrate`")


async def _migrate_package(connection: Any, spec: SchemaSpec, done: dict[str, str], lock_s: float) -> list[str]:
    names: list[str] = []
    try:
        for m in _missing(done, await asyncio.to_thread(available, spec), spec.name):
            await _apply(connection, m, lock_s, spec.name)
            names.append(m.name)
    except (asyncpg.PostgresError, MigrationError) as e:
        if connection.is_closed():
            raise
        # The first line only: the details that follow may quote rows.
        reason = str(e).partition("\n")[0]
        _log.error("the tables of %s cannot be brought up to date: %s", spec.name, reason)
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO schema_failures (name, reason) VALUES ($1, $2) "
                "ON CONFLICT (name) DO UPDATE SET reason = excluded.reason, failed_at = now()",
                spec.name, reason,
            )  # fmt: skip
    else:
        async with connection.transaction():
            await connection.execute("DELETE FROM schema_failures WHERE name = $1", spec.name)
    return names


async def _apply(connection: Any, migration: Migration, lock_s: float, schema: str = "") -> None:
    """Apply one migration. Raises `MigrationError` if others keep what it needs locked."""
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            if migration.transactional:
                await _in_transaction(connection, migration, lock_s, schema)
            else:
                await _one_by_one(connection, migration, schema)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if attempt == LOCK_TRIES:
                break
            _log.warning("migration %s waits for a table that is in use (try %d)", migration.name, attempt)
            # At random: what is in its way must get its turn too.
            await asyncio.sleep(random.uniform(0.2, 0.5) * min(attempt, 6))  # noqa: S311
        else:
            return
    raise MigrationError(
        f"migration {migration.name} could not get a table for itself in {LOCK_TRIES} tries of {lock_s:g} s: end "
        "what has had a transaction open for long (SELECT pid, application_name, xact_start, query FROM "
        "pg_stat_activity ORDER BY xact_start), then migrate again"
    )


async def _in_transaction(connection: Any, migration: Migration, lock_s: float, schema: str) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = {int(lock_s * 1000)}")
        if schema:
            await connection.execute(
                f'CREATE SCHEMA IF NOT EXISTS "{schema}"; SET LOCAL search_path TO "{schema}", public'
            )
        # asyncpg fails on a text without any statement.
        await connection.execute(f"{migration.sql}\n;SELECT")
        await connection.execute(_RECORD, migration.name, migration.checksum)


async def _one_by_one(connection: Any, migration: Migration, schema: str) -> None:
    """Without a lock timeout: ``CONCURRENTLY`` blocks nobody while it waits."""
    if schema:
        async with connection.transaction():
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    async with connection.transaction():
        broken = await connection.fetch(_INVALID)
    for index in broken:
        if re.search(rf"\b{re.escape(index['name'])}\b", migration.sql):
            await connection.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{index["schema"]}"."{index["name"]}"')
    for statement in migration.statements():
        await connection.execute(statement)
    async with connection.transaction():
        await connection.execute(_RECORD, migration.name, migration.checksum)


async def _applied(connection: Any) -> dict[str, str]:
    return {r["name"]: r["checksum"] for r in await connection.fetch("SELECT name, checksum FROM schema_migrations")}


def _namespace(name: str) -> str:
    """The schema of a recorded migration, "" for ours."""
    return name.rpartition("/")[0]


def _missing(done: dict[str, str], here: list[Migration], namespace: str = "") -> list[Migration]:
    """Return the pending ones of ``here``, after checking that those applied in their namespace match."""
    known = {m.name: m.checksum for m in here}
    for name, checksum in done.items():
        if _namespace(name) != namespace:
            continue
        if name not in known:
            raise MigrationError(
                f"the database has migration {name}, which this release does not know: update "
                + (f"the package of {namespace}" if namespace else "Storyfork here, or restore a backup from before")
            )
        if known[name] != checksum:
            raise MigrationError(f"migration {name} was changed after it was applied: add a new migration instead")
    return [m for m in here if m.name not in done]
