"""Closes what a JSON schema leaves open, so that no model can write without end.

The result accepts only values that the schema accepts, and bounds everything: strings, arrays, keys, digits, recursion.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, cast

MAX_STRING: Final = 2000
"""Characters of a string without ``maxLength``."""
MAX_ITEMS: Final = 32
"""Items of an array, and entries of an object with free keys, if the schema sets no maximum."""
MAX_KEY: Final = 64
"""Characters of a free key."""
MAX_COUNT: Final = 20_000
"""Upper limit of characters or items, whatever the schema allows; a schema that demands more is refused."""
MAX_RECURSION: Final = 4
"""How often a definition may occur inside itself."""
INTEGER_DIGITS: Final = 15
"""Digits of an integer without bounds; a double distinguishes no more."""
WHOLE_DIGITS: Final = 9
"""Digits before the point of a number without bounds."""
FRACTION_DIGITS: Final = 6
"""Digits after the point, unless a bound has more."""
_MAX_SCHEMAS: Final = 10_000
_MAX_DEPTH: Final = 64

_ANNOTATIONS: Final = frozenset({
    "$comment", "$defs", "$id", "$schema", "default", "definitions", "deprecated", "description", "discriminator",
    "example", "examples", "readOnly", "title", "writeOnly",
})  # fmt: skip
_COMBINING: Final = ("enum", "const", "anyOf", "oneOf", "allOf", "$ref")
_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "object": frozenset({"properties", "required", "additionalProperties", "minProperties", "maxProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
}
_SCALARS: Final = ("string", "number", "boolean", "null")
_Schema = dict[str, Any]


class UnsupportedSchema(ValueError):
    """The schema cannot be enforced; the message names the keyword."""


def bounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bounded form of ``schema``, without references. Raises `UnsupportedSchema`."""
    try:
        result = _Bounder(schema).value(schema)
    except UnsupportedSchema:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UnsupportedSchema(f"the schema is malformed: {type(error).__name__}: {error}") from error
    if result is False:
        raise UnsupportedSchema("nothing fits the schema, or it contains itself without end")
    return cast("_Schema", result)


