"""Grammars of JSON schemas: whatever is written to its end fits the schema, also by a model that draws blindly."""

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

from tests.models.tiny_gguf import IM_END
from workers.engines.text.llama.protocol import SamplingParams
from workers.engines.text.llama.server import native
from workers.engines.text.llama.server.grammar import UnsupportedSchema, grammar_of
from workers.engines.text.llama.server.sampler import Sampler, SamplerBuffers
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
    "very large": number(-(10**20), 10**20),
    "any integer": {"type": "integer"},
    "any number": {"type": "number"},
    "above": {"type": "number", "exclusiveMinimum": 0},
    "far below": {"type": "number", "maximum": -(10**10)},
}
VALUES = [-1000, -101, -100, -99, -10, -9, -1, 0, 1, 2, 9, 10, 11, 19, 20, 99, 100, 101, 109, 110, 999, 1000, 1001]


@pytest.fixture(scope="module")
def vocab(model: Path) -> Any:
    native.start_backend()
    # The model stays loaded: its vocabulary belongs to it.
    return llama_cpp.llama_model_get_vocab(native.load_model(str(model), 0, lambda: None))


@pytest.fixture(scope="module")
def buffers(vocab: Any) -> SamplerBuffers:
    return SamplerBuffers(2048)


def blindly(vocab: Any, buffers: SamplerBuffers, grammar: str, seed: int, limit: int, bias: float = 0.0) -> str | None:
    """Return what a model writes whose logits are dice; None if it was not ready after ``limit`` tokens."""
    params = SamplingParams(
        max_tokens=limit, temperature=1.5, top_p=1.0, top_k=2048, min_p=0.0, repeat_penalty=1.0, seed=seed
    )
    sampler = Sampler(vocab, params, grammar, buffers)
    texts = buffers.texts(vocab)
    closing = [token for token, piece in enumerate(texts.pieces) if piece[:1] in {b'"', b"]", b"}"}]
    dice = np.random.default_rng(seed)
    written = b""
    try:
        for _ in range(limit):
            logits = dice.standard_normal(2048, dtype=np.float32) * 3
            logits[closing] += bias
            token = sampler.sample_from(logits)
            if token in texts.ends:
                return written.decode("utf-8", "strict")
            written += texts.pieces[token]
    finally:
        sampler.close()
    return None


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_written_blindly_fits_the_schema(vocab: Any, buffers: SamplerBuffers, name: str) -> None:
    schema, ready = SCHEMAS[name], 0
    limit = 4000 if name.startswith("long") else 400
    for seed in range(3 if name.startswith("long") else 25):
        text = blindly(vocab, buffers, grammar_of(schema), seed, limit, bias=seed % 5)
        if text is not None:
            ready += 1
            jsonschema.validate(json.loads(text), schema)
    assert ready >= 3


@pytest.mark.parametrize("bias", [0.0, 6.0])
def test_the_products_own_schemas(vocab: Any, buffers: SamplerBuffers, bias: float) -> None:
    page = PageInputs.model_validate(page_inputs())
    choices = ChoicesInputs.model_validate(page_inputs() | {"page_text": "x", "count": 3})
    for schema in (WritePage().schema(page), SuggestChoices().schema(choices)):
        for seed in range(8):
            text = blindly(vocab, buffers, grammar_of(schema), seed, 1500, bias)
            if bias:
                assert text is not None
            if text is not None:
                jsonschema.validate(json.loads(text), schema)


def test_integer_ranges_are_exact(vocab: Any, buffers: SamplerBuffers) -> None:
    dice = np.random.default_rng(0)
    for _ in range(60):
        low, high = sorted(int(value) for value in dice.choice(VALUES, 2))
        accepts = Acceptor(vocab, buffers, grammar_of(number(low, high)))
        near = [low - 1, low, low + 1, high - 1, high, high + 1, -low, -high, 10 * high, *VALUES]
        for value in near:
            assert accepts(str(value)) == (low <= value <= high), (low, high, value)
        assert not any(accepts(text) for text in ("-0", f"0{high}", ""))


