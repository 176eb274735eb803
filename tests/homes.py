"""Data directories whose database has its tables: copying one takes a moment, making one many seconds.

Made once for a run, whatever the number of its processes. The copies' servers skip fsync, also under `storyfork demo`.
"""

import asyncio
import contextlib
import fcntl
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from bot.stack.embedded import embedded_stack
from bot.stack.home import StackPaths
from bot.stack.postgres import NOT_DURABLE_SETTINGS
from db.migrate import migrate

LOCK_SECONDS = 120.0
"""Longer than any process makes it."""


class HomeTemplate:
    """What new data directories are copied from."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def copy_to(self, home: Path) -> Path:
        """Give ``home``, made if missing, a database with its tables. Returns it; call it in a thread."""
        paths = StackPaths(home)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The owner is PostgreSQL's: as root it is another user.
        subprocess.run(["cp", "-a", str(self._data), str(paths.postgres_data)], check=True, timeout=60)
        return home


async def home_template(factory: pytest.TempPathFactory) -> HomeTemplate:
    """The template of this run, made by the process that asks first."""
    own = factory.getbasetemp()
    # A process of pytest-xdist has its directory in that of the run.
    shared = own.parent if own.name.startswith("popen-") else own
    paths = StackPaths(shared / "home-template")
    async with _locked(shared / "home-template.lock"):
        if not (done := paths.home / "done").exists():
            async with embedded_stack(paths.home, redis_url="unused", durable=False) as stack:
                await migrate(stack.database_url)
            with (paths.postgres_data / "postgresql.auto.conf").open("a") as settings:
                settings.writelines(f"{name} = {value}\n" for name, value in NOT_DURABLE_SETTINGS.items())
            done.touch()
    return HomeTemplate(paths.postgres_data)


@contextlib.asynccontextmanager
async def _locked(path: Path) -> AsyncGenerator[None]:
    with path.open("w") as file:
        async with asyncio.timeout(LOCK_SECONDS):
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.1)
        yield
