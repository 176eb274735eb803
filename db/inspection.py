"""What `storyfork doctor` wants to know of a running database, by one connection of its own."""

import time
from dataclasses import dataclass
from typing import Final

import asyncpg

from db.connection import credentials
from db.faults import translated

FRESH_SECONDS: Final = 120.0
"""What was reported longer ago is no longer true of anything that runs."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The findings.

    ``schema`` is our newest migration that is applied ("" if none). ``ahead_s`` is by how many seconds the database's
    clock is ahead of this machine's, to within half of the time that the question took. ``problems`` are those that
    running processes reported of platforms, by the platform's name.
    """

    schema: str
    ahead_s: float
    problems: dict[str, str]


async def inspect(url: str) -> Inspection:
    """Return the state of a database. Raises `Outage` and `BadDatabaseUrl`."""
    with translated():
        connection = await asyncpg.connect(**credentials(url), statement_cache_size=0)
        try:
            await connection.fetchval("SELECT 1")  # what is slow the first time is not measured
            before = time.time()
            now = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
            ahead_s = now - (before + time.time()) / 2
            exists = await connection.fetchval("SELECT to_regclass('public.schema_migrations') IS NOT NULL")
            schema = exists and await connection.fetchval(
                "SELECT max(name) FROM schema_migrations WHERE name NOT LIKE '%/%'"
            )
            led = await connection.fetchval("SELECT to_regclass('public.leaders') IS NOT NULL")
            rows = led and await connection.fetch(
                "SELECT name, problem FROM leaders "
                "WHERE problem <> '' AND renewed_at > now() - make_interval(secs => $1) ORDER BY name",
                FRESH_SECONDS,
            )
        finally:
            await connection.close()
    return Inspection(schema or "", ahead_s, {row["name"]: row["problem"] for row in rows or ()})
