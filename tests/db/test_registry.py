"""Specs by name: order, sources, names that are taken, and packages that are broken."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.registry import NameTaken, Registry, load_plugins

GROUP = "storyfork.test_numbers"


def numbers() -> Registry[int]:
    return Registry("number", str, (3, 1))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with an installed distribution of one module and four entry points."""
    (tmp_path / "plugin_numbers.py").write_text("seven = 7\nword = 'seven'\ntaken = 3\n")
    info = tmp_path / "numbers-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: numbers\nVersion: 1.2\n")
    entries = ("a = plugin_numbers:seven", "b = plugin_numbers:word", "c = plugin_numbers:taken", "d = nowhere:x")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n" + "\n".join(entries) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("plugin_numbers", None)


def test_specs_keep_their_order_and_source() -> None:
    registry = numbers()
    registry.add(2, "numbers 1.2")
    assert registry.names == ["3", "1", "2"]
    assert list(registry) == [3, 1, 2]
    assert (registry.source("3"), registry.source("2")) == ("storyfork", "numbers 1.2")
    assert (registry.get("1"), registry.get("9"), "1" in registry, len(registry)) == (1, None, True, 3)


def test_a_name_is_given_once() -> None:
    with pytest.raises(NameTaken, match="number '3' is taken by storyfork"):
        numbers().add(3, "numbers 1.2")


@pytest.mark.usefixtures("package")
def test_a_broken_package_is_named_and_the_rest_is_loaded() -> None:
    registry = numbers()

    def add(loaded: Any, source: str) -> None:
        if not isinstance(loaded, int):
            raise TypeError(f"{loaded!r} is no number")
        registry.add(loaded, source)

    problems = load_plugins(GROUP, add)
    assert registry.names == ["3", "1", "7"]
    assert registry.source("7") == "numbers 1.2"
    assert [(p.entry, p.package) for p in problems] == [(name, "numbers 1.2") for name in "bcd"]
    wrong, taken, missing = (p.reason for p in problems)
    assert wrong == "TypeError: 'seven' is no number"
    assert taken == "NameTaken: number '3' is taken by storyfork"
    assert missing.startswith("ModuleNotFoundError")


def test_a_package_that_ends_the_process_when_it_is_imported_is_only_named(package: Path) -> None:
    (package / "plugin_numbers.py").write_text("raise SystemExit(3)\n")
    problems = load_plugins(GROUP, lambda _loaded, _source: None)
    assert [p.reason for p in problems][:3] == ["SystemExit: 3"] * 3
