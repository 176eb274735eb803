"""Migrations: numbered SQL files, each applied once, in order, in a transaction of its own, under one lock.

Ours come first, then those of each package (`db.schemas`), recorded as ``schema/name``. The ORM's own runner takes no
lock, records a migration after its commit and leaves out conditional constraints; here the record is written in the
same transaction, so a crash leaves either both or neither.

A failed migration of a package does not block the others: ``schema_failures`` holds the reason until it succeeds.
"""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import asyncpg

from db.connection import credentials
from db.schemas import SchemaSpec

LOCK_KEY: Final = 0x53544F5259  # "STORY": any number, the same in all processes
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schema_failures (
    name text PRIMARY KEY, reason text NOT NULL, failed_at timestamptz NOT NULL DEFAULT now()
)"""
_RECORD: Final = "INSERT INTO public.schema_migrations (name, checksum) VALUES ($1, $2)"
_log = logging.getLogger(__name__)


class MigrationError(Exception):
    """The database and the files disagree; the message says how."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name without suffix (a package's: ``schema/name``), its SQL and the SQL's checksum."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


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


async def migrate(url: str, specs: Sequence[SchemaSpec] = (), *, upto: str | None = None) -> list[str]:
    """Apply the pending migrations and return their names; ``upto`` is the last of ours to apply (None: everything).

    Any number of processes may call this concurrently: one works, the others wait and find nothing to do.
    Raises `MigrationError` if an applied file was changed since, or is unknown here (an older release on a newer
    database), and the driver's errors if the database cannot be reached.
    """
    connection = await asyncpg.connect(**credentials(url))
    try:
        # A session lock: held across all transactions below, released with the connection.
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        await connection.execute(_TABLES)
        done = await _applied(connection)
        names: list[str] = []
        for m in _missing(done, await asyncio.to_thread(available)):
            if upto is None or m.name <= upto:
                await _apply(connection, m)
                names.append(m.name)
        if upto is None:
            for spec in specs:
                names += await _migrate_package(connection, spec, done)
        return names
    finally:
        await connection.close()


async def pending(url: str, specs: Sequence[SchemaSpec] = ()) -> Pending:
    """Return what is not applied yet. Raises like `migrate`."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        exists = await connection.fetchval("SELECT to_regclass('public.schema_failures') IS NOT NULL")
        done = await _applied(connection) if exists else {}
        failures = {r["name"]: r["reason"] for r in await connection.fetch("TABLE schema_failures")} if exists else {}
    finally:
        await connection.close()
    names = [m.name for m in _missing(done, await asyncio.to_thread(available))]
    for spec in specs:
        try:
            names += [m.name for m in _missing(done, await asyncio.to_thread(available, spec), spec.name)]
        except MigrationError as e:
            failures[spec.name] = str(e)
    installed = {spec.name for spec in specs}
    removed = sorted({_namespace(name) for name in done} - installed - {""})
    return Pending(names, {name: failures[name] for name in installed & failures.keys()}, removed)


async def _migrate_package(connection: asyncpg.Connection, spec: SchemaSpec, done: dict[str, str]) -> list[str]:
    names: list[str] = []
    try:
        for m in _missing(done, await asyncio.to_thread(available, spec), spec.name):
            await _apply(connection, m, spec.name)
            names.append(m.name)
    except (asyncpg.PostgresError, MigrationError) as e:
        if connection.is_closed():
            raise
        # The first line only: the details that follow may quote rows.
        reason = str(e).partition("\n")[0]
        _log.error("the tables of %s cannot be brought up to date: %s", spec.name, reason)
        await connection.execute(
            "INSERT INTO schema_failures (name, reason) VALUES ($1, $2) "
            "ON CONFLICT (name) DO UPDATE SET reason = excluded.reason, failed_at = now()",
            spec.name, reason,
        )  # fmt: skip
    else:
        await connection.execute("DELETE FROM schema_failures WHERE name = $1", spec.name)
    return names


async def _apply(connection: asyncpg.Connection, migration: Migration, schema: str = "") -> None:
    async with connection.transaction():
        if schema:
            await connection.execute(
                f'CREATE SCHEMA IF NOT EXISTS "{schema}"; SET LOCAL search_path TO "{schema}", public'
            )
        # asyncpg fails on a text without any statement.
        await connection.execute(f"{migration.sql}\n;SELECT")
        await connection.execute(_RECORD, migration.name, migration.checksum)


async def _applied(connection: asyncpg.Connection) -> dict[str, str]:
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
                + (f"the package of {namespace}" if namespace else "Storyfork")
            )
        if known[name] != checksum:
            raise MigrationError(f"migration {name} was changed after it was applied: add a new migration instead")
    return [m for m in here if m.name not in done]
