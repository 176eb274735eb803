"""What the keywords of a JSON schema say, checked as they are read."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

LONGEST: Final = 20_000
"""Repetitions at most, whatever the schema allows; a schema that demands more is refused."""
Schema = Mapping[str, Any]


class UnsupportedSchema(ValueError):
    """The schema cannot be turned into a grammar; the message names the keyword."""


def types_of(schema: Schema) -> list[str] | None:
    """Return the types that the schema names, None if it names none."""
    found = schema.get("type")
    if found is None:
        return None
    return [found] if isinstance(found, str) else cast("list[str]", list(found))


def is_of_type(value: Any, name: str) -> bool:
    """Tell whether a JSON value is of a type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match name:
        case "string":
            return isinstance(value, str)
        case "integer":
            return number and float(value).is_integer()
        case "number":
            return number
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            raise UnsupportedSchema(f"type {name!r}")


def span(schema: Schema, least: str, most: str, default: int) -> tuple[int, int]:
    """Return the smallest and the largest number that the keywords allow; ``default`` stands for no largest one."""
    low = _count(schema, least, 0)
    high = min(_count(schema, most, max(default, low)), LONGEST)
    if low > LONGEST:
        raise UnsupportedSchema(f"{least} above {LONGEST}")
    return low, high


def _count(schema: Schema, key: str, default: int) -> int:
    value = schema.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        raise UnsupportedSchema(f"{key} of {value!r}")
    return int(value)


def tighter(
    schema: Schema, closed: str, opened: str, choose: Callable[[Decimal, Decimal], Decimal]
) -> tuple[Decimal | None, bool]:
    """Return the bound that counts, and whether it is outside itself."""
    one, other = _decimal(schema, closed), _decimal(schema, opened)
    if one is None or other is None:
        return (one, False) if other is None else (other, True)
    return (other, True) if choose(one, other) == other else (one, False)


def _decimal(schema: Schema, key: str) -> Decimal | None:
    value = schema.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnsupportedSchema(f"{key} of {value!r}")
    try:
        return Decimal(repr(value))
    except InvalidOperation as error:
        raise UnsupportedSchema(f"{key} of {value!r}") from error


def are_apart(one: Schema, other: Schema) -> bool:
    """Tell whether surely no value fits both."""
    types, others = types_of(one), types_of(other)
    values, other_values = _fixed(one), _fixed(other)
    if values is not None and other_values is not None:
        return not values & other_values
    if types is None or others is None:
        return False
    wide = {"integer": "number"}
    if not {wide.get(name, name) for name in types} & {wide.get(name, name) for name in others}:
        return True
    if types != ["object"] or others != ["object"]:
        return False
    shared = set(cast("list[str]", one.get("required") or [])) & set(cast("list[str]", other.get("required") or []))
    for name in shared:
        mine, theirs = _fixed(_property(one, name)), _fixed(_property(other, name))
        if mine is not None and theirs is not None and not mine & theirs:
            return True
    return False


def _property(schema: Schema, name: str) -> Schema:
    found = cast("dict[str, Any]", schema.get("properties") or {}).get(name)
    return cast("Schema", found) if isinstance(found, dict) else {}


def _fixed(schema: Schema) -> set[str] | None:
    """Return the values of ``enum`` or ``const`` as text, None if others fit too."""
    if "const" in schema:
        return {json.dumps(schema["const"], sort_keys=True)}
    if "enum" in schema:
        return {json.dumps(value, sort_keys=True) for value in schema["enum"]}
    return None
