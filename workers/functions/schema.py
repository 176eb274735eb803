"""The JSON Schema of an answer, derived from its pydantic model and reduced to what grammars need."""

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any, Final, cast

from pydantic import BaseModel

_KEPT: Final = frozenset({
    "type", "enum", "const", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "pattern",
})  # fmt: skip


def answer_schema(model: type[BaseModel], **bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of ``model`` without references: every property is required, and no other is allowed.

    ``bounds`` replaces keywords of top-level properties, as in ``choices={"maxItems": 3}``. Raises ValueError for a
    model that contains itself.
    """
    schema = deepcopy(_derived(model))
    for name, keywords in bounds.items():
        schema["properties"][name] |= keywords
    return schema


@lru_cache(maxsize=64)
def answer_shape(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema by which answers are read: ``required`` as the model has it, and ``synonyms`` of its fields.

    A field's synonyms are other names that models give it: ``Field(json_schema_extra={"synonyms": […]})``.
    """
    schema = model.model_json_schema()
    return _reduced(schema, schema.get("$defs", {}), (), reading=True)


@lru_cache(maxsize=64)
def _derived(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return _reduced(schema, schema.get("$defs", {}), ())


def _reduced(
    node: Mapping[str, Any], definitions: Mapping[str, Any], within: tuple[str, ...], *, reading: bool = False
) -> dict[str, Any]:
    if (reference := node.get("$ref")) is not None:
        name = str(reference).rpartition("/")[2]
        if name in within:
            raise ValueError(f"{name} contains itself: no grammar has an end for it")
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return _reduced({**definitions[name], **beside}, definitions, (*within, name), reading=reading)
    kept = _KEPT | {"synonyms"} if reading else _KEPT
    found: dict[str, Any] = {key: value for key, value in node.items() if key in kept}
    if "properties" in node:
        properties = cast("Mapping[str, Mapping[str, Any]]", node["properties"])
        found["properties"] = {
            name: _reduced(each, definitions, within, reading=reading) for name, each in properties.items()
        }
        found["required"] = list(node.get("required", ())) if reading else list(properties)
        found["additionalProperties"] = False
    if "items" in node:
        found["items"] = _reduced(node["items"], definitions, within, reading=reading)
    if "anyOf" in node:
        found["anyOf"] = [_reduced(each, definitions, within, reading=reading) for each in node["anyOf"]]
    return found
