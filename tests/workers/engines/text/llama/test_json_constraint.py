"""JSON constraints: every finished text fits its schema, even if a random model wrote it."""

import json
import math
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import llama_cpp
import numpy as np
import pytest
from pydantic import BaseModel, Field

from tests.effort import times
from tests.models.tiny_gguf import IM_END
from tests.workers.engines.text.llama.schemas import random_schemas
from workers.craft.settings import CraftSettings
from workers.engines.text.llama.protocol import SamplingParams
from workers.engines.text.llama.server import native
from workers.engines.text.llama.server.bounded_schema import UnsupportedSchema, bounded
from workers.engines.text.llama.server.json_constraint import JsonConstraint, JsonConstraints
from workers.engines.text.llama.server.sampler import Sampler, SamplerBuffers
from workers.functions.examiners import Asked
from workers.functions.suggest_choices import ChoicesInputs, SuggestChoices
from workers.functions.write_page import PageInputs, WritePage


class Mood(StrEnum):
    CALM = "calm"
    GRIM = "grim"


class Persona(BaseModel):
    name: str = Field(min_length=1, max_length=40)
    age: int = Field(ge=18, le=120)
    mood: Mood
    interests: list[Annotated[str, Field(max_length=20)]] = Field(min_length=1, max_length=5)
    nickname: str | None = Field(default=None, max_length=20)
    scenario: str | None = Field(max_length=10)


class Rating(BaseModel):
    score: int = Field(ge=0, le=10)
    weight: float = Field(ge=0, le=1)
    temperature: float = Field(gt=-40, lt=56.7)
    verdict: Literal["keep", "cut", 'say "no"\\\n']


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(gt=0, lt=10)


class Dog(BaseModel):
    kind: Literal["dog"]
    good: bool


class Ideas(BaseModel):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = Field(max_length=3)
    counts: dict[str, int] = Field(max_length=2)
    pair: tuple[bool, int]
    chapters: list["Chapter"] = Field(max_length=2)


class Chapter(BaseModel):
    number: Annotated[int, Field(ge=-5, le=1234)]
    parts: list["Chapter"] = Field(default=[], max_length=2)
    next: "Chapter | None" = None


def number(low: float, high: float, kind: str = "integer") -> dict[str, Any]:
    return {"type": kind, "minimum": low, "maximum": high}


def page_inputs() -> dict[str, Any]:
    facts = {"title": "T", "premise": "P", "genre": "", "language": "en", "rating": "sfw"}
    return {**facts, "seed": 1, "variant": 0, "page_number": 1, "pages": [], "path": []}


TEXT: dict[str, Any] = {"type": "string", "maxLength": 3}
SCHEMAS: dict[str, dict[str, Any]] = {
    "persona": Persona.model_json_schema(),
    "rating": Rating.model_json_schema(),
    "ideas": Ideas.model_json_schema(),
    "no properties": {"type": "object", "properties": {}, "additionalProperties": False},
    "free keys": {"type": "object", "minProperties": 1, "maxProperties": 3},
    "all optional": {"type": "object", "properties": {"a": TEXT, "b": TEXT, "c": TEXT}},
    "some optional": {
        "type": "object",
        "properties": {"a": TEXT, "b": {"type": "null"}, "c": TEXT, "d": {"type": "boolean"}},
        "required": ["c"],
        "additionalProperties": False,
    },
    "odd names": {
        "type": "object",
        "properties": {'two  spaces "q" \\ \n\x7f é🙂': {"const": "x  y"}, "": {"enum": [1, None, 2.5, [1, "a"]]}},
        "required": ['two  spaces "q" \\ \n\x7f é🙂', ""],
    },
    "long string": {"type": "string", "minLength": 2345, "maxLength": 2350},
    "exact string": {"type": "string", "minLength": 7, "maxLength": 7},
    "empty string": {"type": "string", "maxLength": 0},
    "long array": {"type": "array", "items": {"type": "boolean"}, "minItems": 1001, "maxItems": 1003},
    "empty array": {"type": "array", "items": TEXT, "maxItems": 0},
    "type list": {"type": ["string", "null", "integer"], "maxLength": 4, "minimum": -3, "maximum": 12},
    "any of": {"anyOf": [{"type": "array", "items": TEXT, "maxItems": 2}, {"type": "null"}, number(5, 6)]},
    "one of": {"oneOf": [{"type": "null"}, {"type": "string", "maxLength": 2}, {"type": "boolean"}]},
    "enum of a type": {"type": "integer", "enum": [1, 22, "333", None, 4.0]},
    "anything": {"type": "array", "maxItems": 3},
    "whole float bounds": {"type": "integer", "minimum": 1.5, "exclusiveMaximum": 4.0},
    "required free key": {
        "type": "object",
        "required": ["a"],
        "additionalProperties": TEXT,
        "maxProperties": 3,
    },
    "pattern": {"type": "string", "pattern": "^[a-z]+-[0-9]{2}$", "maxLength": 12},
    "format": {"type": "string", "format": "date"},
    "multiple": {"type": "integer", "multipleOf": 3, "minimum": -20, "maximum": 40},
    "any integer": {"type": "integer"},
    "any number": {"type": "number"},
    "above": {"type": "number", "exclusiveMinimum": 0},
    "far below": {"type": "number", "maximum": -(10**10)},
}
SIZE = 2048
VALUES = [-1000, -101, -100, -99, -10, -9, -1, 0, 1, 2, 9, 10, 11, 19, 20, 99, 100, 101, 109, 110, 999, 1000, 1001]


