"""Whatever a model writes, every AI function returns something that can be shown, or says why not."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.errors import Retryable, UserError
from tests.doubles.text_engine import ScriptedEngine, Truncated
from tests.effort import times
from tests.workers.functions.test_engine import CHOICES, GOOD_CHOICES, GOOD_PAGE, HELLO, PAGE, Bench, bench
from workers.engines.text.turns import END_TOKENS
from workers.engines.text.unicode import is_blank
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.extract_scenes import ExtractScenes, SceneInputs
from workers.functions.suggest_choices import SuggestChoices
from workers.functions.write_page import WritePage

__all__ = ["bench"]

FUZZ = settings(
    max_examples=times(15, 2000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["title", "text", "ending", "choices", "kind", "content", "scenes", "description", "options"])
objects = st.dictionaries(names, values | st.lists(st.dictionaries(names, values, max_size=3), max_size=4), max_size=4)
said = st.sampled_from([
    "The door opens.", "\u200b", "\u3164", "\\n\\n", '\\"', "<0x0A>", "<0xFF>", "\x00", "\ud800", "<think>", "</think>",
    "I'm sorry, but I can't help with that request.", "```json\n", "{", "}", "1. Go in\n2. Wait\n", *END_TOKENS[:6],
])  # fmt: skip
prose = st.lists(said | st.text(max_size=15), max_size=6).map("".join)
whole = st.one_of(
    prose,
    objects.map(json.dumps),
    st.tuples(prose, objects.map(json.dumps), prose).map("".join),
    st.tuples(st.sampled_from([GOOD_PAGE, GOOD_CHOICES]), prose).map("".join),
    st.binary(max_size=80).map(lambda data: data.decode("utf-8", "replace")),
)


@st.composite
def answers(draw: st.DrawFn) -> str | Truncated:
    text = draw(whole)
    if draw(st.booleans()):
        text = text[: draw(st.integers(0, len(text)))]
        return Truncated(text)
    return text


def texts(value: Any) -> list[str]:
    """All texts in an output."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


async def output(bench: Bench, function: Any, inputs: Any, script: list[str | Truncated]) -> Any:
    found = await bench.over(ScriptedEngine(script)).run(function, inputs)
    for text in texts(found.model_dump()):
        text.encode()
        assert "\x00" not in text
        assert not any(token in text for token in END_TOKENS if token != "</s>")
    return found


@FUZZ
@given(st.lists(answers(), min_size=1, max_size=3))
async def test_pages(bench: Bench, script: list[str | Truncated]) -> None:
    page = await output(bench, WritePage(), PAGE, script)
    assert not is_blank(page.text)


@FUZZ
@given(st.lists(answers(), min_size=1, max_size=3))
async def test_choices(bench: Bench, script: list[str | Truncated]) -> None:
    found = await output(bench, SuggestChoices(), CHOICES, script)
    assert 2 <= len(found.choices) <= CHOICES.count
    assert not any(is_blank(choice.text) for choice in found.choices)


@FUZZ
@given(st.lists(answers(), min_size=1, max_size=3))
async def test_replies(bench: Bench, script: list[str | Truncated]) -> None:
    assert not is_blank((await output(bench, AnswerAsPersona(), HELLO, script)).text)


@FUZZ
@given(st.lists(answers(), min_size=1, max_size=3))
async def test_scenes(bench: Bench, script: list[str | Truncated]) -> None:
    found = await output(bench, ExtractScenes(), SceneInputs(page_text="The door opens.", count=2), script)
    assert len(found.scenes) >= 1
    assert not any(is_blank(scene.description) for scene in found.scenes)


@pytest.mark.parametrize("hostile", ["<think>" * 20_000, '{"text": "' * 5_000, "\\n" * 30_000, "<0x0A>" * 10_000])
async def test_long_answers_end_soon(bench: Bench, hostile: str) -> None:
    for function, inputs in ((WritePage(), PAGE), (AnswerAsPersona(), HELLO)):
        try:
            found = await output(bench, function, inputs, [hostile])
        except (Retryable, UserError) as error:
            assert str(error)  # noqa: PT017 - an answer of nothing else is refused
        else:
            assert not is_blank(found.text)
