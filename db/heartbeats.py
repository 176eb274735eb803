"""The processes that do jobs: one narrow row each, and one row for all of them together.

The table is unlogged: after a crash of the server it is empty until the next beat. All times are the server's clock.
"""

from dataclasses import dataclass
from typing import Final, Literal

from db.connection import row, rows
from db.records import columns, fetch

BEAT_SECONDS: Final = 2.5
"""Seconds between two heartbeats of a process."""
ALIVE_SECONDS: Final = 6 * BEAT_SECONDS
"""A process that has not beaten for this long counts as dead."""
GAP_SECONDS: Final = 3 * BEAT_SECONDS
"""If no process could beat for this long, the database was away: leases that ran out meanwhile prove nothing."""
SETTLE_SECONDS: Final = 2 * BEAT_SECONDS
"""Seconds after such a gap in which living workers renew their leases."""
START_SECONDS: Final = 20.0
"""How long after the first process of a service others may still be starting: they load their models' libraries."""
_EVERYBODY: Final = ""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A living worker: its queues, its models by name (the default first), its image engines, its jobs.

    It ``sees`` if pictures can be shown to one of its text models.
    """

    worker: str
    host: str
    queues: list[str]
    models: list[str]
    image_engines: list[str]
    running: int
    capacity: int
    sees: bool = False


STEADY: Final = (
    "EXISTS (SELECT FROM heartbeats WHERE worker = '' AND steady_since < now() - make_interval(secs => "
    f"{SETTLE_SECONDS}) AND seen_at BETWEEN now() - make_interval(secs => {GAP_SECONDS}) AND now())"
)
"""SQL: the database has served somebody without a gap for a while, and its clock has not jumped."""


async def beat(heartbeat: Heartbeat) -> None:
    """Record that a worker lives."""
    h = heartbeat
    await rows(
        "INSERT INTO heartbeats AS h (worker, host, queues, models, image_engines, running, capacity, sees) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $10), ($8, '', '{}', '{}', '{}', 0, 0, false) "
        "ON CONFLICT (worker) DO UPDATE SET sees = excluded.sees, "
        "host = excluded.host, queues = excluded.queues, models = excluded.models, seen_at = now(), "
        "image_engines = excluded.image_engines, running = excluded.running, capacity = excluded.capacity, "
        "steady_since = CASE WHEN h.seen_at BETWEEN now() - make_interval(secs => $9::float8) AND now() "
        "THEN h.steady_since ELSE now() END",
        h.worker, h.host, h.queues, h.models, h.image_engines, h.running, h.capacity, _EVERYBODY, GAP_SECONDS, h.sees,
    )  # fmt: skip


async def leave(worker: str) -> None:
    """Remove the row of a worker that stops."""
    await rows("DELETE FROM heartbeats WHERE worker = $1", worker)


async def alive() -> list[Heartbeat]:
    """Return the heartbeats of all living workers, by name."""
    return await fetch(
        Heartbeat,
        f"SELECT {columns(Heartbeat)} FROM heartbeats WHERE worker <> $1 "
        "AND abs(extract(epoch FROM now() - seen_at)) < $2::float8 ORDER BY worker",
        _EVERYBODY, ALIVE_SECONDS,
    )  # fmt: skip


async def models() -> tuple[str, ...] | None:
    """Return the names of the text models of the living workers, the default for stories first.

    Empty if they have none; None if no worker that writes is up.
    """
    writers = [h for h in await alive() if "cpu" in h.queues]
    return tuple(dict.fromkeys(name for h in writers for name in h.models)) if writers else None


async def somebody_sees() -> bool:
    """Return whether the pictures that people send can be shown to a text model of a living worker."""
    return any(h.sees for h in await alive() if "cpu" in h.queues)


async def image_engines() -> tuple[str, ...]:
    """Return the names of the image engines of the living workers."""
    return tuple(dict.fromkeys(name for h in await alive() for name in h.image_engines))


async def missing_for_pictures() -> Literal["", "starting", "worker", "model"]:
    """Return what is missing so that somebody draws: a worker of the gpu queue, a picture model, or nothing.

    ``starting``: the service has not been up for `START_SECONDS`, so that a worker may still come.
    """
    workers = await alive()
    drawing = [h for h in workers if "gpu" in h.queues]
    if any(h.image_engines for h in drawing):
        return ""
    if drawing:
        return "model"
    up = workers and await row(
        "SELECT true FROM heartbeats WHERE worker = $1 AND steady_since < now() - make_interval(secs => $2::float8)",
        _EVERYBODY, START_SECONDS,
    )  # fmt: skip
    return "worker" if up else "starting"


async def deployment() -> str:
    """Return a short name of this database, the same for all its clients: deployments that share a Redis differ."""
    found = await row(
        "SELECT left(md5(concat_ws('/', (SELECT system_identifier FROM pg_control_system()), "
        "(SELECT oid FROM pg_database WHERE datname = current_database()))), 12) AS name"
    )
    assert found is not None
    return found["name"]
