"""JSON schemas at random, of the kinds that AI functions use and pydantic writes."""

import random
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
_NAMES = ("title", "text", "choices", "score", "mood", "tags", "notes", 'odd "name"', "größe", "ready")
_WORDS = ("calm", "grim", "left", "right", 'say "no"', "back\\slash", "naïve", "🙂", "")


def random_schemas(count: int, seed: int = 0) -> list[Schema]:
    """Return ``count`` schemas: the same for the same seed."""
    dice = random.Random(seed)
    return [_Generator(dice).root() for _ in range(count)]


class _Generator:
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._definitions: dict[str, Schema] = {}

    def root(self) -> Schema:
        schema = self._object(3) if self._dice.random() < 0.8 else self.value(3)
        return {"$defs": self._definitions, **schema} if self._definitions else schema

    def value(self, depth: int) -> Schema:
        simple = (self._string, self._string, self._integer, self._number, self._literal, self._boolean)
        nested = (self._object, self._array, self._array, self._optional, self._any_of, self._one_of, self._map)
        more = (self._tuple, self._reference)
        kinds: tuple[Callable[[int], Schema], ...] = simple + nested + more if depth > 0 else simple
        return self._dice.choice(kinds)(depth - 1)

    def _span(self, low: int, high: int) -> tuple[int, int]:
        low, high = sorted((self._dice.randint(low, high), self._dice.randint(low, high)))
        return low, high

    def _object(self, depth: int) -> Schema:
        names = self._dice.sample(_NAMES, self._dice.randint(0, 5))
        needed = [name for name in names if self._dice.random() < 0.7]
        schema: Schema = {"type": "object", "properties": {name: self.value(depth) for name in names}}
        return schema | {"required": needed, "additionalProperties": False}

    def _array(self, depth: int) -> Schema:
        low, high = self._span(0, 4)
        schema: Schema = {"type": "array", "items": self.value(depth), "maxItems": high}
        return schema | {"minItems": low} if self._dice.random() < 0.5 else schema

    def _tuple(self, depth: int) -> Schema:
        items = [self.value(depth) for _ in range(self._dice.randint(1, 3))]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}

    def _map(self, depth: int) -> Schema:
        return {"type": "object", "additionalProperties": self.value(depth), "maxProperties": self._dice.randint(1, 3)}

    def _string(self, _depth: int) -> Schema:
        low, high = self._span(0, self._dice.choice((3, 20, 200)))
        schema: Schema = {"type": "string", "maxLength": high}
        return schema | {"minLength": low} if self._dice.random() < 0.4 else schema

    def _integer(self, _depth: int) -> Schema:
        low, high = self._span(-200, 2000)
        return {"type": "integer"} | self._bounds(low, high)

    def _number(self, _depth: int) -> Schema:
        low, high = sorted(self._dice.randint(-2000, 12000) for _ in range(2))
        return {"type": "number"} | self._bounds(low / 100, high / 100)

    def _bounds(self, low: float, high: float) -> Schema:
        if self._dice.random() < 0.2:
            return {"exclusiveMinimum": int(low) - 1, "exclusiveMaximum": int(high) + 1}
        bounds: Schema = {"minimum": low, "maximum": high}
        if self._dice.random() < 0.3:
            del bounds[self._dice.choice(["minimum", "maximum"])]
        return bounds

    def _literal(self, _depth: int) -> Schema:
        values = self._dice.sample(_WORDS, self._dice.randint(1, 4))
        return {"const": values[0]} if self._dice.random() < 0.3 else {"enum": values, "type": "string"}

    def _boolean(self, _depth: int) -> Schema:
        return {"type": self._dice.choice(["boolean", "null"])}

    def _optional(self, depth: int) -> Schema:
        return {"anyOf": [self.value(depth), {"type": "null"}], "default": None}

    def _any_of(self, depth: int) -> Schema:
        return {"anyOf": [self.value(depth) for _ in range(self._dice.randint(1, 3))]}

    def _one_of(self, depth: int) -> Schema:
        kinds = self._dice.sample(_WORDS, 2)
        branches = [
            {
                "type": "object",
                "properties": {"kind": {"const": kind, "type": "string"}, "value": self.value(depth)},
                "required": ["kind"],
                "additionalProperties": False,
            }
            for kind in kinds
        ]
        return {"oneOf": branches, "discriminator": {"propertyName": "kind"}}

    def _reference(self, depth: int) -> Schema:
        if not self._definitions or self._dice.random() < 0.5:
            schema = self.value(depth)
            name = f"D{len(self._definitions)}"
            self._definitions[name] = schema
        else:
            name = self._dice.choice(list(self._definitions))
        return {"$ref": f"#/$defs/{name}"}
