"""Files from a Hugging Face Hub: listing a repository, and downloading files with resumption and verification.

The Hub reports for each file its size and either the SHA-256 of its content or, for small ones, its Git hash.
"""

import hashlib
import io
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from workers.engines.checksums import digest_of, sha256_of
from workers.engines.retry import RetryPolicy
from workers.models.presets import Source

ALLOWED: Final = frozenset({".safetensors", ".gguf", ".json", ".txt", ".model"})
"""Suffixes of files that may be downloaded: weights and settings, never anything executable."""
SPARE_BYTES: Final = 500_000_000
TRIES: Final = 5

Report = Callable[[int], None]
"""Called with the number of bytes of a file downloaded so far."""


class DownloadFailed(Exception):
    """A model could not be downloaded; the message says what to do."""

    loggable = True


class ChecksumWrong(DownloadFailed):
    """The download does not match the Hub's checksum."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository: ``size`` in bytes, and the SHA-256 of its content, else its Git hash (SHA-1)."""

    repo: str
    commit: str
    path: str
    size: int
    sha256: str = ""
    git_sha1: str = ""


class Hub:
    """A hub: its address and, for repositories that ask for one, a token. Blocking; for one thread."""

    def __init__(self, endpoint: str, token: str | None = None, *, pause_s: float = 1.0) -> None:
        """``pause_s`` is the approximate pause before the second attempt, in seconds; it doubles each time."""
        self.endpoint = endpoint.rstrip("/")
        self._token = token or False
        self._api = HfApi(endpoint=self.endpoint, token=self._token)
        self._retry = RetryPolicy(TRIES, pause_s)

    def files(self, source: Source) -> list[HubFile]:
        """Return the files of ``source``, of one commit. Raises `DownloadFailed`."""
        info: Any = self._asked(
            source.repo,
            lambda: self._api.model_info(source.repo, revision=source.revision, files_metadata=True, timeout=30),
        )
        found: dict[str, HubFile] = {}
        for pattern in source.files:
            matching = [each for each in info.siblings or () if fnmatchcase(each.rfilename, pattern)]
            if not matching:
                raise DownloadFailed(f"{source.repo} has no file {pattern}.")
            found |= {each.rfilename: _file(source.repo, info.sha, each) for each in matching}
        return list(found.values())

    def fetch(self, file: HubFile, target: Path, report: Report) -> None:
        """Download ``file`` to ``target``, which exists only once it is complete and verified.

        An earlier partial download in ``<target>.part`` is resumed. Raises `DownloadFailed`.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        if target.is_file() and target.stat().st_size == file.size and _matches(file, target):
            report(file.size)
            return
        have = part.stat().st_size if part.is_file() else 0
        check_space(file.path, file.size - have, part.parent)
        for fresh in (False, True):
            if fresh:
                # The partial file was corrupt: retry once from the beginning.
                part.unlink(missing_ok=True)
            self._download(file, part, report)
            if _matches(file, part):
                part.replace(target)
                return
        part.unlink(missing_ok=True)
        raise ChecksumWrong(f"{file.path} of {file.repo} arrived twice with a wrong checksum; it was deleted.")

    def _download(self, file: HubFile, part: Path, report: Report) -> None:
        url = hf_hub_url(file.repo, file.path, revision=file.commit, endpoint=self.endpoint)
        headers = build_hf_headers(token=self._token)

        def go_on() -> None:
            have = part.stat().st_size if part.is_file() else 0
            if have > file.size:
                part.unlink()
                have = 0
            report(have)
            with _Counted(part, report) as out:
                http_get(
                    url, cast("BinaryIO", out), resume_size=have, headers=dict(headers), expected_size=file.size,
                    displayed_filename=file.path,
                )  # fmt: skip

        self._asked(file.repo, go_on)

    def _asked(self, repo: str, ask: Callable[[], Any]) -> Any:
        """Return what ``ask`` returns, retrying after transient errors. Raises `DownloadFailed`."""
        trouble: Exception | None = None
        for failed in range(1, TRIES + 1):
            try:
                return ask()
            except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as error:
                raise DownloadFailed(self._advice(repo, error)) from error
            except HfHubHTTPError as error:
                status = error.response.status_code
                if status in {401, 403, 404} or (status < 500 and status not in {408, 416, 429}):
                    raise DownloadFailed(self._advice(repo, error)) from error
                trouble = error
            except (httpx2.HTTPError, OSError) as error:
                trouble = error
            if (pause := self._retry.pause(failed)) is not None:
                time.sleep(pause)
        raise DownloadFailed(
            f"{self.endpoint} does not give {repo} ({type(trouble).__name__}: {trouble}). "
            "What arrived is kept: the same command goes on from there."
        ) from trouble

    def _advice(self, repo: str, error: HfHubHTTPError) -> str:
        page = f"{self.endpoint}/{repo}"
        if isinstance(error, GatedRepoError) or error.response.status_code in {401, 403}:
            return f"{repo} is not open to everybody, or not there: accept its licence at {page} and set HF_TOKEN."
        return f"{page} is not there (HTTP {error.response.status_code})."


class _Counted(io.FileIO):
    """A file that is appended to and reports its length."""

    def __init__(self, path: Path, report: Report) -> None:
        super().__init__(path, "r+b" if path.is_file() else "w+b")
        self.seek(0, os.SEEK_END)
        self._report = report

    def write(self, data: Any, /) -> int:
        view = memoryview(data)
        done = 0
        while done < len(view):
            done += super().write(view[done:]) or 0
        self._report(self.tell())
        return done


def place(source: Source, file: HubFile, root: Path) -> Path:
    """Return where ``file`` goes below the models folder ``root``. Raises `DownloadFailed` if it is not allowed."""
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts or "\\" in file.path or any(p.startswith(".") for p in path.parts):
        raise DownloadFailed(f"{file.repo} has a file with a strange name: {file.path!r}")
    if path.suffix not in ALLOWED:
        raise DownloadFailed(f"{file.path} of {file.repo} is no kind of file that is fetched.")
    name = path.name.replace(source.rename, "") if source.rename else path.name
    return root.joinpath(*PurePosixPath(source.into).parts, *path.parent.parts, name)


def check_space(name: str, missing: int, folder: Path) -> None:
    """Raise `DownloadFailed` unless ``folder`` has room for the ``missing`` bytes of a file, and some to spare."""
    free = shutil.disk_usage(folder).free
    if missing + SPARE_BYTES > free:
        raise DownloadFailed(f"{name} needs {missing / 1e9:.1f} GB, but {folder} has only {free / 1e9:.1f} GB free.")


def _file(repo: str, commit: str, sibling: Any) -> HubFile:
    lfs = sibling.lfs
    if lfs is not None:
        return HubFile(repo, commit, sibling.rfilename, lfs.size, sha256=lfs.sha256)
    if sibling.size is None or not sibling.blob_id:
        raise DownloadFailed(f"the hub does not say the checksum of {sibling.rfilename} in {repo}.")
    return HubFile(repo, commit, sibling.rfilename, sibling.size, git_sha1=sibling.blob_id)


def _matches(file: HubFile, path: Path) -> bool:
    if path.stat().st_size != file.size:
        return False
    if file.sha256:
        return sha256_of(path) == file.sha256
    # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects: a blob's hash is that of a header and the content.
    git = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    return digest_of(path, git) == file.git_sha1
