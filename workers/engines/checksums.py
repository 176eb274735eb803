"""SHA-256 checksums of files: computing them, reading lists, and checking a file against the sum beside it."""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

_BLOCK = 2**24


class WrongChecksum(ValueError):
    """The file does not match its checksum. The message contains the actual sum."""

    loggable = True


def digest_of(path: Path, digest: Any, on_block: Callable[[], None] | None = None) -> str:
    """Return the hexadecimal ``digest`` (of `hashlib`) of a file; ``on_block`` is called after each block."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            if on_block is not None:
                on_block()
    return digest.hexdigest()


def sha256_of(path: Path, on_block: Callable[[], None] | None = None) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    return digest_of(path, hashlib.sha256(), on_block)


def known_sha256(paths: Sequence[Path], on_block: Callable[[], None]) -> str:
    """Return the SHA-256 of a file, or of the sums of several; those that have not changed are not read again.

    ``on_block`` is called after each block of 16 MiB and may raise. Raises `OSError`.
    """
    states = [(path, path.stat()) for path in paths]
    sums = [_remembered(path, status.st_size, status.st_mtime_ns, on_block) for path, status in states]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def read_sums(path: Path) -> frozenset[str]:
    """Return the sums in a file of lines ``SHA-256  name``, as ``sha256sum`` writes it. Raises `OSError`."""
    return frozenset(
        line.split()[0].lower() for line in path.read_text("utf-8", "replace").splitlines() if line.strip()
    )


def check_sum(path: Path, allowed: frozenset[str] | None = None, on_block: Callable[[], None] | None = None) -> None:
    """Compare the checksum of ``path`` with those ``allowed``; None: with ``<path>.sha256`` if it exists.

    A file that has not changed since is not read again. Raises `WrongChecksum`, `OSError`.
    """
    if allowed is None:
        sidecar = path.with_name(path.name + ".sha256")
        if not sidecar.is_file():
            return
        allowed = read_sums(sidecar)
    status = path.stat()
    found = _remembered(path, status.st_size, status.st_mtime_ns, on_block)
    if found not in allowed:
        raise WrongChecksum(f"the SHA-256 of {path.name} is {found}, which is not among those allowed")


@lru_cache(maxsize=64)
def _remembered(path: Path, _size: int, _changed: int, on_block: Callable[[], None] | None) -> str:
    return sha256_of(path, on_block)
