"""Decorators: rules that an entry's content begins with, ``@@depth 4``, as Character Card V3 has them.

What is not listed here is not recognised: the fallbacks that follow it (``@@@name``) are tried, and without a
recognised one it rules nothing. ``role``, ``instruct_depth`` and its kin, ``is_user_icon`` and
``disable_ui_prompt`` are such: a prompt here has no roles for lore, no icons of users, and is counted in messages.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from workers.context.lore.entries import MAX_DEPTH, MAX_KEY, MAX_KEYS, LorePosition

MAX_NUMBER: Final = 1_000_000
"""The largest number that a decorator may name."""
MAX_GROUPS: Final = 20
"""How often ``additional_keys`` counts."""
_LINE: Final = re.compile(r"(@@@?)([A-Za-z_]+)(?:[ \t]+(.*?))?[ \t\r]*")
_POSITIONS: Final[dict[str, LorePosition]] = {"before_desc": "before_char", "after_desc": "after_char"}


@dataclass(frozen=True, slots=True)
class Decorators:
    """What the decorators of an entry rule. None, False or empty: nothing."""

    activate_only_after: int | None = None
    activate_only_every: int | None = None
    keep_activate_after_match: bool = False
    dont_activate_after_match: bool = False
    depth: int | None = None
    reverse_depth: int | None = None
    scan_depth: int | None = None
    is_greeting: int | None = None
    position: LorePosition | None = None
    ignore_on_max_context: bool = False
    additional_keys: tuple[tuple[str, ...], ...] = field(default=())
    exclude_keys: tuple[str, ...] = ()
    activate: bool = False
    dont_activate: bool = False


def read_decorators(content: str) -> tuple[Decorators, str]:
    """Return what the decorators at the beginning of a content rule, and the content without them."""
    found: dict[str, Any] = {}
    groups: list[tuple[str, ...]] = []
    settled = True  # the fallbacks of a decorator that is recognised, or of none, count for nothing
    rest = content
    while True:
        line, _, after = rest.lstrip().partition("\n")
        parts = _LINE.fullmatch(line)
        if parts is None:
            break
        rest = after
        if parts[1] == "@@@" and settled:
            continue
        name = parts[2].lower()
        value = _VALUES[name](parts[3] or "") if name in _VALUES else None
        settled = value is not None
        if value is None:
            continue
        if name == "additional_keys":
            groups.append(value)
        else:
            found.setdefault(name, value)  # of several with one name the first counts
    return Decorators(**found, additional_keys=tuple(groups[:MAX_GROUPS])), rest.strip()


def _number(least: int, most: int) -> Callable[[str], int | None]:
    def read(value: str) -> int | None:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}(\.0*)?", value):
            return None
        number = int(float(value))
        return min(number, most) if number >= least else None

    return read


def _flag(value: str) -> bool | None:
    """A flag has no value; ``true`` is taken, too, and ``false`` is as if it were not there."""
    return True if value.lower() in {"", "true"} else None


def _keys(value: str) -> tuple[str, ...] | None:
    keys = tuple(key.strip()[:MAX_KEY] for key in value.split(",") if key.strip())
    return keys[:MAX_KEYS] or None


def _depth(value: str) -> int | None:
    number = _number(-MAX_NUMBER, MAX_DEPTH)(value)
    return None if number is None else max(0, number)


_VALUES: Final[dict[str, Callable[[str], Any]]] = {
    "activate_only_after": _number(0, MAX_NUMBER),
    "activate_only_every": _number(1, MAX_NUMBER),
    "keep_activate_after_match": _flag,
    "dont_activate_after_match": _flag,
    "depth": _depth,
    "reverse_depth": _number(0, MAX_NUMBER),
    "scan_depth": _number(0, MAX_DEPTH),
    "is_greeting": _number(0, MAX_NUMBER),
    "position": _POSITIONS.get,
    "ignore_on_max_context": _flag,
    "additional_keys": _keys,
    "exclude_keys": _keys,
    "activate": _flag,
    "dont_activate": _flag,
}
