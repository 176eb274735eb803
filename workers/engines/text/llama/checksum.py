"""Checksums that lie beside model files."""

import hashlib
from functools import lru_cache
from pathlib import Path


class WrongChecksum(ValueError):
    """The file is not the one that the checksum was made of."""


def check_sidecar(path: Path) -> None:
    """Compare ``path`` with the SHA-256 in ``<path>.sha256``, if there is one (the format of ``sha256sum``).

    A file that did not change since is not read again. Raises `WrongChecksum`, `OSError`.
    """
    sidecar = path.with_name(path.name + ".sha256")
    try:
        wanted = sidecar.read_text("ascii", "replace").split()
    except FileNotFoundError:
        return
    status = path.stat()
    actual = _sha256(path, status.st_size, status.st_mtime_ns)
    if not wanted or wanted[0].lower() != actual:
        raise WrongChecksum(f"its SHA-256 is {actual}, not {wanted[0] if wanted else 'empty'} as in {sidecar.name}")


@lru_cache(maxsize=64)
def _sha256(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
