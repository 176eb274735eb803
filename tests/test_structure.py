"""The house rules that can be checked by importing."""

import ast
import importlib.metadata
import json
import pkgutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.effort import LONG

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("bot", "workers", "prompts", "db")
HEAVY = {"torch", "llama_cpp", "diffusers", "transformers", "compel", "numpy"}
MOST_LINES = 400


def modules() -> list[str]:
    found: list[str] = []
    for room in ROOMS:
        found.append(room)
        found += [info.name for info in pkgutil.walk_packages([str(ROOT / room)], f"{room}.")]
    return [name for name in found if not name.endswith(".__main__")]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_module_can_be_imported_alone_in_any_order() -> None:
    # Those that load torch cost as much as all others; their own tests import them, too.
    names = [name for name in modules() if LONG or not name.startswith("workers.engines.image.sdxl.server.")]
    assert len(names) > 40
    script = f"import importlib\nfor name in {sorted(names, reverse=True)!r}: importlib.import_module(name)"
    python(script)


@pytest.mark.parametrize("entrance", ["bot.__main__", "bot.app", "workers.queue"])
def test_the_bot_process_loads_no_model_runtime(entrance: str) -> None:
    loaded = json.loads(python(f"import {entrance}, json, sys; print(json.dumps(sorted(sys.modules)))"))
    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()


def test_the_command_loads_no_chat_library() -> None:
    loaded = json.loads(python("import bot.cli.app, json, sys; print(json.dumps(sorted(sys.modules)))"))
    assert {"discord", "telegram", "tortoise", "arq"} & set(loaded) == set()


def sources(*folders: str, naming: str = "") -> Iterator[tuple[str, str]]:
    """The files of some folders with their text, those that have the word ``naming`` in it."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if naming in (text := path.read_text()):
                yield str(path.relative_to(ROOT)), text


def imported(text: str) -> set[str]:
    """Every name that a module imports, wherever the import stands: `a.b` and `a.b.c` for ``from a.b import c``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_modules_stay_readable() -> None:
    counts = {path: len(text.splitlines()) for path, text in sources(*ROOMS, "tests", "benchmarks", "docs")}
    assert {path: count for path, count in counts.items() if count > MOST_LINES} == {}


def test_no_test_patches_our_own_code() -> None:
    assert [
        path
        for path, text in sources("tests", naming="unittest")
        if any(name.startswith("unittest") for name in imported(text))
    ] == []


def test_only_db_knows_the_rows_of_the_mapper() -> None:
    others = sources("bot", "prompts", "workers", "benchmarks", naming="models")
    assert [path for path, text in others if any(f"{name}.".startswith("db.models.") for name in imported(text))] == []


def test_a_public_class_has_a_name_of_its_own() -> None:
    homes: dict[str, list[str]] = {}
    for path, text in sources(*ROOMS):
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(path)
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_every_direct_dependency_is_pinned_and_within_its_bounds() -> None:
    packaging = pytest.importorskip("packaging.requirements")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    wanted = [
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
        *(line for group in project["dependency-groups"].values() for line in group),
    ]
    for line in wanted:
        requirement = packaging.Requirement(line)
        name = requirement.name.lower().replace("_", "-")
        assert name in pins, f"{requirement.name} is missing from constraints.txt"
        assert requirement.specifier.contains(pins[name]), line


def test_everything_that_is_installed_is_pinned() -> None:
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    for distribution in importlib.metadata.distributions():
        name, version = distribution.name.lower().replace("_", "-"), distribution.version.partition("+")[0]
        if name not in {"pip", "setuptools", "storyfork"}:  # the first two come with the virtual environment
            assert f"{name}=={version}" in pins
