"""docs/contributing.md: the commands, files, names and entry-point groups that it mentions exist."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contributing.md").read_text()
ROOMS = ("bot", "db", "workers", "prompts", "tests", "docs", "benchmarks")
# The topic of the recipes: a newcomer would add these.
EXAMPLE = re.compile(r"/dice|<|NNNN|…|\*")


def quoted() -> list[str]:
    return re.findall(r"`([^`\n]+)`", PAGE)


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^    make ([a-z]+)", PAGE, re.MULTILINE))
    assert named
    assert named <= targets


def test_the_files_exist() -> None:
    paths = [w for w in quoted() if w.startswith(tuple(f"{room}/" for room in ROOMS)) and not EXAMPLE.search(w)]
    assert len(paths) > 20
    missing = [w for w in paths if not re.search(r"[{(, ]", w) and not (ROOT / w.split("#")[0]).exists()]
    assert missing == []


def test_the_entry_point_groups_are_those_of_the_code() -> None:
    source = "\n".join(p.read_text() for room in ROOMS[:4] for p in (ROOT / room).rglob("*.py"))
    in_code = set(re.findall(r'"(storyfork\.[a-z_]+)"', source))
    table = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `storyfork."))
    in_docs = {f"storyfork.{name}" for name in re.findall(r"`(?:storyfork)?\.([a-z_]+)`", table)}
    assert in_docs == in_code


@pytest.mark.parametrize(
    "name", [w for w in quoted() if re.fullmatch(r"(bot|db|workers|prompts)(\.[a-z_]+)+\.[A-Z]\w+", w)]
)
def test_the_names_exist(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert hasattr(import_module(module), attribute)


def test_the_package_to_copy_is_the_one_that_is_tested() -> None:
    assert "pip install ./tests/plugins/dice" in PAGE
    assert (ROOT / "tests" / "plugins" / "dice" / "pyproject.toml").is_file()
