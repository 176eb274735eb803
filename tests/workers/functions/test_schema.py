"""Schemas derive from models, and say the same as what reads the answers."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tests.effort import times
from workers.craft.settings import CraftSettings
from workers.functions.extract_scenes import MAX_CHARACTERS, MOODS, NAME_LENGTH, ExtractScenes, SceneInputs
from workers.functions.schema import answer_schema
from workers.functions.suggest_choices import (
    ASKED_LENGTH,
    CHOICE_LENGTH,
    KINDS,
    ChoiceList,
    ChoicesInputs,
    SuggestChoices,
)
from workers.functions.write_image_prompt import NEGATIVE_LIMIT, PROMPT_LIMIT, ImagePromptInputs, WriteImagePrompt
from workers.functions.write_page import (
    LEAST_CHARS,
    LEAST_ENDING,
    TEXT_LIMIT,
    TITLE_LIMIT,
    PageDraft,
    PageInputs,
    WritePage,
)

STORY: dict[str, Any] = {
    "title": "", "premise": "a keeper", "genre": "", "language": "en", "rating": "sfw", "seed": 1, "variant": 0,
    "page_number": 5, "path": [], "pages": [],
}  # fmt: skip
PAGE = PageInputs(**STORY)
CHOICES = ChoicesInputs(**STORY, page_text="x", count=3)
CHOICES_READ = answer_schema(ChoiceList, choices={"minItems": 2, "maxItems": 3})
"""The bounds of what is read, which are wider than what is asked for."""
WORDS = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="<[\\"), min_size=1)


def plain(size: int) -> st.SearchStrategy[str]:
    """Text without blanks at its ends or twice, as parsing leaves it."""
    return st.lists(WORDS, min_size=1, max_size=20).map(lambda words: " ".join(words)[:size].strip() or "word")


def test_what_is_asked_for_is_what_is_examined() -> None:
    craft = CraftSettings()
    assert (craft.page_chars, craft.ending_chars) == (LEAST_CHARS, LEAST_ENDING)
    assert {"minLength": craft.choice_min_chars, "maxLength": craft.choice_max_chars} == ASKED_LENGTH


def test_the_forms_that_grammars_are_made_of() -> None:
    assert WritePage().schema(PAGE) == {
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": TITLE_LIMIT},
            "text": {"type": "string", "minLength": 350, "maxLength": TEXT_LIMIT},
            "ending": {"type": "boolean"},
        },
        "required": ["title", "text", "ending"],
        "additionalProperties": False,
    }
    choice = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 8, "maxLength": 120},
            "kind": {"type": "string", "enum": list(KINDS)},
        },
        "required": ["text", "kind"],
        "additionalProperties": False,
    }
    assert SuggestChoices().schema(CHOICES) == {
        "type": "object",
        "properties": {"choices": {"type": "array", "minItems": 2, "maxItems": 3, "items": choice}},
        "required": ["choices"],
        "additionalProperties": False,
    }
    ending = WritePage().schema(PAGE.model_copy(update={"ending": True}))
    assert ending["properties"]["text"]["minLength"] == LEAST_ENDING
    scenes = ExtractScenes().schema(SceneInputs(page_text="x", count=2))["properties"]["scenes"]
    assert (scenes["minItems"], scenes["maxItems"]) == (1, 2)
    assert scenes["items"]["properties"] == {
        "description": {"type": "string", "minLength": 20, "maxLength": 500},
        "characters": {
            "type": "array", "maxItems": MAX_CHARACTERS, "items": {"type": "string", "maxLength": NAME_LENGTH}
        },
        "mood": {"type": "string", "enum": list(MOODS)},
    }  # fmt: skip
    prompt = WriteImagePrompt().schema(ImagePromptInputs())
    assert prompt is not None
    assert prompt["properties"] == {
        "prompt": {"type": "string", "minLength": 200, "maxLength": PROMPT_LIMIT},
        "negative": {"type": "string", "maxLength": NEGATIVE_LIMIT},
    }


def test_bounds_of_one_request_change_no_other() -> None:
    few, many = CHOICES.model_copy(update={"count": 2}), CHOICES.model_copy(update={"count": 4})
    assert SuggestChoices().schema(few)["properties"]["choices"]["maxItems"] == 2
    assert SuggestChoices().schema(many)["properties"]["choices"]["maxItems"] == 4


class Leaf(BaseModel):
    """Something inside."""

    size: int = Field(ge=1, le=9)
    note: str | None = None


class Tree(BaseModel):
    """Something with references."""

    title: str
    left: Leaf
    leaves: list[Leaf] = Field(default_factory=list[Leaf], max_length=2)


class Endless(BaseModel):
    """Something that contains itself."""

    inner: "list[Endless]"


def test_references_and_remarks_are_gone() -> None:
    schema = answer_schema(Tree)
    text = json.dumps(schema)
    assert not [word for word in ("$ref", "$defs", "description", "default") if word in text]
    assert set(schema["properties"]) == {"title", "left", "leaves"}
    assert schema["properties"]["left"]["properties"]["size"] == {"type": "integer", "minimum": 1, "maximum": 9}
    jsonschema.validate({"title": "", "left": {"size": 3, "note": None}, "leaves": []}, schema)
    with pytest.raises(ValueError, match="Endless contains itself"):
        answer_schema(Endless)


@settings(deadline=None)
@given(plain(TITLE_LIMIT), plain(TEXT_LIMIT), st.booleans())
async def test_a_page_in_bounds_is_read_as_it_is(title: str, text: str, ending: bool) -> None:
    answer = {"title": title, "text": text, "ending": ending}
    jsonschema.validate(answer, answer_schema(PageDraft))
    assert (await WritePage().parse(json.dumps(answer), PAGE)).model_dump() == answer


@settings(deadline=None, max_examples=times(20, 50))
@given(st.text(max_size=300), st.text(min_size=1, max_size=300).map(lambda text: text * 40), st.booleans())
async def test_whatever_page_is_read_is_in_bounds(title: str, text: str, ending: bool) -> None:
    answer = json.dumps({"title": title, "text": f"x {text}", "ending": ending})
    page = await WritePage().parse(answer, PAGE)
    jsonschema.validate(page.model_dump(), answer_schema(PageDraft))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(plain(CHOICE_LENGTH - 5).map(lambda text: f"Go {text} x"), st.sampled_from(KINDS)),
        min_size=2,
        max_size=3,
        unique_by=lambda choice: choice[0].casefold(),
    )
)
async def test_choices_in_bounds_are_read_as_they_are(choices: list[tuple[str, str]]) -> None:
    answer = {"choices": [{"text": text, "kind": kind} for text, kind in choices]}
    jsonschema.validate(answer, CHOICES_READ)
    assert (await SuggestChoices().parse(json.dumps(answer), CHOICES)).model_dump() == answer


@settings(deadline=None, max_examples=times(20, 50))
@given(st.lists(st.text(max_size=250), min_size=4, max_size=9, unique=True))
async def test_whatever_choices_are_read_are_in_bounds(texts: list[str]) -> None:
    offered = ["Go in", "Wait", *texts]
    answer = json.dumps({"choices": [{"text": text} for text in offered]})
    found = await SuggestChoices().parse(answer, CHOICES)
    jsonschema.validate(found.model_dump(), CHOICES_READ)