@pytest.fixture(scope="module")
def vocab(model: Path) -> Any:
    native.start_backend()
    # The model stays loaded: its vocabulary belongs to it.
    return llama_cpp.llama_model_get_vocab(native.load_model(str(model), 0, lambda: None))


class RandomModel:
    """Writes with logits of dice under a constraint."""

    def __init__(self, vocab: Any) -> None:
        self.vocab = vocab
        self.pieces = [native.token_bytes(vocab, token) for token in range(SIZE)]
        self.ends = {token for token in range(SIZE) if llama_cpp.llama_vocab_is_eog(vocab, token)}
        self.constraints = JsonConstraints(vocab, self.ends)
        self._buffers = SamplerBuffers(SIZE)
        self._closing = [token for token, piece in enumerate(self.pieces) if piece[:1] in {b'"', b"]", b"}"}]

    def constraint(self, schema: Mapping[str, Any]) -> JsonConstraint:
        return self.constraints.constraint(schema)

    def blindly(self, schema: Mapping[str, Any], seed: int, limit: int, bias: float = 0.0) -> str | None:
        """Return what is written; None if it was not finished after ``limit`` tokens."""
        params = SamplingParams(
            max_tokens=limit, temperature=1.5, top_p=1.0, top_k=SIZE, min_p=0.0, repeat_penalty=1.0, seed=seed
        )
        sampler = Sampler(self.vocab, params, self.constraint(schema), self._buffers)
        dice = np.random.default_rng(seed)
        written = b""
        try:
            for _ in range(limit):
                logits = dice.standard_normal(SIZE, dtype=np.float32) * 3
                logits[self._closing] += bias
                token = sampler.sample_from(logits)
                if token in self.ends:
                    return written.decode("utf-8", "strict")
                written += self.pieces[token]
        finally:
            sampler.close()
        return None

    def accepts(self, schema: Mapping[str, Any], text: str) -> bool:
        """Return whether ``text``, token by token, fits the schema."""
        constraint = self.constraint(schema)
        return all(constraint.consume(token) for token in [*native.tokenize(self.vocab, text), IM_END])


@pytest.fixture(scope="module")
def random_model(vocab: Any) -> RandomModel:
    return RandomModel(vocab)


@pytest.mark.parametrize("part", range(6))
def test_random_schemas(random_model: RandomModel, part: int) -> None:
    for number, schema in enumerate(random_schemas(times(7, 60), seed=part)):
        validator = jsonschema.Draft202012Validator(schema)
        for seed, bias in ((number, 0.0), (number + 1000, 6.0)):
            text = random_model.blindly(schema, seed, 3000, bias)
            assert text is not None, schema
            validator.validate(json.loads(text))


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_written_blindly_fits_the_schema(random_model: RandomModel, name: str) -> None:
    schema, ready = SCHEMAS[name], 0
    limit = 4000 if name.startswith("long") else 400
    for seed in range(3 if name.startswith("long") else times(10, 25)):
        text = random_model.blindly(schema, seed, limit, bias=seed % 5)
        if text is not None:
            ready += 1
            jsonschema.validate(json.loads(text), schema)
    assert ready >= 3


@pytest.mark.parametrize("bias", [0.0, 6.0])
def test_the_products_own_schemas(random_model: RandomModel, bias: float) -> None:
    page = PageInputs.model_validate(page_inputs())
    choices = ChoicesInputs.model_validate(page_inputs() | {"page_text": "x", "count": 3})
    asked = Asked(CraftSettings())
    for schema in (WritePage().schema(page, asked=asked), SuggestChoices().schema(choices, asked=asked)):
        assert schema is not None
        for seed in range(times(3, 8)):
            text = random_model.blindly(schema, seed, 1500, bias)
            if bias:
                assert text is not None
            if text is not None:
                jsonschema.validate(json.loads(text), schema)


def test_integer_ranges_are_exact(random_model: RandomModel) -> None:
    dice = np.random.default_rng(0)
    for _ in range(times(20, 60)):
        low, high = sorted(int(value) for value in dice.choice(VALUES, 2))
        schema = number(low, high)
        near = [low - 1, low, low + 1, high - 1, high, high + 1, -low, -high, 10 * high, *VALUES]
        for value in near:
            assert random_model.accepts(schema, str(value)) == (low <= value <= high), (low, high, value)
        assert not any(random_model.accepts(schema, text) for text in (f"0{abs(high)}", "", "--1", "1.0", "1e1"))
        assert not random_model.accepts(schema, "-0") or low <= 0 <= high


