"""Migrations: numbered SQL files, each applied once, in order, in a transaction of its own, under one lock.

The ORM's own runner takes no lock, records a migration after its commit and leaves out conditional constraints; here
the record is written in the same transaction, so a crash leaves either both or neither.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import asyncpg

from db.connection import credentials

LOCK_KEY: Final = 0x53544F5259  # "STORY": any number, the same for everybody who migrates
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)"""


class MigrationError(Exception):
    """The database and the files disagree; the message says how."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name without suffix, its SQL and the SQL's checksum."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def available() -> list[Migration]:
    """Return all migrations in order."""
    folder = files("db") / "migrations"
    found = [
        Migration(f.name.removesuffix(".sql"), f.read_text("utf-8"))
        for f in folder.iterdir()
        if f.name.endswith(".sql")
    ]
    return sorted(found, key=lambda m: m.name)


async def migrate(url: str, *, upto: str | None = None) -> list[str]:
    """Apply what is missing, up to and including ``upto`` (None: everything); return the names applied.

    Any number of processes may call this at once: one works, the others wait and find nothing to do.
    Raises `MigrationError` if an applied file was changed since, or is unknown here (an older release on a newer
    database), and the driver's errors if the database cannot be reached.
    """
    connection = await asyncpg.connect(**credentials(url))
    try:
        # A session lock: held over all transactions below, and gone with the connection.
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        await connection.execute(_TABLE)
        done = await _applied(connection)
        _compare(done, available())
        names: list[str] = []
        for m in available():
            if m.name in done or (upto is not None and m.name > upto):
                continue
            async with connection.transaction():
                await connection.execute(m.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", m.name, m.checksum
                )
            names.append(m.name)
        return names
    finally:
        await connection.close()


async def pending(url: str) -> list[str]:
    """Return the names of migrations that are not applied yet. Raises as `migrate`."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        exists = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
        done = await _applied(connection) if exists else {}
        _compare(done, available())
        return [m.name for m in available() if m.name not in done]
    finally:
        await connection.close()


async def _applied(connection: asyncpg.Connection) -> dict[str, str]:
    return {r["name"]: r["checksum"] for r in await connection.fetch("SELECT name, checksum FROM schema_migrations")}


def _compare(done: dict[str, str], here: list[Migration]) -> None:
    known = {m.name: m.checksum for m in here}
    for name, checksum in done.items():
        if name not in known:
            raise MigrationError(
                f"the database has migration {name}, which this release does not know: update Storyfork"
            )
        if known[name] != checksum:
            raise MigrationError(f"migration {name} was changed after it was applied: add a new migration instead")
