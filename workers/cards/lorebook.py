"""Lorebooks as other programs write them, read into `workers.context.lore`'s terms.

Taken are a lorebook of Character Card V3 by itself, the ``character_book`` of a card (V2, V3), and SillyTavern's world
info, whose fields a card has as ``extensions``. Fields are read tolerantly: programs write numbers as texts, lists as
texts with commas, and ``null`` for what is missing. What is not read is kept, so that it can be given back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import ValidationError

from workers.context.lore.entries import MAX_CONTENT, MAX_DEPTH, MAX_KEY, MAX_KEYS, Lorebook, LoreEntry
from workers.context.lore.rules import LoreRule

MAX_BOOK_ENTRIES: Final = 2_000
"""Entries of a book that is taken."""
MAX_BOOK_CHARACTERS: Final = 1_000_000
"""Characters of all its contents and keys."""
MAX_NAMED: Final = 50
"""Keys that are refused by name."""
_SHOWN: Final = 80
_MAX_KEPT: Final = 20_000
"""Characters of the fields of a book or an entry that are kept unread."""
_DEFAULT_DEPTH: Final = 4
"""SillyTavern's, for what it puts at a depth."""
_AT_DEPTH: Final = 4
_LOGICS: Final = {0: "any", 1: "not_all", 2: "not_any", 3: "all"}
_FALSE: Final = frozenset({"", "0", "false", "no", "off", "null", "none"})
_BOOK_FIELDS: Final = frozenset({"name", "scan_depth", "token_budget", "recursive_scanning", "entries"})
_ENTRY_FIELDS: Final = frozenset({
    "keys", "key", "secondary_keys", "keysecondary", "content", "enabled", "insertion_order", "priority", "name",
})  # fmt: skip


class NotALorebook(ValueError):
    """The file holds no lorebook, or one that is not taken; ``reason`` is a `DocumentProblem`."""

    def __init__(self, reason: str, **values: Any) -> None:
        super().__init__(reason)
        self.reason, self.values = reason, values


@dataclass(frozen=True, slots=True)
class ParsedLorebook:
    """A lorebook: the entries that are taken, what is kept unread of the book and of each entry, and what is refused.

    ``problems`` name regular expressions that cannot be used: entry, key, and a `KeyProblem`.
    """

    book: Lorebook
    more: dict[str, Any]
    entries_more: tuple[dict[str, Any], ...]
    problems: tuple[dict[str, str], ...]


def read_lorebook(data: Mapping[str, Any]) -> ParsedLorebook:
    """Return the lorebook in a file's JSON. Raises `NotALorebook`."""
    book = _found(data)
    if book is None:
        raise NotALorebook("not_lore")
    given = book.get("entries")
    listed = list(cast("Mapping[str, Any]", given).values()) if isinstance(given, Mapping) else _list(given)
    if len(listed) > MAX_BOOK_ENTRIES:
        raise NotALorebook("too_many_entries", count=len(listed), limit=MAX_BOOK_ENTRIES)
    entries: list[LoreEntry] = []
    more: list[dict[str, Any]] = []
    characters = 0
    for each in listed:
        if not isinstance(each, Mapping) or not _text(cast("Mapping[str, Any]", each), "content").strip():
            continue
        fields = cast("Mapping[str, Any]", each)
        entry = _entry(str(len(entries)), fields)
        characters += len(entry.content) + sum(map(len, (*entry.keys, *entry.secondary_keys)))
        if characters > MAX_BOOK_CHARACTERS:
            raise NotALorebook("too_long", limit=MAX_BOOK_CHARACTERS)
        entries.append(entry)
        more.append(_unread(fields, _ENTRY_FIELDS))
    if not entries:
        raise NotALorebook("not_lore")
    read = Lorebook(
        id="book",
        name=_text(book, "name")[:MAX_KEY],
        scan_depth=_number(book, "scan_depth", 0, MAX_DEPTH),
        token_budget=_number(book, "token_budget", 0, 10**6) or None,
        recursive=_flag(book, "recursive_scanning"),
        entries=tuple(entries),
    )
    return ParsedLorebook(read, _unread(book, _BOOK_FIELDS), tuple(more), _problems(read))


