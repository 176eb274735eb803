"""What `storyfork doctor` wants to know of a running database, by one connection of its own."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from db.engine import dedicated
from db.faults import translated


@dataclass(frozen=True, slots=True)
class Inspection:
    """The findings.

    ``schema`` is our newest migration that is applied ("" if none). ``ahead_s`` is by how many seconds the database's
    clock is ahead of this machine's, to within half of the time that the question took. ``switches`` are those that the
    operators have set (`db.switches`). ``pgvector`` is the version of pgvector that the server has ("" if none).
    """

    schema: str
    ahead_s: float
    switches: Mapping[str, str] = field(default_factory=dict[str, str])
    pgvector: str = ""


async def inspect(url: str) -> Inspection:
    """Return the state of a database. Raises `Outage` and `BadDatabaseUrl`."""
    with translated():
        async with dedicated(url) as connection, connection.transaction():
            await connection.fetchval("SELECT 1")  # what is slow the first time is not measured
            before = time.time()
            now = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
            ahead_s = now - (before + time.time()) / 2
            exists = await connection.fetchval("SELECT to_regclass('public.schema_migrations') IS NOT NULL")
            schema = exists and await connection.fetchval(
                "SELECT max(name) FROM schema_migrations WHERE name NOT LIKE '%/%'"
            )
            set_ = await connection.fetchval("SELECT to_regclass('public.service_switches') IS NOT NULL")
            found = await connection.fetch("SELECT name, message FROM public.service_switches") if set_ else []
            pgvector = await connection.fetchval(
                "SELECT coalesce(installed_version, default_version) FROM pg_available_extensions WHERE name = 'vector'"
            )
    return Inspection(schema or "", ahead_s, {each["name"]: each["message"] for each in found}, pgvector or "")
