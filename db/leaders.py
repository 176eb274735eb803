"""Leaders: at most one process leads a platform (or a group of its shards) and polls, sends and edits for it.

A leader renews its row, each time with a higher ``beat``. A row may be taken if nobody holds it, or if its beat has not
changed for a while on the candidate's own monotonic clock. So neither the database's clock nor the hosts' matter. Rows
rather than advisory locks: a session's lock has no place behind a pooler in transaction mode, and outlives a host that
went silent for as long as TCP does.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from db.engine import dedicated
from db.faults import translated
from db.records import build, columns, fetch

CONNECT_SECONDS: Final = 3.0
SILENT_SECONDS: Final = 15.0
"""Leaders renew every second; what is wrong, and that a process stands by, is reported every few seconds."""
_STAND: Final = f"""
WITH taken AS (
    INSERT INTO leaders AS l (name, holder, beat, host, problem) VALUES ($1, $2, 1, $3, $4)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, beat = l.beat + 1, host = excluded.host,
        problem = excluded.problem, renewed_at = now(),
        -- Who stood by may be the one that leads from now on.
        standby_at = CASE WHEN l.holder = excluded.holder THEN l.standby_at END
        WHERE l.holder IN ('', excluded.holder) OR l.beat = $5
    RETURNING holder, beat, standby_at)
SELECT holder, beat, coalesce(abs(extract(epoch FROM now() - standby_at)) < {SILENT_SECONDS}, false) AS followed
FROM (SELECT * FROM taken UNION ALL
    SELECT holder, beat, standby_at FROM leaders WHERE name = $1 AND NOT EXISTS (SELECT FROM taken)) found"""
_REPORT: Final = """
INSERT INTO leaders AS l (name, host, problem) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET host = excluded.host, problem = excluded.problem, renewed_at = now()
    WHERE l.holder = '' OR l.renewed_at < now() - interval '30 seconds'"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who leads, and the row's beat at that moment. ``followed``: another process stands by."""

    holder: str
    beat: int
    followed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Leader:
    """A row as operators see it. ``age_s``: seconds since its last renewal or report."""

    name: str
    holder: str
    host: str
    problem: str
    age_s: float

    @property
    def served(self) -> bool:
        """Whether a process leads and finds nothing wrong."""
        return bool(self.holder) and not self.problem and self.age_s < SILENT_SECONDS

    @property
    def silent(self) -> bool:
        """Whether no process leads or says why it cannot."""
        return self.age_s >= SILENT_SECONDS or not (self.holder or self.problem)


_ALL: Final = (
    f"SELECT {columns(Leader, without=('age_s',))}, extract(epoch FROM now() - renewed_at)::float8 AS age_s "
    "FROM leaders ORDER BY name"
)


class LeaderConnection:
    """A connection of its own: a renewal must not wait for a place in a busy pool."""

    def __init__(self, connection: Any) -> None:
        """``connection`` is asyncpg's."""
        self._connection = connection

    async def stand(
        self, name: str, holder: str, *, host: str = "", problem: str = "", unchanged_beat: int | None = None
    ) -> Standing:
        """Take or renew the leadership if it is free, ours, or still at ``unchanged_beat``; return who leads now."""
        async with _exchange(self._connection):
            found = await self._connection.fetchrow(_STAND, name, holder, host, problem, unchanged_beat)
        # Nothing is found if somebody else's first row was being inserted.
        return Standing("", 0) if found is None else Standing(found["holder"], found["beat"], found["followed"])

    async def leaders(self) -> list[Leader]:
        """Return all rows, by name."""
        async with _exchange(self._connection):
            return [build(Leader, found) for found in await self._connection.fetch(_ALL)]

    async def report(self, name: str, host: str, problem: str) -> None:
        """Record why nobody can lead, unless somebody does."""
        async with _exchange(self._connection):
            await self._connection.execute(_REPORT, name, host, problem)

    async def stand_by(self, name: str, holder: str) -> None:
        """Record that ``holder`` would lead in place of the process that does."""
        async with _exchange(self._connection):
            await self._connection.execute(
                "UPDATE leaders SET standby_at = now() WHERE name = $1 AND holder NOT IN ('', $2)", name, holder
            )

    async def release(self, names: Sequence[str], holder: str) -> None:
        """Give up what ``holder`` leads, for others to take at once."""
        async with _exchange(self._connection):
            await self._connection.execute(
                "UPDATE leaders SET holder = '', beat = beat + 1, problem = '', standby_at = NULL, renewed_at = now() "
                "WHERE name = ANY($1) AND holder = $2",
                list(names), holder,
            )  # fmt: skip


@asynccontextmanager
async def _exchange(connection: Any) -> AsyncGenerator[None]:
    """A transaction of its own: behind a pooler, a statement's messages then reach the same server."""
    with translated():
        async with connection.transaction():
            yield


@asynccontextmanager
async def leader_connection(url: str) -> AsyncGenerator[LeaderConnection]:
    """Open a connection for elections, and close it at the end. Raises `Outage`."""
    options: Mapping[str, Any] = {
        "timeout": CONNECT_SECONDS, "command_timeout": CONNECT_SECONDS,
        "server_settings": {"application_name": "storyfork leaders"},
    }  # fmt: skip
    async with dedicated(url, **options) as connection:
        yield LeaderConnection(connection)


async def leaders() -> list[Leader]:
    """Return all rows, by name."""
    return await fetch(Leader, _ALL)
