"""The AI functions without a model: `AiFunction.offline`."""

from typing import Any

import pytest

from workers.functions.answer_as_persona import AnswerAsPersona, PersonaInputs
from workers.functions.suggest_choices import ChoicesInputs, SuggestChoices
from workers.functions.write_page import FIRST_ENDING_PAGE, PageInputs, WritePage
from workers.offline import story

STORY: dict[str, Any] = {
    "title": "The Door", "premise": "a keeper finds a door under the sea", "genre": "fantasy", "language": "en",
    "rating": "sfw", "seed": 1, "variant": 0, "page_number": 1, "path": [], "pages": [],
}  # fmt: skip
BOLD = {"text": "Go on", "kind": "bold"}


def test_a_page_and_its_choices() -> None:
    page = WritePage().offline(PageInputs(**STORY))
    assert page.title
    assert not page.ending
    choices = SuggestChoices().offline(ChoicesInputs(**STORY, page_text=page.text, count=3)).choices
    assert sorted(choice.kind for choice in choices) == ["bold", "careful", "curious"]
    assert len(SuggestChoices().offline(ChoicesInputs(**STORY, page_text=page.text, count=2)).choices) == 2


def test_the_same_story_for_the_same_seed() -> None:
    first = WritePage().offline(PageInputs(**STORY))
    assert first == WritePage().offline(PageInputs(**STORY))
    assert first != WritePage().offline(PageInputs.model_validate({**STORY, "seed": 2}))
    assert first.text.startswith(story.write_page(story.position_of(STORY)).text[:40])


def test_an_ending_that_is_asked_for_is_one() -> None:
    assert WritePage().offline(PageInputs.model_validate({**STORY, "ending": True})).ending
    long_ago: dict[str, Any] = {**STORY, "page_number": 14, "path": [BOLD], "pages": [{"title": "", "text": "x"}]}
    assert long_ago["page_number"] > FIRST_ENDING_PAGE
    assert WritePage().offline(PageInputs(**long_ago)).ending


def test_a_persona_answers() -> None:
    said = PersonaInputs(
        persona={"name": "Bo"}, user_name="Sam", language="en", message="hello", history=[], seed=1, variant=0
    )
    answer = AnswerAsPersona().offline(said)
    assert answer.text
    assert not answer.stopped


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"path": "nonsense", "seed": "x", "variant": -3, "page_number": "two", "premise": None},
        {"path": [None, 3, {"text": None}, {"kind": "sly"}], "page_number": 1},
        {"page_number": 99},
    ],
)
def test_a_position_is_found_whatever_the_inputs(inputs: dict[str, Any]) -> None:
    position = story.position_of(inputs)
    assert story.write_page(position).text
    assert len(story.suggest_choices(position, 3)) == 3