class _Bounder:
    """One schema on its way. False stands for a part that no value fits."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._references: tuple[str, ...] = ()
        self._count = 0
        self._depth = 0

    def value(self, schema: Any) -> _Schema | bool:
        if schema is False:
            return False
        if schema is True:
            schema = {}
        if not isinstance(schema, Mapping):
            raise UnsupportedSchema(f"a schema that is {schema!r:.40}")
        self._count += 1
        if self._count > _MAX_SCHEMAS:
            raise UnsupportedSchema(f"the schema has more than {_MAX_SCHEMAS} parts")
        if self._depth >= _MAX_DEPTH:
            raise UnsupportedSchema(f"the schema is nested more than {_MAX_DEPTH} levels deep")
        self._depth += 1
        try:
            return self._value({key: child for key, child in schema.items() if key not in _ANNOTATIONS})
        finally:
            self._depth -= 1

    def _value(self, schema: _Schema) -> _Schema | bool:
        combining = [key for key in _COMBINING if key in schema]
        if not combining:
            return self._of_types(schema)
        key = combining[0]
        literal = key in {"enum", "const"}
        if others := schema.keys() - {key} - ({"type"} if literal else set()):
            raise UnsupportedSchema(f"{min(others)} beside {key}")
        if literal:
            return schema
        if key == "$ref":
            return self._reference(schema["$ref"])
        branches = cast("list[Any]", schema[key])
        if not branches or (key == "allOf" and len(branches) > 1):
            raise UnsupportedSchema(f"{key} of {len(branches)} schemas")
        possible = [branch for branch in map(self.value, branches) if branch is not False]
        return {key: possible} if possible else False

    def _reference(self, target: str) -> _Schema | bool:
        if self._references.count(target) > MAX_RECURSION:
            return False
        node: Any = self._root
        path = target.removeprefix("#")
        for step in path.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            node = node[name] if isinstance(node, Mapping) and name in node else None
        if path == target or node is None:
            raise UnsupportedSchema(f"$ref to {target!r}, which is not there")
        outer, self._references = self._references, (*self._references, target)
        try:
            return self.value(node)
        finally:
            self._references = outer

    def _of_types(self, schema: _Schema) -> _Schema:
        named = schema.get("type")
        if named is None:
            named = next((name for name, keywords in _TYPES.items() if keywords & schema.keys()), list(_SCALARS))
        types = [named] if isinstance(named, str) else list(named)
        close: dict[str, Callable[[_Schema], _Schema]] = {
            "object": self._object,
            "array": self._array,
            "string": _string,
            "integer": _integer,
            "number": _number,
        }
        result: _Schema = {**schema, "type": types}
        for name in types:
            if name in close:
                result = close[name](result)
        return result

    def _array(self, schema: _Schema) -> _Schema:
        low, high = _span(schema, "minItems", "maxItems", MAX_ITEMS)
        first = [self.value(item) for item in cast("list[Any]", schema.get("prefixItems") or [])]
        rest = self.value(schema.get("items", not first)) if high > len(first) else False
        if not schema.get("uniqueItems"):
            schema.pop("uniqueItems", None)
        return {**schema, "minItems": low, "maxItems": high, "prefixItems": first, "items": rest}

    def _object(self, schema: _Schema) -> _Schema:
        if "patternProperties" in schema:
            raise UnsupportedSchema("patternProperties")
        properties = cast("_Schema", schema.get("properties") or {})
        free = schema.get("additionalProperties", True)
        if not properties and free is not False:
            low, high = _span(schema, "minProperties", "maxProperties", MAX_ITEMS)
            if low > 1:
                raise UnsupportedSchema("minProperties above 1")  # keys may repeat
            keys = {f"^(?s:.){{1,{MAX_KEY}}}$": self.value(free)}
            limits = {"minProperties": low, "maxProperties": high}
            return {**schema, **limits, "patternProperties": keys, "additionalProperties": False}
        closed = {name: self.value(child) for name, child in properties.items()}
        return {**schema, "properties": closed, "additionalProperties": False}


def _string(schema: _Schema) -> _Schema:
    low, high = _span(schema, "minLength", "maxLength", MAX_STRING)
    return {**schema, "minLength": low, "maxLength": high}


def _integer(schema: _Schema) -> _Schema:
    return _between(schema, INTEGER_DIGITS)


def _number(schema: _Schema) -> _Schema:
    result = _between(schema, WHOLE_DIGITS)
    if "multipleOf" in result:
        return result
    bounds = [abs(Decimal(repr(result[key]))) for key in _TYPES["number"] & result.keys()]
    whole = len(str(int(max(bounds))))
    exact = max(0, *(-cast("int", bound.normalize().as_tuple().exponent) for bound in bounds))
    places = max(exact, min(FRACTION_DIGITS, INTEGER_DIGITS - whole))
    if whole + places > INTEGER_DIGITS:
        raise UnsupportedSchema(f"minimum or maximum: bounds with {whole + places} digits")
    # The number of digits is limited by what the number must be a multiple of.
    return {**result, "multipleOf": float(Decimal(1).scaleb(-places))}


def _between(schema: _Schema, digits: int) -> _Schema:
    """Return ``schema`` with both bounds. A missing one allows ``digits`` digits, or one more than the other has."""
    lower, upper = (
        {key for key in (f"{end}imum", f"exclusive{end.title()}imum") if key in schema} for end in ("min", "max")
    )
    beyond = max(10**digits - 1, *(int(10 * abs(schema[key])) for key in lower | upper), 0)
    missing = {} if lower else {"minimum": -beyond}
    return {**schema, **missing, **({} if upper else {"maximum": beyond})}


def _span(schema: _Schema, minimum: str, maximum: str, default: int) -> tuple[int, int]:
    """Return the limits that the keywords set; ``default`` stands for a missing maximum."""
    low = _count(schema, minimum, 0)
    if low > MAX_COUNT:
        raise UnsupportedSchema(f"{minimum} above {MAX_COUNT}")
    return low, min(_count(schema, maximum, max(default, low)), MAX_COUNT)


def _count(schema: _Schema, key: str, default: int) -> int:
    value = schema.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        raise UnsupportedSchema(f"{key} of {value!r}")
    return int(value)
