"""What models of medium size are told: fewer rules and an example, which is as good as what is asked for."""

import json
from typing import Any

import pytest

from prompts.registry import default_registry
from prompts.render import render
from prompts.sizes import SizeClass
from prompts.template import PromptTemplate
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.functions.test_engine import CHOICES, GOOD_CHOICES, GOOD_PAGE, HELLO, PAGE, Bench, bench
from workers.craft.choices import ChoiceFacts, ExaminedChoice, examine_choices
from workers.craft.pages import PageFacts, examine_page
from workers.craft.settings import CraftSettings
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.suggest_choices import ChoiceList, SuggestChoices
from workers.functions.write_page import PageDraft, WritePage

__all__ = ["bench"]
SETTINGS = CraftSettings()
STORY = {
    "title": "The Door", "premise": "a keeper finds a door", "genre": "fantasy", "language": "English",
    "rating": "general", "page_number": 1, "recent_pages": [],
}  # fmt: skip


def medium(*script: str) -> ScriptedEngine:
    return ScriptedEngine(script, name="qwen", model_names=("qwen2.5-7b-instruct",))


def template(name: str, size: SizeClass = "medium") -> PromptTemplate:
    return default_registry().get(name, size)


def example(name: str) -> tuple[str, Any]:
    """The request and the answer that a prompt gives as an example."""
    asked, answered = (section.source for section in template(name).sections[1:3])
    return asked, json.loads(answered)


def test_the_example_of_a_page_is_a_page_that_people_may_read() -> None:
    _, answer = example("story/write_page")
    page = PageDraft.model_validate(answer)
    assert examine_page(page.text, PageFacts(premise="A boy finds a key in the snow."), SETTINGS).failed == ()
    assert 130 <= len(page.text.split()) <= 220
    assert (page.ending, len(page.title.split()) <= 5) == (False, True)


def test_the_examples_of_choices_are_choices_that_people_may_take() -> None:
    page, answer = example("story/suggest_choices")
    choices = ChoiceList.model_validate(answer).choices
    offered = [ExaminedChoice(each.text, each.kind) for each in choices]
    assert examine_choices(offered, ChoiceFacts(page=page), SETTINGS).failed == ()
    assert {each.kind for each in choices} == {"bold", "careful", "curious"}


@pytest.mark.parametrize("name", ["story/write_page", "story/suggest_choices", "persona/answer"])
def test_it_is_told_less_than_a_large_model(name: str) -> None:
    (rules, *_), (larger, *_) = (template(name, size).sections for size in ("medium", "large"))
    assert (template(name).size, template(name).answer) == ("medium", "json")
    assert len(rules.source) < len(larger.source)


async def test_all_stories_share_rules_and_example() -> None:
    messages = await render(template("story/write_page"), STORY)
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert all(message.shared == len(message.text) for message in messages[:3])
    large = await render(template("story/write_page", "large"), STORY)
    small = await render(template("story/write_page", "small"), {**STORY, "turns": []})
    assert len({messages[0].text, large[0].text, small[0].text}) == 3


async def test_a_page_and_choices_are_json_of_the_length_that_is_asked_for(bench: Bench) -> None:
    engine = medium(GOOD_PAGE, GOOD_CHOICES)
    bench = bench.over(engine)
    assert (await bench.run(WritePage(), PAGE)).title == "Below"
    assert (await bench.task())["prompt_version"] == "story/write_page.medium 1 default"
    assert len((await bench.run(SuggestChoices(), CHOICES)).choices) == 2
    page, choices = engine.requests
    assert (page.size, page.messages[-1].role) == ("medium", "user")
    assert page.schema is not None
    assert page.schema["properties"]["text"]["minLength"] == 350
    assert choices.schema is not None
    assert choices.schema["properties"]["choices"]["minItems"] == 2


async def test_a_persona_says_it_in_its_own_words(bench: Bench) -> None:
    engine = medium("I keep the lamp.")
    assert (await bench.over(engine).run(AnswerAsPersona(), HELLO)).text == "I keep the lamp."
    (request,) = engine.requests
    assert (request.schema, request.pattern, request.messages[-1].content) == (None, "", "hello")
    assert request.messages[0].content.endswith("If in doubt about the language, answer in English.")
