"""What `make test` says before it installs anything."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.preflight import problems

ROOT = Path(__file__).resolve().parents[1]


def nothing(name: str) -> None:
    """Find nothing."""


def anything(name: str) -> str:
    return name


@pytest.mark.parametrize(
    ("version", "modules", "programs", "free_gib", "environment", "words"),
    [
        ((3, 11), anything, anything, 8.0, {}, []),
        ((3, 9), nothing, anything, 8.0, {}, ["Python 3.9 is too old"]),
        ((3, 13), nothing, anything, 8.0, {}, ["python3-venv"]),
        ((3, 11), anything, nothing, 8.0, {}, ["no C++ compiler (c++, g++, clang++)"]),
        ((3, 11), anything, nothing, 8.0, {"CXX": "icpx"}, ["no C++ compiler (icpx)"]),
        ((3, 11), anything, anything, 4.0, {}, ["4.0 GiB free"]),
        ((3, 11), anything, anything, 4.0, {"FREE_GIB": "3"}, []),
        ((3, 9), anything, nothing, 0.5, {}, ["too old", "C++", "0.5 GiB"]),
    ],
)
def test_each_thing_that_is_missing_is_one_line(
    version: tuple[int, int],
    modules: Callable[[str], object],
    programs: Callable[[str], object],
    free_gib: float,
    environment: dict[str, str],
    words: list[str],
) -> None:
    found = problems(version, modules, programs, free_gib, environment)
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True)), found
    assert not any("\n" in line for line in found)


def test_make_stops_before_it_installs_anything(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "preflight.py", tmp_path / "tests")
    settings = {"PATH": os.environ["PATH"], "CXX": "no-such-compiler", "FREE_GIB": "1000000"}
    argv = ["make", "test", f"PYTHON={sys.executable}"]
    done = subprocess.run(argv, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    compiler, disk, failed = done.stderr.splitlines()
    assert "C++ compiler" in compiler
    assert "GiB free" in disk
    assert failed.startswith("make: ***")
    assert not (tmp_path / ".venv").exists()


def test_it_is_no_hindrance_once_everything_is_installed(tmp_path: Path) -> None:
    stamp = tmp_path / "installed"
    stamp.touch()
    argv = [sys.executable, "-S", str(ROOT / "tests" / "preflight.py"), str(stamp)]
    assert subprocess.run(argv, env={"FREE_GIB": "1000000"}, check=False).returncode == 0
