"""Brings JSON that a model wrote into the shape of the answer it was asked for, before pydantic validates it.

Driven by the answer's schema alone (`workers.functions.schema.answer_shape`), for all functions alike: keys spelt
otherwise or by a synonym of the field, null for "nothing", a list for a text and the reverse, an object of numbered
entries for a list, "Bold" for "bold". What already fits stays as it is, apart from bounds, which are cut.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from workers.cutting import cut_at_word
from workers.engines.text.unicode import is_blank, well_formed

Shape = Mapping[str, Any]
PROSE_LENGTH: Final = 400
"""Texts that may be longer consist of paragraphs: parts of a list are joined by blank lines, not by spaces."""
MAX_PARTS: Final = 200
"""Maximum number of entries of a list or an object that are looked at."""
_YES: Final = frozenset({"true", "yes", "y", "1", "on"})
_NO: Final = frozenset({"false", "no", "n", "0", "off"})
_NOTHING: Final = frozenset({"null", "none", "nil", "n/a", "undefined"})
_ITEM: Final = re.compile(r"^\s*(?:\(?\d{1,2}[.):]|\(?[A-Za-z][.)]|[-*•–—])\s+(?P<text>\S.*)$")
_LETTERS: Final = re.compile(r"[^a-z]")
_TEXT_KEYS: Final = ("text", "content", "value")


def coerced(value: Any, shape: Shape, *, guess: bool = False) -> Any:
    """Return ``value`` as ``shape`` wants it, as far as possible; None for nothing.

    ``guess``: a required field may also be taken from a key of any name.
    """
    if (options := shape.get("anyOf")) is not None:
        others = [option for option in options if option.get("type") != "null"]
        return coerced(value, others[0], guess=guess) if value is not None and len(others) == 1 else value
    match shape.get("type"):
        case "object" if "properties" in shape:
            return _object(value, shape, guess=guess)
        case "array":
            return _list(value, shape, guess=guess)
        case "string":
            return _text(value, shape)
        case "boolean":
            return _flag(value)
        case _:
            return _clean(value)


def list_lines(text: str) -> list[str]:
    """Return the entries of a numbered or bulleted list in prose; none unless there are at least two."""
    found = [match["text"].strip() for line in text.splitlines()[:MAX_PARTS] if (match := _ITEM.match(line))]
    return found if len(found) > 1 else []


def principal(shape: Shape) -> str | None:
    """Return the field that a bare text or list stands for: the only required list, else the first free text."""
    properties, required = shape.get("properties", {}), shape.get("required", ())
    lists = [name for name in required if properties[name].get("type") == "array"]
    if len(lists) == 1 == len(required):
        return lists[0]
    texts = [name for name, each in properties.items() if each.get("type") == "string" and "enum" not in each]
    return next((name for name in texts if name in required), texts[0] if texts else None)


def _object(value: Any, shape: Shape, *, guess: bool) -> Any:
    properties: Mapping[str, Shape] = shape["properties"]
    if not isinstance(value, dict):
        return _object_of_one(value, shape, guess=guess)
    given = _renamed(cast("dict[str, Any]", value), shape, guess=guess)
    made: dict[str, Any] = {}
    for name, each in given.items():
        part = coerced(each, properties[name], guess=guess) if name in properties else _clean(each)
        if part is not None or name not in properties or _nullable(properties[name]):
            made[name] = part
    return made


def _object_of_one(value: Any, shape: Shape, *, guess: bool) -> Any:
    """Return a bare text or list as the object whose `principal` field it is."""
    name = principal(shape)
    if name is None or not isinstance(value, str | list):
        return value
    wanted: Shape = shape["properties"][name]
    if wanted.get("type") == "array":
        found = _list(value, wanted, guess=guess)
        return {name: found} if found else value
    if isinstance(value, list):
        return value
    text, labels = value, dict[str, Any]()
    for other, each in shape["properties"].items():
        if "enum" in each and (split := _labelled(text, each["enum"])):
            labels[other], text = split
    return _object({name: text, **labels}, shape, guess=guess)


def _labelled(text: str, members: Iterable[Any]) -> tuple[str, str] | None:
    """Return a member and the rest of texts such as ``Bold: take the key`` and ``[bold] Take the key``."""
    names, flags = "|".join(re.escape(str(member)) for member in members), re.IGNORECASE | re.DOTALL
    before = rf"\s*[\[(*]*(?P<name>{names})[\])*]*(?:\s*[:–—-]|(?<=[\])*]))\s*(?P<rest>\S.*)"
    behind = rf"(?P<rest>.*\S)\s*[\[(](?P<name>{names})[\])]\s*$"
    found = re.match(before, text, flags) or re.match(behind, text, flags)
    return None if found is None else (found["name"], found["rest"])


def _renamed(value: dict[str, Any], shape: Shape, *, guess: bool) -> dict[str, Any]:
    """Return ``value`` with the names of the shape's fields."""
    properties: Mapping[str, Shape] = shape["properties"]
    given = {name: each for name, each in value.items() if name in properties and not _is_nothing(each)}
    others = [name for name in list(value)[:MAX_PARTS] if name not in properties and not _is_nothing(value[name])]
    for field, wanted in properties.items():
        if field in given:
            continue
        names = [_letters(field), *map(_letters, wanted.get("synonyms", ()))]
        alike = [name for name in others if _letters(name) in names]
        alike.sort(key=lambda name: names.index(_letters(name)))
        if not alike and guess:
            alike = _guessed(value, others, wanted, required=field in shape.get("required", ()))
        if alike:
            given[field] = value[alike[0]]
            others.remove(alike[0])
        elif guess and others and wanted.get("type") == "array" and field in shape.get("required", ()):
            entries = _list({name: value[name] for name in others}, wanted, guess=True)
            given |= {field: entries} if entries else {}
        elif field in value:
            given[field] = value[field]
    return {**given, **{name: value[name] for name in others}}