def test_decimal_ranges_are_exact(vocab: Any, buffers: SamplerBuffers) -> None:
    dice = np.random.default_rng(1)
    for _ in range(60):
        low, high = sorted(round(float(value), int(dice.integers(0, 4))) for value in dice.uniform(-12, 12, 2))
        opened = bool(dice.integers(0, 2)) and low < high
        keys = ("exclusiveMinimum", "exclusiveMaximum") if opened else ("minimum", "maximum")
        accepts = Acceptor(vocab, buffers, grammar_of({"type": "number", keys[0]: low, keys[1]: high}))
        values = [low, high, (low + high) / 2, low - 0.001, low + 0.001, high - 0.001, high + 0.001, 0.0, -low, -high]
        values += [math.floor(low), math.ceil(high), 0.5, -0.5, *dice.uniform(-13, 13, 20)]
        for value in values:
            for text in {f"{value:.6f}", f"{value:.3f}", f"{value:.0f}"}:
                read = float(text)
                inside = low < read < high if opened else low <= read <= high
                assert accepts(text) == inside, (low, high, opened, text)


class Acceptor:
    """Tells whether a grammar takes a whole text, token by token."""

    def __init__(self, vocab: Any, buffers: SamplerBuffers, grammar: str) -> None:
        self._vocab, self._buffers, self._grammar = vocab, buffers, grammar

    def __call__(self, text: str) -> bool:
        params = SamplingParams(max_tokens=1, temperature=0, top_p=1, top_k=1, min_p=0, repeat_penalty=1, seed=0)
        sampler = Sampler(self._vocab, params, self._grammar, self._buffers)
        try:
            for token in [*native.tokenize(self._vocab, text), IM_END]:
                logits = np.zeros(2048, np.float32)
                logits[token] = 10
                if sampler.sample_from(logits) != token:
                    return False
        finally:
            sampler.close()
        return True


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ('"Grüße, 世界 🙂"', True),
        (r'"a\"b\\c\/d\n\t\r"', True),
        (r'"\u00e9\u2019\uD7FF\uE000\uffff"', True),
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
def test_strings(vocab: Any, buffers: SamplerBuffers, text: str, accepted: bool) -> None:
    assert Acceptor(vocab, buffers, grammar_of({"type": "string"}))(text) == accepted
    if accepted:
        json.loads(text)


def test_lengths_count_code_points(vocab: Any, buffers: SamplerBuffers) -> None:
    accepts = Acceptor(vocab, buffers, grammar_of({"type": "string", "minLength": 2, "maxLength": 3}))
    assert [accepts(json.dumps("🙂" * n, ensure_ascii=False)) for n in range(5)] == [False, False, True, True, False]
    assert accepts(r'"\n\n"')
    assert not accepts(r'"\n"')


@pytest.mark.parametrize("length", [999, 1000, 1001, 2000, 2500, 3000, 3001])
def test_long_limits_are_exact(vocab: Any, buffers: SamplerBuffers, length: int) -> None:
    accepts = Acceptor(vocab, buffers, grammar_of({"type": "string", "minLength": length - 1, "maxLength": length}))
    lengths = [length - 2, length - 1, length, length + 1]
    assert [accepts(f'"{"ab" * (n // 2)}{"c" * (n % 2)}"') for n in lengths] == [False, True, True, False]


def test_definitions_that_contain_themselves_end() -> None:
    grammar = grammar_of(Chapter.model_json_schema())
    assert len(grammar) < 100_000


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"$ref": "#/nowhere"}, "$ref"),
        ({"$ref": "http://elsewhere"}, "$ref"),
        ({"$ref": "#"}, "without end"),
        ({"type": "nonsense"}, "nonsense"),
        ({"type": "array", "items": 7}, "7"),
        ({"type": "string", "pattern": "a+"}, "pattern"),
        ({"type": "string", "format": "date"}, "format"),
        ({"type": "integer", "multipleOf": 3}, "multipleOf"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "object", "patternProperties": {}}, "patternProperties"),
        ({"not": {}}, "not"),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, "allOf"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf"),
        ({"anyOf": [{"type": "null"}], "maxLength": 3}, "maxLength"),
        ({"type": "object", "required": ["a"], "properties": {}}, "required"),
        ({"type": "object", "properties": {"a": 1, "b": {}}}, "schema"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "nothing fits"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "nothing fits"),
        ({"type": "string", "minLength": -1}, "minLength"),
        ({"type": "string", "minLength": 10**6}, "minLength"),
        ({"enum": []}, "nothing fits"),
        ({"const": "\ud800"}, "surrogate"),
        ({"properties": 3}, "malformed"),
        ({"type": "number", "minimum": 1e300}, "minimum"),
        ({"enum": [object()]}, "malformed"),
        ({"enum": [math.nan]}, "malformed"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(schema: Mapping[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedSchema, match=named.replace("$", r"\$")):
        grammar_of(schema)


def test_deep_schemas_are_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"type": "array", "items": schema}
    with pytest.raises(UnsupportedSchema, match="nested"):
        grammar_of(schema)
