"""The identity of a process among all that share a database, and whether another one of this machine is gone."""

import os
import socket
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PARTS: Final = 5
_START: Final = 19  # /proc/PID/stat, field 22, counted after the command's closing bracket


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """``key`` is unique for ever; ``shown`` is for people: host and process id."""

    key: str = field(default_factory=lambda: "/".join((*_machine(), str(os.getpid()), _started(os.getpid()), _fresh())))
    shown: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")


def is_gone(key: str) -> bool:
    """Return whether the process with this key certainly no longer runs. False for processes of other machines."""
    parts = key.split("/")
    if len(parts) != _PARTS or not all(parts) or tuple(parts[:2]) != _machine() or not parts[2].isdigit():
        return False
    pid = int(parts[2])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    started = _started(pid)
    return bool(started) and started != parts[3]


def _machine() -> tuple[str, str]:
    """Return what two processes share if they see each other's ids: the boot and the namespace. Empty off Linux."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "", ""


def _started(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; empty if that cannot be read."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return status.rpartition(")")[2].split()[_START]
    except (OSError, IndexError):
        return ""


def _fresh() -> str:
    return uuid.uuid4().hex[:12]