def _found(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    inner = _mapping(data.get("data"))
    for book in (inner.get("character_book"), data.get("character_book"), inner, data):
        if isinstance(book, Mapping) and isinstance(cast("Mapping[str, Any]", book).get("entries"), list | Mapping):
            return cast("Mapping[str, Any]", book)
    return None


def _entry(entry_id: str, given: Mapping[str, Any]) -> LoreEntry:
    extensions = _mapping(given.get("extensions"))
    name = (_text(given, "name") or _text(given, "comment"))[:MAX_KEY]
    content = _text(given, "content")
    if len(content) > MAX_CONTENT:
        raise NotALorebook("entry_too_long", name=name[:_SHOWN] or entry_id, count=len(content), limit=MAX_CONTENT)
    # SillyTavern's own fields go before those that it writes for others.
    both = {**given, **extensions}
    place = _place(given, extensions)
    fields: dict[str, Any] = {
        "id": entry_id,
        "name": name,
        "content": content,
        "keys": _keys(given, "keys", "key"),
        "secondary_keys": _keys(given, "secondary_keys", "keysecondary"),
        "selective": _flag(given, "selective"),
        "secondary_logic": _LOGICS.get(_number(both, "selectiveLogic", 0, 3) or 0, "any"),
        "constant": _flag(given, "constant"),
        "enabled": _enabled(given, both),
        "insertion_order": _decimal(given, "insertion_order", "order", default=100.0),
        "priority": _decimal(given, "priority"),
        "position": "after_char" if place in {1, 2, 3, "after_char"} else "before_char",
        "depth": _depth(both) if place == _AT_DEPTH else None,
        "scan_depth": _number(both, "scan_depth", 0, MAX_DEPTH, "scanDepth"),
        "case_sensitive": _optional_flag(both, "case_sensitive", "caseSensitive"),
        "whole_words": _flag(both, "match_whole_words", "matchWholeWords"),
        # SillyTavern writes it for every entry: its keys are regular expressions where they are written as such.
        "use_regex": _flag(given, "use_regex") and "selectiveLogic" not in extensions,
        "recursable": not _flag(both, "exclude_recursion", "excludeRecursion"),
        "recurses": not _flag(both, "prevent_recursion", "preventRecursion"),
    }
    try:
        return LoreEntry.model_validate(fields)
    except ValidationError as error:
        raise NotALorebook("not_lore") from error


def _enabled(given: Mapping[str, Any], both: Mapping[str, Any]) -> bool:
    if _flag(given, "disable") or not _flag(given, "enabled", default=True):
        return False
    return not (_flag(both, "useProbability", default=True) and _decimal(both, "probability", default=100.0) == 0)


def _place(given: Mapping[str, Any], extensions: Mapping[str, Any]) -> int | str:
    for value in (extensions.get("position"), given.get("position")):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    position = given.get("position")
    if isinstance(position, str) and len(position) <= _SHOWN and position.strip().isdecimal():
        return int(position)
    return position if isinstance(position, str) else ""


def _depth(both: Mapping[str, Any]) -> int:
    found = _number(both, "depth", 0, MAX_DEPTH)
    return _DEFAULT_DEPTH if found is None else found


def _problems(book: Lorebook) -> tuple[dict[str, str], ...]:
    found: list[dict[str, str]] = []
    for at, entry in enumerate(book.entries):
        for pattern in LoreRule(book, entry, (0.0, 0, at)).patterns():
            if (pattern.problem is not None or not pattern.compile()) and len(found) < MAX_NAMED:
                named = entry.name or (entry.keys[0] if entry.keys else f"{at + 1}")
                problem = pattern.problem or "invalid"
                found.append({"entry": named[:_SHOWN], "key": pattern.key[:_SHOWN], "problem": problem})
    return tuple(found)


def _unread(given: Mapping[str, Any], read: frozenset[str]) -> dict[str, Any]:
    """Return the fields that are not read, as far as they are small."""
    left = _MAX_KEPT
    kept: dict[str, Any] = {}
    for name, value in given.items():
        left -= len(name) + len(str(value))
        if left < 0:
            break
        if name not in read:
            kept[name] = value
    return kept


def _keys(given: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    value = next((given[name] for name in names if given.get(name)), None)
    listed: Sequence[Any] = value.split(",") if isinstance(value, str) else _list(value)
    keys = [each.strip() for each in map(_worded, listed) if each.strip()]
    return tuple(key for key in keys if len(key) <= MAX_KEY)[:MAX_KEYS]


def _worded(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _first(given: Mapping[str, Any], names: Sequence[str], read: Callable[[Any], Any]) -> Any:
    return next((found for name in names if (found := read(given.get(name))) is not None), None)


def _flag(given: Mapping[str, Any], *names: str, default: bool = False) -> bool:
    found = _optional_flag(given, *names)
    return default if found is None else found


def _optional_flag(given: Mapping[str, Any], *names: str) -> bool | None:
    def read(value: object) -> bool | None:
        if isinstance(value, bool | int | float):
            return bool(value)
        return value.strip().casefold() not in _FALSE if isinstance(value, str) else None

    return _first(given, names, read)


def _decimal(given: Mapping[str, Any], *names: str, default: float | None = None) -> float | None:
    def read(value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        return number if abs(number) < 10**9 else None

    found = _first(given, names, read)
    return default if found is None else found


def _number(given: Mapping[str, Any], name: str, least: int, most: int, *others: str) -> int | None:
    found = _decimal(given, name, *others)
    return None if found is None or found < least else min(int(found), most)
