"""The embedded servers of one data directory, as one context manager: for `demo`, `up`, tests and benchmarks."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from bot.stack.home import StackPaths, StackUrls, hold_lock, remove_record, write_record
from bot.stack.postgres import EmbeddedPostgres
from bot.stack.process import ProcessSpec
from bot.stack.supervisor import Backoff, Service, ServiceSupervisor
from bot.stack.valkey import EmbeddedValkey


@dataclass(frozen=True)
class EmbeddedStack(StackUrls):
    """The running servers. A service is None if an external server is used."""

    paths: StackPaths
    postgres: Service | None
    valkey: Service | None


@contextlib.asynccontextmanager
async def embedded_stack(
    home: Path,
    *,
    database_url: str | None = None,
    redis_url: str | None = None,
    durable: bool = True,
    backoff: Backoff | None = None,
) -> AsyncGenerator[EmbeddedStack]:
    """Run PostgreSQL and Valkey in the data directory `home`, except those with a URL.

    Both are restarted when they crash, stop at the end of the block, and die with this process even if it is killed.
    The database `storyfork` exists; `db.migrate` adds its tables. The directory is locked meanwhile.

    Args:
        home: created if missing.
        database_url: an external PostgreSQL to use instead of the embedded one.
        redis_url: likewise for Redis.
        durable: False makes PostgreSQL skip fsync; for tests only.
        backoff: the pauses before restarts.

    Raises:
        AlreadyRunningError: another process runs the stack of `home`.
        StackError: a server cannot be started; the message says why.
    """
    paths = StackPaths(await asyncio.to_thread(_absolute, home))
    postgres = EmbeddedPostgres(paths, durable=durable) if not database_url else None
    valkey = EmbeddedValkey(paths) if not redis_url else None
    async with contextlib.AsyncExitStack() as stack:
        await asyncio.to_thread(paths.create)
        await asyncio.to_thread(stack.enter_context, hold_lock(paths))
        specs: dict[str, ProcessSpec] = {}
        if postgres is not None:
            await postgres.prepare()
            specs["postgres"] = await asyncio.to_thread(postgres.spec)
        if valkey is not None:
            specs["valkey"] = await asyncio.to_thread(valkey.spec)
        supervisor = await stack.enter_async_context(ServiceSupervisor(backoff))
        services = dict(zip(specs, await supervisor.start(*specs.values()), strict=True))
        if postgres is not None:
            await postgres.ensure_database()
        running = EmbeddedStack(
            database_url=database_url or (postgres.url() if postgres is not None else ""),
            redis_url=redis_url or (valkey.url if valkey is not None else ""),
            paths=paths,
            postgres=services.get("postgres"),
            valkey=services.get("valkey"),
        )
        await asyncio.to_thread(write_record, paths, StackUrls(running.database_url, running.redis_url))
        try:
            yield running
        finally:
            await asyncio.to_thread(remove_record, paths)


def _absolute(home: Path) -> Path:
    return home.expanduser().absolute()
