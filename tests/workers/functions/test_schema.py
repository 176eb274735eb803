"""Schemas derive from models, and say the same as what reads the answers."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tests.effort import times
from tests.workers.craft.passages import good_pages
from tests.workers.functions.test_engine import HELLO
from workers.craft.pages import PageFacts, examine_page
from workers.craft.settings import CraftSettings
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.examiners import Asked
from workers.functions.extract_scenes import MAX_CHARACTERS, MOODS, NAME_LENGTH, ExtractScenes, SceneInputs
from workers.functions.forms import pattern_of, schema_of
from workers.functions.schema import answer_schema
from workers.functions.suggest_choices import (
    CHOICE_LENGTH,
    KINDS,
    MIN_CHOICE_LENGTH,
    ChoiceList,
    ChoicesInputs,
    SuggestChoices,
)
from workers.functions.write_image_prompt import NEGATIVE_LIMIT, PROMPT_LIMIT, ImagePromptInputs, WriteImagePrompt
from workers.functions.write_page import (
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


ASKED = Asked(CraftSettings())
SHORTER = Asked(CraftSettings(page_chars=120, ending_chars=60, choice_min_chars=4, choice_max_chars=40))
OWN = Asked(CraftSettings(), own_prompt=True)


def page_chars(asked: Asked | None, **story: Any) -> int:
    """The minimum of a page's text, by its schema."""
    return WritePage().schema(PAGE.model_copy(update=story), asked=asked)["properties"]["text"]["minLength"]


def choice_chars(asked: Asked | None, language: str = "en") -> tuple[int, int]:
    """The bounds of a choice's text, by its schema."""
    inputs = CHOICES.model_copy(update={"language": language})
    text = SuggestChoices().schema(inputs, asked=asked)["properties"]["choices"]["items"]["properties"]["text"]
    return text["minLength"], text["maxLength"]


def test_what_is_asked_for_is_what_is_examined() -> None:
    assert (page_chars(ASKED), page_chars(ASKED, ending=True)) == (350, 200)
    assert (page_chars(SHORTER), page_chars(SHORTER, ending=True)) == (120, 60)
    assert (choice_chars(ASKED), choice_chars(SHORTER)) == ((8, 120), (4, 40))
    assert WritePage().pattern(PAGE, "You", asked=SHORTER).endswith(f"{{117,{TEXT_LIMIT}}}")
    assert "{4,30}" in SuggestChoices().pattern(CHOICES, "1.", asked=SHORTER)
    assert "{8,90}" in SuggestChoices().pattern(CHOICES, "1.", asked=ASKED)


@pytest.mark.parametrize("language", ["zh", "ja", "ko"])
def test_a_dense_script_is_asked_for_fewer_characters_and_these_are_enough(language: str) -> None:
    least = page_chars(ASKED, language=language)
    text = good_pages()["zh" if language == "ko" else language][0] * 2
    assert least == 175
    assert "short" not in {each.check for each in examine_page(text[:least], PageFacts(), ASKED.settings).failed}
    assert choice_chars(ASKED, language)[0] == 2


def test_somebodys_own_prompt_and_a_call_of_old_are_asked_for_no_length() -> None:
    for asked in (OWN, None):
        assert page_chars(asked) == 1
        assert choice_chars(asked)[0] == MIN_CHOICE_LENGTH
        assert AnswerAsPersona().pattern(HELLO, "", asked=asked).endswith("{1,6000}")
    assert AnswerAsPersona().pattern(HELLO, "", asked=ASKED).endswith("{20,6000}")
    told = HELLO.model_copy(update={"persona": {**HELLO.persona, "system_prompt": "Answer in one word."}})
    assert AnswerAsPersona().pattern(told, "", asked=ASKED).endswith("{1,6000}")


class OfOld(WritePage):
    """A package's function, from before its forms were told what is asked for."""

    name = "of_old"

    def schema(self, inputs: PageInputs) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return {"type": "object"}

    def pattern(self, inputs: PageInputs, opening: str) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return "a+"


def test_a_function_whose_forms_are_not_told_what_is_asked_for_keeps_them() -> None:
    assert schema_of(OfOld(), PAGE, ASKED) == {"type": "object"}
    assert pattern_of(OfOld(), PAGE, "You", ASKED) == "a+"
    assert schema_of(WritePage(), PAGE, ASKED) == WritePage().schema(PAGE, asked=ASKED)


def test_the_forms_that_grammars_are_made_of() -> None:
    assert WritePage().schema(PAGE, asked=ASKED) == {
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
    assert SuggestChoices().schema(CHOICES, asked=ASKED) == {
        "type": "object",
        "properties": {"choices": {"type": "array", "minItems": 2, "maxItems": 3, "items": choice}},
        "required": ["choices"],
        "additionalProperties": False,
    }
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
