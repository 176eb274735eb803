"""Where model processes come from: started for one engine, or found running and shared across this machine.

A private process belongs to the engine that started it. A shared one serves every engine of this machine that wants the
same files with the same settings on the same devices: its socket lies in a private folder of the user, under a name
derived from all these.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from workers.engines.errors import EngineOverloaded, EngineUnavailable
from workers.engines.processes.messages import LoadModel, Unload, frame
from workers.engines.processes.program import Program, connect, kill
from workers.engines.processes.supervisor import to_the_end

IDLE_S = 60.0
"""Seconds that a shared process stays alive without clients."""
RETRY_AFTER_S = 5.0
"""Seconds after which to ask again for a model that has no room, because those loaded are all in use."""
NOTED_S = 1.0
"""Seconds between notes that a model is needed."""
_UNLOAD_S = 3.0
_LOG_BYTES = 65_536
_LINE_MAX = 300
_SOCKET_PATH_MAX = 100
_DEVICES = ("CUDA_", "NVIDIA_", "HIP_", "ROCR_")
"""Prefixes of the variables that select GPUs."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Link:
    """A connection to a model process, whose log is in a file. ``child`` is the process if it is a private one.

    ``found``: the process was running already, so it may be just about to end. The age of the file ``note`` shows when
    a shared process was last needed.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    pid: int
    log: Path
    child: asyncio.subprocess.Process | None = None
    found: bool = False
    note: Path | None = None
    _noted: float = 0.0

    def used(self) -> None:
        """Note that the model is needed now."""
        now = time.monotonic()
        if self.note is not None and now - self._noted > NOTED_S:
            self._noted = now
            with contextlib.suppress(OSError):
                os.utime(self.note)

    async def end(self) -> None:
        """Disconnect. A private process is killed, and its files are removed."""
        self.writer.close()
        if self.child is not None:
            await kill(self.child)
            shutil.rmtree(self.log.parent, ignore_errors=True)


class Launcher(Protocol):
    """Where model processes come from."""

    async def connect(self, program: Program, load: LoadModel) -> Link:
        """Return a connection to a process for ``load``, on which nothing has been sent yet.

        Raises `EngineUnavailable`, `OSError`, and `EngineOverloaded` if there is no room for the model now.
        """
        ...


class PrivateLauncher:
    """Starts a process of its own each time. It ends with the connection, and with this process."""

    async def connect(self, program: Program, load: LoadModel) -> Link:  # noqa: ARG002 - all models start alike
        """See `Launcher`."""
        folder = _new_folder()
        try:
            return await _launch(program, folder / "socket", folder / "log", "--parent", str(os.getpid()))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


class SharedLauncher:
    """One process per machine, model and settings, within a budget of memory for all models of a folder together.

    A model that does not fit beside the others replaces the least recently used ones; a model in use is never unloaded.
    """

    def __init__(self, folder: Path, *, budget_bytes: int = 0, idle_s: float = IDLE_S) -> None:
        """``budget_bytes`` 0 means no limit."""
        self._folder = folder
        self._budget = budget_bytes
        self._idle_s = idle_s

    async def connect(self, program: Program, load: LoadModel) -> Link:
        """See `Launcher`."""
        private_folder(self._folder)
        name = await asyncio.to_thread(_name, program, load)
        if (link := await self._attach(name)) is not None:
            return link
        async with self._locked():
            if (link := await self._attach(name)) is not None:
                return link
            self._path(name).unlink(missing_ok=True)
            size = await asyncio.to_thread(_size, load)
            await self._make_room(size, Path(load.path).name)
            # First the note: a process that lives on when this is cancelled counts, too.
            self._note(name).write_text(json.dumps({"model": load.path, "bytes": size}), "utf-8")
            log = self._folder / f"{name}.log"
            link = await _launch(program, self._path(name), log, "--idle", str(self._idle_s))
            assert link.child is not None
            try:
                await link.child.wait()  # the process has detached itself
            except BaseException:
                link.writer.close()
                raise
            link.child, link.pid, link.note = None, _peer(link.writer), self._note(name)
            return link

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    async def _attach(self, name: str) -> Link | None:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._path(name)))
        except OSError:
            return None
        log = self._folder / f"{name}.log"
        return Link(reader, writer, _peer(writer), log, found=True, note=self._note(name))

    @asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        """Hold the folder's lock: two engines must not start the same model or claim the same memory."""
        with (self._folder / "lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.05)
            yield

    async def _make_room(self, size: int, wanted: str) -> None:
        if not self._budget:
            return
        loaded = [(note.stat().st_mtime, note.stem, _bytes_of(note)) for note in self._folder.glob("*.json")]
        alive = [entry for entry in sorted(loaded) if await self._is_alive(entry[1])]
        used = sum(entry[2] for entry in alive)
        for _, name, freed in alive:
            if used + size <= self._budget:
                return
            if await self._unload(name):
                used -= freed
        if used and used + size > self._budget:
            raise EngineOverloaded(f"no memory for {wanted}: the models loaded are all in use", RETRY_AFTER_S)

    async def _is_alive(self, name: str) -> bool:
        link = await self._attach(name)
        if link is None:
            self._note(name).unlink(missing_ok=True)
            return False
        link.writer.close()
        return True

    async def _unload(self, name: str) -> bool:
        """Ask an idle model's process to end; False if it is in use."""
        link = await self._attach(name)
        if link is None:
            return True
        try:
            link.writer.write(frame(Unload()))
            async with asyncio.timeout(_UNLOAD_S):
                while await link.reader.read(4096):
                    pass
        except TimeoutError:
            return False
        except OSError:
            pass
        finally:
            link.writer.close()
        _log.info("unloaded a model to make room")
        return True


def last_log_lines(log: Path) -> str:
    """Return the first error in a model process's log and, if different, its last line; "" if none."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
        errors = [line.removeprefix("ERROR ").strip() for line in lines if line and not line.startswith("WARNING ")]
        return " … ".join(line[:_LINE_MAX] for line in dict.fromkeys(errors[:1] + errors[-1:]))
    return ""


def runtime_folder() -> Path:
    """Return the folder for the sockets of this user's processes."""
    if base := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(base) / "storyfork"
    return Path(tempfile.gettempdir()) / f"storyfork-{os.getuid()}"


def private_folder(folder: Path) -> None:
    """Create ``folder`` if missing. Raises `EngineUnavailable` if other users could access it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise EngineUnavailable(f"the folder {folder} must belong to this user alone (mode 0700)")


def _new_folder() -> Path:
    """Create a private folder whose path leaves room for the name of a socket."""
    base = tempfile.gettempdir()
    if len(base) + 30 > _SOCKET_PATH_MAX:
        base = "/tmp"  # noqa: S108 - mkdtemp makes a private folder
    return Path(tempfile.mkdtemp(prefix="storyfork-", dir=base))


def _name(program: Program, load: LoadModel) -> str:
    """Return the name of the process for ``load``. Reads from disk."""
    states = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in load.files()]
    devices = {name: value for name, value in program.variables().items() if name.startswith(_DEVICES)}
    key = [program.module, program.wire.fingerprint, load.model_dump(mode="json"), states, devices]
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]


def _size(load: LoadModel) -> int:
    # GPU memory counts too: the budget covers all loaded models.
    return sum(file.stat().st_size for file in load.files()) + load.extra_bytes()


def _bytes_of(note: Path) -> int:
    try:
        return int(json.loads(note.read_text("utf-8"))["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _peer(writer: asyncio.StreamWriter) -> int:
    """Return the process id at the other end, 0 if the system does not report it."""
    connection: socket.socket = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", data)[0])


def _new_log(path: Path) -> IO[bytes]:
    """Open a new log, for appending: the process may cut it off."""
    path.unlink(missing_ok=True)
    return path.open("ab")


async def _launch(program: Program, path: Path, log: Path, *arguments: str) -> Link:
    with _new_log(log) as stderr:
        process = await program.spawn(str(path), *arguments, stderr=stderr)
    try:
        reader, writer = await connect(process, path)
    except BaseException as problem:
        await to_the_end(kill(process))
        if not isinstance(problem, EngineUnavailable):
            raise
        lines = last_log_lines(log)
        raise EngineUnavailable(f"the model process did not start: {problem}{lines and ': '}{lines}") from problem
    return Link(reader, writer, process.pid, log, process)