def test_decimal_ranges_are_exact(random_model: RandomModel) -> None:
    dice = np.random.default_rng(1)
    for _ in range(times(20, 60)):
        low, high = sorted(round(float(value), int(dice.integers(0, 4))) for value in dice.uniform(-12, 12, 2))
        opened = bool(dice.integers(0, 2)) and low < high
        keys = ("exclusiveMinimum", "exclusiveMaximum") if opened else ("minimum", "maximum")
        schema = {"type": "number", keys[0]: low, keys[1]: high}
        values = [low, high, (low + high) / 2, low - 0.001, low + 0.001, high - 0.001, high + 0.001, 0.0, -low, -high]
        values += [math.floor(low), math.ceil(high), 0.5, -0.5, *dice.uniform(-13, 13, 20)]
        for value in values:
            for text in {f"{value:.6f}", f"{value:.3f}", f"{value:.0f}"}:
                read = float(text)
                inside = low < read < high if opened else low <= read <= high
                accepted = random_model.accepts(schema, text)
                assert accepted <= inside, (low, high, opened, text)
                # Zeros at the end are not always allowed.
                assert accepted or not inside or text.endswith("0"), (low, high, opened, text)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ('"Grüße, 世界 🙂"', True),
        (r'"a\"b\\c/d\n\t\r"', True),
        (r'"\u00e9"', False),
        (r'"\ud83d\ude00"', False),
        (r'"\uDFFF"', False),
        (r'"\u0000"', False),
        (r'"\u001f"', False),
        (r'"\b"', False),
        (r'"\x41"', False),
        ('"line\nbreak"', False),
        ('"tab\t"', False),
        ('"\x7f"', False),
        ('"open', False),
        ("bare", False),
    ],
)
def test_strings(random_model: RandomModel, text: str, accepted: bool) -> None:
    assert random_model.accepts({"type": "string"}, text) == accepted
    if accepted:
        json.loads(text)


def test_lengths_count_code_points(random_model: RandomModel) -> None:
    schema = {"type": "string", "minLength": 2, "maxLength": 3}
    accepted = [random_model.accepts(schema, json.dumps("🙂" * n, ensure_ascii=False)) for n in range(5)]
    assert accepted == [False, False, True, True, False]
    assert random_model.accepts(schema, r'"\n\n"')
    assert not random_model.accepts(schema, r'"\n"')


@pytest.mark.parametrize("length", [999, 1000, 1001, 2000, 2500, 3000, 3001])
def test_long_limits_are_exact(random_model: RandomModel, length: int) -> None:
    schema = {"type": "string", "minLength": length - 1, "maxLength": length}
    lengths = [length - 2, length - 1, length, length + 1]
    texts = [f'"{"ab" * (n // 2)}{"c" * (n % 2)}"' for n in lengths]
    assert [random_model.accepts(schema, text) for text in texts] == [False, True, True, False]


def test_definitions_that_contain_themselves_end() -> None:
    assert len(json.dumps(bounded(Chapter.model_json_schema()))) < 100_000


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"$ref": "#/nowhere"}, "$ref"),
        ({"$ref": "http://elsewhere"}, "$ref"),
        ({"$ref": "#"}, "without end"),
        ({"type": "nonsense"}, "nonsense"),
        ({"type": "array", "items": 7}, "7"),
        ({"type": "string", "format": "made up"}, "format"),
        (number(-(10**20), 10**20), "range"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "object", "patternProperties": {}}, "patternProperties"),
        ({"not": {}}, "not"),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, "allOf"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf"),
        ({"anyOf": [{"type": "null"}], "maxLength": 3}, "maxLength"),
        ({"type": "object", "required": ["a"], "properties": {"b": {}}}, "'a'"),
        ({"type": "object", "propertyNames": {"maxLength": 3}}, "propertyNames"),
        ({"type": "object", "properties": {"a": 1, "b": {}}}, "schema"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "greater than"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "greater than"),
        ({"type": "string", "minLength": -1}, "minLength"),
        ({"type": "string", "minLength": 10**6}, "minLength"),
        ({"enum": []}, "empty"),
        ({"const": "\ud800"}, "escape"),
        ({"properties": 3}, "malformed"),
        ({"type": "number", "minimum": 1e300}, "minimum"),
        ({"enum": [object()]}, "JSON"),
        ({"enum": [math.nan]}, "JSON"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(
    random_model: RandomModel, schema: Mapping[str, Any], named: str
) -> None:
    with pytest.raises(UnsupportedSchema, match=named.replace("$", r"\$")):
        random_model.constraint(schema)


def test_deep_schemas_are_refused(random_model: RandomModel) -> None:
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"type": "array", "items": schema}
    with pytest.raises(UnsupportedSchema, match="nested"):
        random_model.constraint(schema)
