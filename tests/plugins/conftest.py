"""Packages that are installed for these tests only: built by pip into a folder of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def dice(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which storyfork-dice is installed."""
    return _installed(HERE / "dice", tmp_path_factory.mktemp("dice"))


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which storyfork-broken is installed."""
    return _installed(HERE / "broken", tmp_path_factory.mktemp("broken"))


def _installed(source: Path, target: Path) -> dict[str, str]:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "--target", str(target), str(source)], check=True, timeout=100)
    path = os.pathsep.join(filter(None, (str(target), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path}
