"""Wording for people: one TOML file per language, keys by topic, slots in braces. English is complete."""

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

DEFAULT: Final = "en"


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
    path = files("bot.locales") / f"{tag}.toml"
    if not tag.isalpha() or not path.is_file():
        return {}
    found = tomllib.loads(path.read_text("utf-8"))
    return {f"{topic}.{name}": wording for topic, entries in found.items() for name, wording in entries.items()}
