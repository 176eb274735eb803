"""Wording for people: one TOML file per language, keys by topic, slots in braces. English is complete."""

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

DEFAULT: Final = "en"
_packages: Final[list[str]] = ["bot.locales"]


def add(package: str) -> None:
    """Read the ``<language>.toml`` files of another package too. Raises `ValueError` if one of its keys is taken."""
    if package in _packages:
        return
    if taken := sorted(_read(package, DEFAULT).keys() & known_keys()):
        raise ValueError(f"the wording {taken[0]!r} of {package} is taken")
    _packages.append(package)
    _wordings.cache_clear()


def text(key: str, values: dict[str, Any] | None = None, language: str = DEFAULT) -> str:
    """Return the wording of a key, its slots filled; English where the language has none.

    An unknown key returns itself: a missing wording must not cost an answer (a test finds those).
    """
    tag = language.partition("-")[0].lower()
    wording = _wordings(tag).get(key) or _wordings(DEFAULT).get(key)
    return key if wording is None else wording.format_map(_Slots(values or {}))


def known_keys(language: str = DEFAULT) -> set[str]:
    """Return all keys of a language."""
    return set(_wordings(language))


class _Slots(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@lru_cache
def _wordings(tag: str) -> dict[str, str]:
    return {key: wording for package in _packages for key, wording in _read(package, tag).items()}


def _read(package: str, tag: str) -> dict[str, str]:
    path = files(package) / f"{tag}.toml"
    if not tag.isalpha() or not path.is_file():
        return {}
    found = tomllib.loads(path.read_text("utf-8"))
    return {f"{topic}.{name}": wording for topic, entries in found.items() for name, wording in entries.items()}
