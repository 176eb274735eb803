"""Answers in other shapes than asked for: brought into shape, then validated."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import times
from workers.functions.coercion import coerced
from workers.functions.parsing import ParseFailed
from workers.functions.schema import answer_shape
from workers.functions.suggest_choices import ChoiceList, ChoicesInputs, SuggestChoices
from workers.functions.write_page import TITLE_LIMIT, PageDraft, PageInputs, WritePage

STORY: dict[str, Any] = {
    "title": "", "premise": "a keeper", "genre": "", "language": "en", "rating": "sfw", "seed": 1, "variant": 0,
    "page_number": 5, "path": [], "pages": [],
}  # fmt: skip
PAGE = PageInputs(**STORY)
CHOICES = ChoicesInputs(**STORY, page_text="x", count=3)
KEY, ASK = "Take the key", "Ask him"

CHOICE_SHAPES: dict[str, Any] = {
    "texts": {"choices": [KEY, ASK]},
    "other keys": {"choices": [{"action": KEY, "type": "bold"}, {"action": ASK, "type": "careful"}]},
    "unknown keys": {"choices": [{"id": 1, "was_tun": KEY}, {"id": 2, "was_tun": ASK}]},
    "a title and a description": {
        "choices": [{"title": KEY, "description": "It is cold."}, {"title": ASK, "description": "He knows more."}]
    },
    "capital kinds": {"choices": [{"text": KEY, "kind": "Bold"}, {"text": ASK, "kind": "CAREFUL"}]},
    "unknown kinds": {"choices": [{"text": KEY, "kind": "reckless"}, {"text": ASK, "kind": None}]},
    "a bare list": [KEY, ASK],
    "a bare list of objects": [{"text": KEY}, {"text": ASK}],
    "another name of the list": {"options": [KEY, ASK]},
    "an object of numbers": {"choices": {"1": KEY, "2": ASK}},
    "an object of objects": {"choices": {"a": {"text": KEY}, "b": {"text": ASK}}},
    "numbers at the top": {"1": KEY, "2": ASK},
    "numbered texts": {"choices": [f"1. {KEY}", f"2) {ASK}"]},
    "numbered texts in objects": {"choices": [{"text": f"1. {KEY}"}, {"text": f"**B. {ASK}**"}]},
    "labelled texts": {"choices": [f"Bold: {KEY}", f"{ASK} (careful)"]},
    "one text of lines": {"choices": f"1. {KEY}\n2. {ASK}"},
    "nothing among them": {"choices": [KEY, None, "", ASK]},
    "one broken among them": {"choices": [{"text": KEY}, {"kind": "bold"}, {"text": ASK}]},
    "wrapped": {"answer": {"choices": [KEY, ASK]}},
    "wrapped in a list": [{"choices": [KEY, ASK]}],
    "texts in parts": {"choices": [{"text": [KEY]}, {"text": {"value": ASK}}]},
    "kinds as keys": [{"kind": "bold", "choice": KEY}, {"kind": "careful", "choice": ASK}],
}


@pytest.mark.parametrize("shape", CHOICE_SHAPES)
async def test_choices_are_read_in_any_shape(shape: str) -> None:
    found = await SuggestChoices().parse(json.dumps(CHOICE_SHAPES[shape]), CHOICES)
    assert [choice.text for choice in found.choices] == [KEY, ASK]


@pytest.mark.parametrize("shape", ["other keys", "capital kinds", "labelled texts", "kinds as keys"])
async def test_kinds_are_read_too(shape: str) -> None:
    found = await SuggestChoices().parse(json.dumps(CHOICE_SHAPES[shape]), CHOICES)
    assert [choice.kind for choice in found.choices] == ["bold", "careful"]


@pytest.mark.parametrize(
    "text", [f"1. {KEY}\n2. {ASK}", f"Sure! Here they are:\n\n- {KEY}\n- {ASK}\n\nEnjoy!", f"A) {KEY}\nB) {ASK}"]
)
async def test_choices_are_read_from_a_plain_list(text: str) -> None:
    assert [choice.text for choice in (await SuggestChoices().parse(text, CHOICES)).choices] == [KEY, ASK]


TEXT = "The door opens."
PAGE_SHAPES: dict[str, Any] = {
    "nothing for the title": {"title": None, "text": TEXT, "ending": False},
    "nothing for the ending": {"title": "Below", "text": TEXT, "ending": None},
    "text as a list": {"title": "Below", "text": ["The door", "opens."], "ending": False},
    "text in parts": {"title": "Below", "text": [{"type": "text", "text": TEXT}]},
    "a long title": {"title": "Below the sea " * 20, "text": TEXT},
    "content": {"title": "Below", "content": TEXT},
    "story": {"heading": "Below", "story": TEXT, "is_ending": "no"},
    "capital keys": {"Title": "Below", "Text": TEXT, "Ending": "False"},
    "an unknown key": {"titre": "Below", "texte": TEXT},
    "a word for the ending": {"title": "Below", "text": TEXT, "ending": "not yet"},
    "a number for the title": {"title": 7, "text": TEXT},
    "a list for the title": {"title": ["Below"], "text": TEXT},
    "wrapped": {"page": {"title": "Below", "text": TEXT}},
}


@pytest.mark.parametrize("shape", PAGE_SHAPES)
async def test_pages_are_read_in_any_shape(shape: str) -> None:
    found = await WritePage().parse(json.dumps(PAGE_SHAPES[shape]), PAGE)
    assert found.text.replace("\n\n", " ") == TEXT
    assert len(found.title) <= TITLE_LIMIT
    assert not found.ending


async def test_a_page_that_ends_says_so_in_other_words() -> None:
    for ending in ("yes", "TRUE", 1):
        assert (await WritePage().parse(json.dumps({"text": TEXT, "ending": ending}), PAGE)).ending


async def test_a_guess_comes_last() -> None:
    answer = f'{{"thought": "They want a page."}}\n{json.dumps({"title": "Below", "text": TEXT})}'
    assert (await WritePage().parse(answer, PAGE)).text == TEXT
    with pytest.raises(ParseFailed):
        await SuggestChoices().parse('{"thought": "They want choices."}', CHOICES)


def test_what_is_shown_meanwhile_has_the_same_names() -> None:
    assert WritePage().preview('{"title": "Below", "content": "The door op') == "The door op"
    assert WritePage().preview('{"text": ["The door", "op') == "The door\n\nop"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
named = st.dictionaries(
    st.sampled_from(["title", "text", "ending", "choices", "kind", "content", "Text", "options", "1"]),
    json_values | st.lists(st.dictionaries(st.sampled_from(["text", "kind", "type", "x"]), json_values, max_size=3)),
    max_size=5,
)


@settings(max_examples=times(40, 5000), deadline=None)
@given(json_values | named, st.booleans())
def test_any_json_is_coerced_without_an_error(value: Any, guess: bool) -> None:
    for model in (PageDraft, ChoiceList):
        json.dumps(coerced(value, answer_shape(model), guess=guess))


@settings(max_examples=times(25, 2000), deadline=None)
@given(json_values | named)
async def test_any_json_is_an_answer_or_none(value: Any) -> None:
    answer = json.dumps(value)
    with contextlib.suppress(ParseFailed):
        await WritePage().parse(answer, PAGE)
    with contextlib.suppress(ParseFailed):
        await SuggestChoices().parse(answer, CHOICES)
