"""The data directory: its layout, the lock of the running stack, and how other processes find its servers.

- `postgres/`: the embedded database
- `logs/`: one log file per process
- `run/lock`: held (flock) by the process that runs the stack; the kernel releases it when that process dies
- `run/stack.json`: where its servers listen, for `storyfork bot`, `worker`, `migrate` and `doctor`
- `run/db`, `run/valkey.sock`: the ways to their sockets; or in a directory below the temporary one, if the path is too
  long (a socket's path has 107 bytes at most, 103 on macOS) or would need quoting in a URL

Directories are private (0700) if they are made here; those that exist keep their modes.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.stack.errors import AlreadyRunningError, StackError

SOCKET_PATH_LIMIT_BYTES = 103
"""macOS's sun_path without its terminating zero; Linux has 107."""
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+", re.ASCII)
"""Paths that mean the same to a URL, libpq and Valkey without quoting."""
POSTGRES_PORT = 5432
"""Only part of the socket's name: nothing listens on TCP."""


@dataclass(frozen=True)
class StackUrls:
    """The addresses of the database and Redis."""

    database_url: str
    redis_url: str


@dataclass(frozen=True)
class StackPaths:
    """The paths in one data directory. Nothing is created until `create` is called."""

    home: Path

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's own directory."""
        return self.home / "postgres"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """The lock and the record of the running stack."""
        return self.home / "run"

    @property
    def sockets(self) -> Path:
        """The directory of the sockets: `run`, or one with a short and plain path, named after a hash of the other."""
        if _fits_sockets(self.run):
            return self.run
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        short = Path(tempfile.gettempdir()) / f"storyfork-{os.getuid()}-{digest}"
        return short if _fits_sockets(short) else Path("/tmp") / short.name  # noqa: S108  its owner is checked

    def create(self) -> None:
        """Create the directories, accessible to their owner only.

        Raises:
            StackError: a directory cannot be created, or the one for the sockets belongs to another user.
        """
        with _explained(self.home):
            for path in (self.home, self.run, self.logs, self.sockets):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise StackError(f"{self.sockets} is not a directory of yours: remove it, or set TMPDIR or STORYFORK_HOME.")


@contextlib.contextmanager
def hold_lock(paths: StackPaths) -> Generator[None]:
    """Hold the lock for running the stack of this data directory.

    Raises:
        AlreadyRunningError: another process holds the lock.
        StackError: the lock cannot be written.
    """
    with _explained(paths.home):
        descriptor = os.open(paths.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with _explained(paths.home):  # some network file systems have no locks
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(str(paths.home), _pid_in(descriptor)) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def running_pid(paths: StackPaths) -> int | None:
    """Return the id of the process that runs the stack of this data directory, or None.

    Raises:
        StackError: the data directory is closed to us.
    """
    try:
        descriptor = os.open(paths.run / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise StackError(
            f"The data directory {paths.home} belongs to another user. Run this as the user who runs Storyfork, or set "
            "STORYFORK_HOME."
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(descriptor)
    finally:
        os.close(descriptor)
    return None


def write_record(paths: StackPaths, urls: StackUrls) -> None:
    """Publish the addresses of the running servers, which may hold passwords, to our user. Replaced atomically.

    Raises:
        StackError: they cannot be written.
    """
    target = paths.run / "stack.json"
    draft = target.with_suffix(".new")
    with _explained(paths.home):
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(json.dumps({"pid": os.getpid(), **asdict(urls)}, indent=2) + "\n")
        draft.replace(target)


def remove_record(paths: StackPaths) -> None:
    """Remove the published addresses."""
    (paths.run / "stack.json").unlink(missing_ok=True)


def read_record(paths: StackPaths) -> StackUrls | None:
    """Return the addresses of the stack running in this data directory; None if it is not running (yet).

    Raises:
        StackError: the data directory is closed to us.
    """
    if running_pid(paths) is None:
        return None
    try:
        record = json.loads((paths.run / "stack.json").read_text())
        return StackUrls(database_url=str(record["database_url"]), redis_url=str(record["redis_url"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # a power failure may leave a half
        return None


@contextlib.contextmanager
def _explained(home: Path) -> Generator[None]:
    """Turn a failed access to the data directory into a message for the operator."""
    try:
        yield
    except OSError as error:
        raise StackError(
            f"Cannot use the data directory {home}: {error.strerror}. Free some space there, or set STORYFORK_HOME to "
            "a directory that you may write."
        ) from None


def _fits_sockets(directory: Path) -> bool:
    longest = directory / "db" / f".s.PGSQL.{POSTGRES_PORT}"
    return len(os.fsencode(longest)) <= SOCKET_PATH_LIMIT_BYTES and PLAIN_PATH.fullmatch(str(directory)) is not None


def _pid_in(descriptor: int) -> int | None:
    content = os.pread(descriptor, 32, 0).strip()
    return int(content) if content.isdigit() else None
