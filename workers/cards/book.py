"""The lorebook of a card as JSON: fields that other programs write otherwise, put right; all others as they are.

What a book means is `lorebook`'s; here it is kept, to be written again.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, cast

from workers.context.lore.decorators import read_decorators

_FALSE: Final = frozenset({"", "0", "false", "no", "off", "null", "none"})
_FLAGS: Final = ("enabled", "use_regex", "case_sensitive", "selective", "constant")
_USUAL_ORDER: Final = 100
_NUMBERS: Final = ("insertion_order", "priority")


def tidy_book(book: Mapping[str, Any]) -> dict[str, Any]:
    """Return a book as the standards write it: a list of entries that have every mandatory field in its own type."""
    given = book.get("entries")
    entries = list(cast("Mapping[str, Any]", given).values()) if isinstance(given, Mapping) else given
    listed = cast("list[object]", entries) if isinstance(entries, list) else []
    extensions = book.get("extensions")
    return {
        **book,
        "extensions": extensions if isinstance(extensions, Mapping) else {},
        "entries": [_entry(cast("Mapping[str, Any]", each)) for each in listed if isinstance(each, Mapping)],
    }


def _entry(given: Mapping[str, Any]) -> dict[str, Any]:
    content, extensions = given.get("content"), given.get("extensions")
    entry: dict[str, Any] = {
        **given,
        "keys": _keys(given.get("keys", given.get("key"))),
        "content": content if isinstance(content, str) else "" if content is None else str(content),
        "extensions": extensions if isinstance(extensions, Mapping) else {},
    }
    if "secondary_keys" in entry or "keysecondary" in entry:
        entry["secondary_keys"] = _keys(given.get("secondary_keys", given.get("keysecondary")))
    if entry.get("enabled") is None:
        entry["enabled"] = not _flag(given.get("disable", False))
    if entry.get("insertion_order") is None:
        entry["insertion_order"] = given.get("order", _USUAL_ORDER)
    for name in _FLAGS:
        if not isinstance(entry.get(name, True), bool | None):
            entry[name] = _flag(entry[name])
    for name in _NUMBERS:
        if entry.get(name) is not None:
            entry[name] = _number(entry[name])
    place = entry.get("position")
    if isinstance(place, int) or (isinstance(place, str) and len(place) < 9 and place.isdecimal()):
        # SillyTavern's own numbers stand in its extensions.
        entry["extensions"] = {"position": int(place), **cast("Mapping[str, Any]", entry["extensions"])}
        entry["position"] = "before_char" if int(place) == 0 else "after_char"
    return entry


def _keys(value: object) -> list[str]:
    if isinstance(value, str):
        return [each.strip() for each in value.split(",") if each.strip()]
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return [each if isinstance(each, str) else str(each) for each in listed if isinstance(each, str | int | float)]


def _flag(value: object) -> bool:
    return value.strip().casefold() not in _FALSE if isinstance(value, str) else bool(value)


def _number(value: object) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        number = float(value) if isinstance(value, str) else float(_USUAL_ORDER)
    except ValueError:
        return _USUAL_ORDER
    return int(number) if number.is_integer() else number if math.isfinite(number) else _USUAL_ORDER


def for_v3(book: Mapping[str, Any]) -> dict[str, Any]:
    """Return a book with the field that V3 makes mandatory."""
    return {**book, "entries": [{"use_regex": False, **each} for each in book.get("entries", ())]}


def for_v2(book: Mapping[str, Any]) -> dict[str, Any]:
    """Return a book of V3 for programs that know no decorators: they would tell them to a model."""
    entries = [{**each, "content": _bare(each["content"])} for each in book.get("entries", ())]
    return {**book, "entries": entries}


def _bare(content: str) -> str:
    return read_decorators(content)[1] if content.lstrip().startswith("@@") else content
