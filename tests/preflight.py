"""Check what `make test` needs and cannot install: one line for each thing that is missing.

Runs before anything is installed, with whatever Python is there: the standard library alone, Python 3.7's syntax.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping

PYTHON = (3, 11)
COMPILERS = ("c++", "g++", "clang++")
FREE_GIB = 8.0
"""For the virtual environment, and what pip unpacks and compiles: torch with CUDA, as Linux gets it, is most of it."""


def problems(
    version: tuple[int, int],
    modules: Callable[[str], object],
    programs: Callable[[str], object],
    free_gib: float,
    environment: Mapping[str, str],
) -> list[str]:
    """Return what is missing, a sentence each.

    Args:
        version: Python's.
        modules: finds a module of Python by its name, else returns None.
        programs: finds a program by its name, else returns None.
        free_gib: on the disk that takes the virtual environment.
        environment: CXX is the compiler to use, FREE_GIB what is enough.
    """
    found: list[str] = []
    if version < PYTHON:
        found.append(
            f"Python {version[0]}.{version[1]} is too old: Storyfork needs {PYTHON[0]}.{PYTHON[1]} or newer "
            "(make test PYTHON=python3.12)."
        )
    elif modules("ensurepip") is None:
        found.append("Python has no ensurepip, which makes virtual environments: install it (Debian: python3-venv).")
    compilers = (environment["CXX"],) if environment.get("CXX") else COMPILERS
    if not any(programs(name) for name in compilers):
        found.append(
            f"There is no C++ compiler ({', '.join(compilers)}), and llama-cpp-python is compiled from source: "
            "install one (Debian: g++)."
        )
    wanted = float(environment.get("FREE_GIB") or FREE_GIB)
    if free_gib < wanted:
        found.append(
            f"The disk has {free_gib:.1f} GiB free, and the packages of the tests need {wanted:g} "
            "(with torch's CPU build less: make test FREE_GIB=3)."
        )
    return found


def main(arguments: list[str]) -> int:
    """Print what is missing; returns 1 if something is. The argument is the file that says: all is installed."""
    if os.path.exists(arguments[0]):  # noqa: PTH110  as little as possible is imported
        return 0
    free_gib = shutil.disk_usage(".").free / 2**30
    found = problems(sys.version_info[:2], importlib.util.find_spec, shutil.which, free_gib, os.environ)
    for line in found:
        sys.stderr.write(line + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