def _guessed(value: Mapping[str, Any], others: list[str], wanted: Shape, *, required: bool) -> list[str]:
    """Return the keys that may hold a field by what stands there, the likeliest first."""
    if "enum" in wanted:
        return [name for name in others if isinstance(value[name], str) and _member(value[name], wanted["enum"])]
    if not required:
        return []
    if wanted.get("type") == "string":
        texts = [name for name in others if isinstance(value[name], str) and not is_blank(value[name])]
        return sorted(texts, key=lambda name: -len(value[name]))
    if wanted.get("type") == "array":
        return [name for name in others if isinstance(value[name], list)]
    return []


def _list(value: Any, shape: Shape, *, guess: bool) -> Any:
    """Return a list without entries that hold nothing; objects of numbered entries and lines of text become lists."""
    items: Shape = shape.get("items", {})
    if _is_nothing(value):
        return None
    if isinstance(value, dict):
        entries = list(cast("dict[str, Any]", value).values())
        whole = _object(value, items, guess=False) if "properties" in items else None
        value = [value] if whole is not None and _complete(whole, items) else entries
    elif isinstance(value, str):
        value = list_lines(value) or [value]
    if not isinstance(value, list):
        return value
    made = [coerced(each, items, guess=guess) for each in cast("list[Any]", value)[:MAX_PARTS]]
    kept = [each for each in made if each is not None and ("properties" not in items or _complete(each, items))]
    if made and not kept:
        return made
    return kept[: shape.get("maxItems")]


def _complete(value: Any, shape: Shape) -> bool:
    if not isinstance(value, dict):
        return False
    return all(value.get(name) is not None for name in shape.get("required", ()))


def _text(value: Any, shape: Shape) -> Any:
    if _is_nothing(value) and not isinstance(value, str):
        return None
    text = _joined(value, "\n\n" if shape.get("maxLength", PROSE_LENGTH + 1) > PROSE_LENGTH else " ")
    if text is None:
        return value
    text = _clean(text)
    if (members := shape.get("enum")) is not None:
        return _member(text, members)
    return cut_at_word(text, limit) if (limit := shape.get("maxLength")) is not None else text


def _joined(value: Any, separator: str) -> str | None:
    """Return a text, or the texts in a list of parts; None if there is no text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        parts = [_joined(each, separator) for each in cast("list[Any]", value)[:MAX_PARTS]]
        return separator.join(part for part in parts if part) if any(parts) else None
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        named = [fields[name] for name in _TEXT_KEYS if isinstance(fields.get(name), str)]
        texts = named or [each for each in fields.values() if isinstance(each, str)]
        return texts[0] if named or len(texts) == 1 else None
    return None


def _member(text: str, members: Iterable[Any]) -> Any:
    """Return the member of an enumeration that ``text`` names, in any case and with words around it; else None."""
    words = re.findall(r"\w+", text.casefold())
    known = {str(member).casefold(): member for member in members}
    whole = known.get(text.strip().casefold())
    found = {known[word] for word in words if word in known}
    if whole is not None:
        return whole
    return found.pop() if len(found) == 1 and len(words) <= 3 else None


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value)
    word = value.strip().casefold() if isinstance(value, str) else ""
    return True if word in _YES else False if word in _NO else None


def _clean(value: Any) -> Any:
    """Return ``value`` without NUL and lone surrogates in its texts."""
    if isinstance(value, str):
        return well_formed(value.replace("\x00", ""))
    if isinstance(value, list):
        return [_clean(each) for each in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in cast("dict[str, Any]", value).items()}
    return value


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().casefold() in _NOTHING)


def _nullable(shape: Shape) -> bool:
    return any(option.get("type") == "null" for option in shape.get("anyOf", ()))


def _letters(name: str) -> str:
    return _LETTERS.sub("", name.casefold())
