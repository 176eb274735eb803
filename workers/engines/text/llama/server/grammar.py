"""JSON Schema to a llama.cpp grammar (GBNF): whatever the grammar writes, once it is complete, fits the schema.

The grammar writes a part of what the schema allows: properties in their order and no others, no space but one behind
``:`` and ``,``, no control characters, numbers without exponents. Everything has a largest length, and schemas that
contain themselves a largest depth, so that a model cannot write without end. What cannot be kept exactly is refused.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from workers.engines.text.llama.server.json_schema import (
    Schema,
    UnsupportedSchema,
    are_apart,
    is_of_type,
    span,
    tighter,
    types_of,
)
from workers.engines.text.llama.server.number_grammar import Bounds, NoSuchNumber, TooManyDigits, decimals, integers

MAX_STRING: Final = 2000
"""Characters of a string without ``maxLength``."""
MAX_ITEMS: Final = 32
"""Items of an array, and entries of an object with free keys, where the schema names no largest number."""
MAX_KEY: Final = 64
"""Characters of a free key."""
MAX_RECURSION: Final = 4
"""How often a definition may occur inside itself."""
MAX_RULES: Final = 20_000
"""Rules of a grammar."""
_BLOCK: Final = 1000  # llama.cpp takes a number above 2000 for "any number", without a word
_DEEPEST: Final = 64
_QUOTE: Final = r'"\""'

# Surrogates and control characters have no spelling here, neither plain nor as \u.
_CHARACTER = r"""[\x20-\x21\x23-\x5B\x5D-\x7E\u00A0-\uD7FF\uE000-\U0010FFFF] | "\\" (["\\/nrt] | "u" unit)"""
_UNIT = '"00" [2-7a-fA-F] hex | "0" [1-9a-fA-F] hex hex | [1-9a-cA-CeEfF] hex hex hex | [dD] [0-7] hex hex'

_ANNOTATIONS: Final = frozenset({
    "$comment", "$defs", "$id", "$schema", "default", "definitions", "deprecated", "description", "discriminator",
    "example", "examples", "readOnly", "title", "writeOnly",
})  # fmt: skip
_NUMERIC: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_KEYWORDS: Final[Mapping[str, frozenset[str]]] = {
    "object": frozenset({"properties", "required", "additionalProperties", "minProperties", "maxProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}),
    "string": frozenset({"minLength", "maxLength"}),
    "integer": _NUMERIC,
    "number": _NUMERIC,
    "boolean": frozenset(),
    "null": frozenset(),
}
_COMBINING: Final = ("enum", "const", "anyOf", "oneOf", "allOf", "$ref")


def grammar_of(schema: Mapping[str, Any]) -> str:
    """Return the GBNF grammar of ``schema``; its start symbol is ``root``. Raises `UnsupportedSchema`."""
    try:
        # The order of properties is the order in which they are written: it belongs to the key.
        return _grammar_of(json.dumps(schema, allow_nan=False))
    except UnsupportedSchema:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnsupportedSchema(f"the schema is malformed: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=256)
def _grammar_of(text: str) -> str:
    return _Converter(json.loads(text)).grammar()


class _Converter:
    """Turns one schema into rules. An expression is a rule's name, or None where nothing fits the schema."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._names: dict[str, str] = {}
        self._path: tuple[str, ...] = ()
        self._known: dict[tuple[str, tuple[str, ...]], str | None] = {}
        self._depth = 0

    def grammar(self) -> str:
        start = self._value(self._root)
        if start is None:
            raise UnsupportedSchema("nothing fits the schema, or it contains itself without end")
        lines = [f"{name} ::= {body}" for body, name in self._names.items()]
        fixed = ['space ::= " "?', f"char ::= {_CHARACTER}", f"unit ::= {_UNIT}", "hex ::= [0-9a-fA-F]"]
        return "\n".join([f"root ::= {start}", *lines, *fixed, ""])

    def _rule(self, body: str) -> str:
        """Return the name of the rule with this body; equal bodies have one rule."""
        name = self._names.get(body)
        if name is None:
            if len(self._names) >= MAX_RULES:
                raise UnsupportedSchema(f"the schema needs more than {MAX_RULES} rules")
            name = self._names[body] = f"r{len(self._names)}"
        return name

    def _value(self, schema: Any) -> str | None:
        if schema is False:
            return None
        if schema is True:
            schema = {}
        if not isinstance(schema, dict):
            raise UnsupportedSchema(f"a schema that is {json.dumps(schema)[:40]}")
        if self._depth >= _DEEPEST:
            raise UnsupportedSchema(f"the schema is nested more than {_DEEPEST} levels deep")
        self._depth += 1
        try:
            return self._of_schema(cast("Schema", schema))
        finally:
            self._depth -= 1

    def _of_schema(self, schema: Schema) -> str | None:
        present = schema.keys() - _ANNOTATIONS
        combining = [key for key in _COMBINING if key in present]
        if not combining:
            return self._of_types(schema, present)
        key = combining[0]
        if others := present - {key} - ({"type"} if key in {"enum", "const"} else set()):
            raise UnsupportedSchema(f"{min(others)} beside {key}")
        if key in {"enum", "const"}:
            return self._literals(schema["enum"] if key == "enum" else [schema["const"]], types_of(schema))
        if key == "$ref":
            return self._reference(schema["$ref"])
        branches = cast("list[Any]", schema[key])
        if key == "oneOf":
            self._check_apart(branches)
        if not branches or (key == "allOf" and len(branches) > 1):
            raise UnsupportedSchema(f"{key} of {len(branches)} schemas")
        return self._one_of(self._value(branch) for branch in branches)

    def _one_of(self, ways: Iterable[str | None]) -> str | None:
        possible = list(dict.fromkeys(way for way in ways if way is not None))
        if len(possible) < 2:
            return possible[0] if possible else None
        return self._rule(" | ".join(possible))

    def _of_types(self, schema: Schema, present: set[str]) -> str | None:
        types = types_of(schema)
        if types is None:
            guessed = [name for name, keywords in _KEYWORDS.items() if keywords & present]
            types = guessed[:1] or ["string", "number", "boolean", "null"]
        for name in types:
            if name not in _KEYWORDS:
                raise UnsupportedSchema(f"type {name!r}")
        if unknown := present - {"type"} - frozenset[str]().union(*(_KEYWORDS[name] for name in types)):
            raise UnsupportedSchema(min(unknown))
        kinds: dict[str, Callable[[Schema], str | None]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": lambda schema: self._number(schema, integers),
            "number": lambda schema: self._number(schema, decimals),
            "boolean": lambda _schema: self._rule('"true" | "false"'),
            "null": lambda _schema: self._rule('"null"'),
        }
        return self._one_of([kinds[name](schema) for name in types])

    # -- Fixed values and references --------------------------------------------------------------------------------

    def _literals(self, values: Iterable[Any], types: list[str] | None) -> str | None:
        texts = [
            json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            for value in values
            if types is None or any(is_of_type(value, name) for name in types)
        ]
        return self._rule(" | ".join(map(_literal, dict.fromkeys(texts)))) if texts else None

    def _at(self, target: Any) -> Any:
        """Return what stands at the JSON pointer ``target``."""
        if not isinstance(target, str) or not target.startswith("#"):
            raise UnsupportedSchema(f"$ref to {target!r}")
        node: Any = self._root
        for step in target[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or name not in node:
                raise UnsupportedSchema(f"$ref to {target!r}, which is not there")
            node = cast("dict[str, Any]", node)[name]
        return node

    def _reference(self, target: Any) -> str | None:
        if self._path.count(target) > MAX_RECURSION:
            return None
        # Only what was entered before, and how often, can make a difference inside.
        key = (target, tuple(sorted(self._path)))
        if key not in self._known:
            node = self._at(target)
            outer, self._path = self._path, (*self._path, target)
            try:
                self._known[key] = self._value(node)
            finally:
                self._path = outer
        return self._known[key]

    def _check_apart(self, branches: list[Any]) -> None:
        """Refuse branches of which two might fit the same value: ``oneOf`` allows only one."""
        resolved = [self._resolved(branch) for branch in branches]
        for at, one in enumerate(resolved):
            if not all(are_apart(one, other) for other in resolved[:at]):
                raise UnsupportedSchema("oneOf whose schemas may fit the same value")

    def _resolved(self, schema: Any) -> Schema:
        for _ in range(_DEEPEST):
            if not isinstance(schema, dict):
                return {}
            if "$ref" not in schema:
                return cast("Schema", schema)
            schema = self._at(cast("Schema", schema)["$ref"])
        return {}

    # -- Types ------------------------------------------------------------------------------------------------------

    def _string(self, schema: Schema) -> str | None:
        characters = self._repeated("char", *span(schema, "minLength", "maxLength", MAX_STRING))
        return None if characters is None else self._rule(" ".join(filter(None, [_QUOTE, characters, _QUOTE])))

    def _number(self, schema: Schema, ways: Callable[[Bounds], str]) -> str | None:
        low, low_open = tighter(schema, "minimum", "exclusiveMinimum", max)
        high, high_open = tighter(schema, "maximum", "exclusiveMaximum", min)
        try:
            return self._rule(ways(Bounds(low, high, low_open, high_open)))
        except NoSuchNumber:
            return None
        except TooManyDigits as error:
            raise UnsupportedSchema(f"minimum or maximum: {error}") from error

    def _array(self, schema: Schema) -> str | None:
        if schema.get("uniqueItems"):
            raise UnsupportedSchema("uniqueItems")
        low, high = span(schema, "minItems", "maxItems", MAX_ITEMS)
        if "prefixItems" in schema:
            return self._tuple(schema, low, high)
        item = self._value(schema.get("items", True)) if high else None
        if item is None or not high:
            return self._rule('"[]"') if low == 0 <= high else None
        more = self._repeated(self._rule(f'"," space {item}'), max(0, low - 1), high - 1)
        if more is None:
            return None
        some = f"{item} {more}".strip()
        return self._rule(f'"[" {some} "]"' if low else f'"[" ({some})? "]"')

    def _tuple(self, schema: Schema, low: int, high: int) -> str | None:
        items = [self._value(item) for item in cast("list[Any]", schema["prefixItems"])]
        if schema.get("items") not in {None, False} and low > len(items):
            raise UnsupportedSchema("items beside prefixItems")
        known = [item for item in items if item is not None]
        if len(known) < len(items) or not low <= len(items) <= high:
            return None
        return self._rule(f'"[" {_literal(",").join(f" {item} " for item in known)} "]"')

    def _object(self, schema: Schema) -> str | None:
        properties = cast("dict[str, Any]", schema.get("properties") or {})
        required = cast("list[str]", schema.get("required") or [])
        others = schema.get("additionalProperties")
        if missing := [name for name in required if name not in properties]:
            raise UnsupportedSchema(f"required {missing[0]!r}, which is not among the properties")
        if not properties and others is not False:
            return self._map(schema, True if others is None else others)
        for key in ("minProperties", "maxProperties"):
            if key in schema:
                raise UnsupportedSchema(f"{key} beside properties")
        members: list[tuple[str, bool]] = []
        for name, child in properties.items():
            value = self._value(child)
            if value is not None:
                members.append(
                    (f"{_literal(json.dumps(name, ensure_ascii=False) + ':')} space {value}", name in required)
                )
            elif name in required:
                return None
        return self._rule(" ".join(filter(None, ['"{"', self._members(members), '"}"'])))

    def _members(self, members: list[tuple[str, bool]]) -> str:
        """Return how to write ``members`` in order, each with whether it must be there; "" for none."""
        # From the last to the first: how to go on, if something stands before it and if nothing does.
        after, first = "", ""
        for member, needed in reversed(members):
            alone = f"{member} {after}".strip()
            follows = f'"," space {member}'
            if needed:
                first = self._rule(alone)
                after = self._rule(f"{follows} {after}".strip())
            else:
                first = self._rule(f"{alone} | {first}" if first else f"({alone})?")
                after = self._rule(f"({follows})? {after}".strip())
        return first

    def _map(self, schema: Schema, values: Any) -> str | None:
        low, high = span(schema, "minProperties", "maxProperties", MAX_ITEMS)
        if low > 1:
            raise UnsupportedSchema("minProperties above 1")  # keys may be written twice
        value = self._value(values) if high else None
        if value is None:
            return self._rule('"{}"') if low == 0 else None
        entry = self._rule(f'{_QUOTE} {self._repeated("char", 1, MAX_KEY)} {_QUOTE} ":" space {value}')
        more = self._repeated(self._rule(f'"," space {entry}'), 0, high - 1)
        some = f"{entry} {more}".strip()
        return self._rule(f'"{{" {some} "}}"' if low else f'"{{" ({some})? "}}"')

    def _repeated(self, symbol: str, low: int, high: int) -> str | None:
        """Return from ``low`` to ``high`` times ``symbol``, such that every text is read in one way; None for none."""
        if low > high:
            return None
        if high <= _BLOCK:
            return f"{symbol}{{{low},{high}}}" if high else ""
        rest = self._repeated(symbol, max(0, low - _BLOCK), high - _BLOCK)
        if rest is None:
            return None
        block = self._rule(f"{symbol}{{{_BLOCK}}}")
        longer = f"{block} {rest}"
        return self._rule(longer if low >= _BLOCK else f"{longer} | {symbol}{{{low},{_BLOCK - 1}}}")


def _literal(text: str) -> str:
    """Return ``text`` as a literal of the grammar. Raises `UnsupportedSchema` if it has no UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnsupportedSchema("a lone surrogate in a text") from error
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\x7f", "\\x7F") + '"'
