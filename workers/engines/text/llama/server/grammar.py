"""JSON Schema to a llama.cpp grammar whose every complete text is valid JSON.

The converter of llama-cpp-python does most of the work. What it gets wrong is put right here: it lets control
characters into strings, ignores the bounds of integers, and spells out string lengths so that llama.cpp refuses
the grammar.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from llama_cpp.llama_grammar import json_schema_to_gbnf

_CHAR = r'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F])'
_MARK = "@bounded-string {} {}@"
_MARKED = re.compile(r'\\"@bounded-string (\d+) (\d*)@\\"')
_MAX_ENUM = 256
_MAX_ITEMS = 64


class UnsupportedSchema(ValueError):
    """The schema cannot be turned into a grammar."""


def grammar_of(schema: Mapping[str, Any]) -> str:
    """Return the GBNF grammar of ``schema``; its start symbol is ``root``.

    Integers bounded to at most 256 values and string lengths are enforced, arrays are allowed at least 64 items;
    ``description``, ``title`` and ``default`` are ignored. Raises `UnsupportedSchema`.
    """
    try:
        text = json_schema_to_gbnf(json.dumps(_prepare(dict(schema))))
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        AssertionError,
        RecursionError,
        NotImplementedError,
    ) as error:
        raise UnsupportedSchema(f"{type(error).__name__}: {error}") from error
    text = _MARKED.sub(_bounded_string, text)
    rules = [line for line in text.splitlines() if not line.startswith("char ::=")]
    return "\n".join([*rules, f"char ::= {_CHAR}"])


def _bounded_string(match: re.Match[str]) -> str:
    low, high = match.groups()
    return rf'\"" char{{{low},{high}}} "\"'


def _prepare(node: Any) -> Any:
    if isinstance(node, list):
        return [_prepare(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = cast("dict[str, Any]", node)
    if schema.get("type") == "string" and not {"enum", "const", "pattern", "format"} & schema.keys():
        low, high = int(schema.get("minLength", 0)), schema.get("maxLength")
        if low or high is not None:
            return {"const": _MARK.format(low, "" if high is None else max(low, int(high)))}
    if schema.get("type") == "integer":
        low, high = _bounds(schema)
        if low is not None and high is not None and 0 <= high - low < _MAX_ENUM:
            return {"enum": list(range(low, high + 1))}
    prepared: dict[str, Any] = {}
    for key, value in schema.items():
        if key in {"properties", "$defs", "definitions"} and isinstance(value, dict):
            prepared[key] = {name: _prepare(item) for name, item in cast("dict[str, Any]", value).items()}
        elif key in {"title", "description", "default", "examples", "discriminator"}:
            continue
        else:
            prepared[key] = value if key in {"enum", "const", "required"} else _prepare(value)
    if int(prepared.get("maxItems") or 0) > _MAX_ITEMS:
        # The converter nests one parenthesis for each optional item.
        del prepared["maxItems"]
    return prepared


def _bounds(schema: Mapping[str, Any]) -> tuple[int | None, int | None]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = int(schema["exclusiveMinimum"]) + 1
    if "exclusiveMaximum" in schema:
        high = int(schema["exclusiveMaximum"]) - 1
    return (None if low is None else int(low), None if high is None else int(high))
