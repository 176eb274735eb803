"""Backup and restore: one file with a snapshot of all schemas, ours and packages' (pg_dump's custom format)."""

import asyncio
import os
import re
from pathlib import Path
from typing import Final

from db.engine import dedicated
from db.urls import libpq_environment, parse

_TABLES: Final = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"""


_EXTENSION: Final = re.compile(r"\d+; \d+ \d+ EXTENSION - (\S+)")
"""A line of `pg_restore --list`."""


class BackupError(Exception):
    """The backup or the restore failed; the message says why."""

    loggable = True


async def back_up(url: str, file: Path, pg_dump: Path) -> None:
    """Save the whole database to ``file``, readable by its owner only. Other sessions may write meanwhile.

    Raises `BackupError`, also if the file exists; no new file is left behind.
    """
    part = file.with_name(f"{file.name}.part")
    try:
        sink = await asyncio.to_thread(_open_new, file, part)
    except OSError as e:
        raise BackupError(f"{file} cannot be written: {e.strerror}") from None
    try:
        options = ("--format=custom", "--no-owner", "--no-privileges")
        await _run(url, sink, str(pg_dump), *options)
        await asyncio.to_thread(os.fsync, sink)
        await asyncio.to_thread(part.replace, file)
    except BaseException:
        await asyncio.to_thread(part.unlink, missing_ok=True)
        raise
    finally:
        os.close(sink)


async def restore(url: str, file: Path, pg_restore: Path) -> None:
    """Fill an empty database from a file of `back_up`: all of it or nothing. Migrate afterwards.

    Raises `BackupError`, also if the database has tables already.
    """
    if not await asyncio.to_thread(file.is_file):
        raise BackupError(f"{file} is not a file")
    async with dedicated(url) as connection, connection.transaction():
        tables = await connection.fetchval(_TABLES)
        here = {each["name"] for each in await connection.fetch("SELECT name FROM pg_available_extensions")}
    if tables:
        raise BackupError("the database has tables already: restore into an empty one")
    if missing := sorted(await _extensions(url, file, pg_restore) - here):
        names = ", ".join("pgvector" if name == "vector" else name for name in missing)
        raise BackupError(f"the backup needs what this server does not have, {names}: install it there, then try again")
    options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
    await _run(url, None, str(pg_restore), *options, f"--dbname={parse(url).database}", str(file))


def _open_new(file: Path, part: Path) -> int:
    if file.exists():
        raise FileExistsError(0, "it exists")
    return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


async def _extensions(url: str, file: Path, pg_restore: Path) -> set[str]:
    """Return the names of the extensions that a backup installs: pgvector, if vectors were prepared."""
    listed = await _run(url, asyncio.subprocess.PIPE, str(pg_restore), "--list", str(file))
    return {found[1] for line in listed.decode(errors="replace").splitlines() if (found := _EXTENSION.match(line))}


async def _run(url: str, sink: int | None, *command: str) -> bytes:
    """Run a PostgreSQL program on the database; its output goes to ``sink``, and is returned if that is `PIPE`."""
    # Via the environment: command lines are visible to every user of the machine.
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **libpq_environment(url)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL if sink is None else sink,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()
        raise BackupError(lines[0] if lines else f"{Path(command[0]).name} ended with code {process.returncode}")
    return output or b""
