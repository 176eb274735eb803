"""Starting model processes, and finding those that run already.

A private process belongs to the engine that started it. A shared one serves every engine of this machine that wants the
same file with the same settings: its socket lies in a folder of the user's own, under a name made of both.
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
from typing import Protocol

from workers.engines import child
from workers.engines.errors import EngineOverloaded, EngineUnavailable
from workers.engines.text.gguf_file import parts_of
from workers.engines.text.llama.protocol import Load, Retire, fingerprint, frame

IDLE_S = 60.0
"""Seconds that a shared process stays without anybody connected to it."""
RETRY_AFTER_S = 5.0
"""Seconds after which to ask again for a model that has no room, because those loaded are all in use."""
NOTED_S = 1.0
"""Seconds between notes that a model is needed."""
_RETIRE_S = 3.0
_LOG_BYTES = 65_536
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Link:
    """A connection to a model process, whose log is in a file. ``child`` is the process if it is a private one.

    ``found`` tells that the process ran already: it may be one that is just about to end. ``note`` is the file by whose
    age it is known when a shared process was last needed.
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
        """Disconnect. A private process is killed, and what it left is removed."""
        self.writer.close()
        if self.child is not None:
            await child.kill(self.child)
            shutil.rmtree(self.log.parent, ignore_errors=True)


class Launcher(Protocol):
    """Where model processes come from."""

    async def connect(self, load: Load) -> Link:
        """Return a connection to a process for ``load``, on which nothing was sent yet.

        Raises `EngineUnavailable`, `OSError`, and `EngineOverloaded` if there is no room for the model now.
        """
        ...


class PrivateLauncher:
    """Starts a process of its own each time. It ends with the connection, and with this process."""

    async def connect(self, load: Load) -> Link:  # noqa: ARG002 - all models start alike
        """See `Launcher`."""
        folder = child.new_socket_folder()
        try:
            return await _launch(folder / "llama", folder / "log", "--parent", str(os.getpid()))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


class SharedLauncher:
    """One process per machine, file and settings, within a budget of memory for all models together.

    If a model does not fit beside the others, those go that were not needed for longest; a model that is being used is
    never unloaded.
    """

    def __init__(self, folder: Path, *, budget_bytes: int = 0, idle_s: float = IDLE_S) -> None:
        """``budget_bytes`` 0 is no limit."""
        self._folder = folder
        self._budget = budget_bytes
        self._idle_s = idle_s

    async def connect(self, load: Load) -> Link:
        """See `Launcher`."""
        private_folder(self._folder)
        name = self._name(load)
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
            link = await _launch(self._path(name), self._folder / f"{name}.log", "--idle", str(self._idle_s))
            assert link.child is not None
            try:
                await link.child.wait()  # it has gone on in the background
            except BaseException:
                link.writer.close()
                raise
            link.child, link.pid, link.note = None, _peer(link.writer), self._note(name)
            return link

    def _name(self, load: Load) -> str:
        status = Path(load.path).stat()
        key = f"{fingerprint()}\n{load.model_dump_json()}\n{status.st_size}\n{status.st_mtime_ns}"
        return hashlib.sha256(key.encode()).hexdigest()[:20]

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
        """Hold the machine's lock: two engines must not start the same model, or both count on the same memory."""
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
            if await self._retire(name):
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

    async def _retire(self, name: str) -> bool:
        """Ask a model to go; False if it is being used."""
        link = await self._attach(name)
        if link is None:
            return True
        try:
            link.writer.write(frame(Retire()))
            async with asyncio.timeout(_RETIRE_S):
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


def first_error(log: Path) -> str:
    """Return the first error that a model process logged, "" if it logged none."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
        errors = [line.removeprefix("ERROR ") for line in lines if line and not line.startswith("WARNING ")]
        return errors[0][:300] if errors else ""
    return ""


def runtime_folder() -> Path:
    """Return the folder for the sockets of this user's processes."""
    if base := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(base) / "storyfork"
    return Path(tempfile.gettempdir()) / f"storyfork-{os.getuid()}"


def private_folder(folder: Path) -> None:
    """Make ``folder`` unless it is there. Raises `EngineUnavailable` if others than this user could reach it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise EngineUnavailable(f"the folder {folder} must belong to this user alone (mode 0700)")


def _size(load: Load) -> int:
    # What a GPU holds is counted too: a budget is about all the models that are loaded.
    return sum(part.stat().st_size for part in parts_of(Path(load.path))) + load.spill_bytes


def _bytes_of(note: Path) -> int:
    try:
        return int(json.loads(note.read_text("utf-8"))["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _peer(writer: asyncio.StreamWriter) -> int:
    """Return the process id at the other end, 0 where the system does not tell."""
    connection: socket.socket = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", data)[0])


async def _launch(path: Path, log: Path, *arguments: str) -> Link:
    with log.open("wb") as stderr:
        process = await child.spawn(
            "workers.engines.text.llama.server.main",
            str(path),
            *arguments,
            inherit=("VK_", "GGML_", "LLAMA_"),
            # Neither gdb nor a backtrace when ggml aborts: both may hang.
            environment={"GGML_NO_BACKTRACE": "1"},
            stderr=stderr,
        )
    try:
        reader, writer = await child.connect(process, path)
    except EngineUnavailable as problem:
        await child.kill(process)
        words = first_error(log)
        raise EngineUnavailable(f"the model process did not start: {problem}{words and ': '}{words}") from problem
    except BaseException:
        await asyncio.shield(child.kill(process))
        raise
    return Link(reader, writer, process.pid, log, process)
