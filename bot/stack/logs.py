"""The log files of child processes: private, and bounded however much a process writes."""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from bot.stack.errors import StackError

LOG_ROTATE_BYTES: Final = 10 * 1024 * 1024
"""A larger file becomes the file `<name>.1`, which replaces the one before."""
CHECK_SECONDS: Final = 5.0


def open_log(path: Path) -> int:
    """Open a log for appending and return the file descriptor.

    Raises:
        StackError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rotate(path)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StackError(f"Cannot write the log {path}: {error.strerror}.") from None


async def keep_bounded(path: Path, check_seconds: float = CHECK_SECONDS) -> None:
    """Rotate a log that a process appends to whenever it has become too large, until cancelled."""
    while True:
        await asyncio.sleep(check_seconds)
        await asyncio.to_thread(rotate, path)


def rotate(path: Path) -> None:
    """Rotate a log that has become too large. Its writer keeps the file: what it holds is copied, and cut off."""
    # Whatever fails here, a full disk above all: the next check tries again.
    with contextlib.suppress(OSError):
        if path.stat().st_size <= LOG_ROTATE_BYTES:
            return
        try:
            _keep(path, path.with_name(f"{path.name}.1"))
        finally:
            os.truncate(path, 0)


async def log_tail(path: Path, lines: int = 12) -> str:
    """Return the last lines of a log file, "" if there is none."""

    def read() -> str:
        try:
            return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    return await asyncio.to_thread(read)


def _keep(path: Path, older: Path) -> None:
    """Copy the newest part of a log."""
    older.unlink(missing_ok=True)
    with (
        path.open("rb") as source,
        os.fdopen(os.open(older, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as target,
    ):
        source.seek(-LOG_ROTATE_BYTES, os.SEEK_END)
        shutil.copyfileobj(source, target)
