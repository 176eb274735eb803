"""The template engine behind the protocol that all text engines share."""

import json
from typing import Any

import pytest

from workers.engines.errors import GenerationCancelled, RequestRefused
from workers.engines.text.base import ChatMessage, Completion, TextEngine, TextRequest, generate
from workers.engines.text.template import TemplateEngine

PAGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "text": {"type": "string"}, "ending": {"type": "boolean"}},
    "required": ["title", "text", "ending"],
}
CHOICES_SCHEMA: dict[str, Any] = {"type": "object", "properties": {"choices": {"type": "array"}}}
FACTS: dict[str, Any] = {
    "title": "The Door", "premise": "a keeper finds a door under the sea", "genre": "fantasy", "seed": 1, "variant": 0,
    "page_number": 1, "path": [],
}  # fmt: skip


def request(function: str, facts: dict[str, Any], schema: dict[str, Any] | None = None) -> TextRequest:
    return TextRequest("r1", (ChatMessage("user", "Write!"),), schema=schema, function=function, facts=facts)


@pytest.fixture
def engine() -> TemplateEngine:
    return TemplateEngine()


async def test_it_is_a_text_engine(engine: TemplateEngine) -> None:
    assert isinstance(engine, TextEngine)
    assert engine.name == "template"
    assert await engine.count_tokens("Well now, tea?") == 5
    assert not await engine.cancel("nothing")
    await engine.close()


async def test_a_page_streams_in_pieces_and_ends_in_a_completion(engine: TemplateEngine) -> None:
    pieces = [piece async for piece in engine.stream(request("write_page", FACTS))]
    last = pieces.pop()
    assert isinstance(last, Completion)
    assert len(pieces) > 20
    assert "".join(str(piece) for piece in pieces) == last.text
    assert (last.engine, last.finish_reason, last.usage.prompt_tokens) == ("template", "stop", 2)
    assert last.usage.completion_tokens == await engine.count_tokens(last.text)


async def test_json_where_a_schema_is_given(engine: TemplateEngine) -> None:
    page = json.loads((await generate(engine, request("write_page", FACTS, PAGE_SCHEMA))).text)
    assert set(page) == {"title", "text", "ending"}
    assert page["ending"] is False
    facts = {**FACTS, "count": 3, "page_text": page["text"]}
    choices = json.loads((await generate(engine, request("suggest_choices", facts, CHOICES_SCHEMA))).text)["choices"]
    assert sorted(choice["kind"] for choice in choices) == ["bold", "careful", "curious"]
    both = {**PAGE_SCHEMA, "properties": {**PAGE_SCHEMA["properties"], "choices": {"type": "array"}}}
    together = json.loads((await generate(engine, request("write_page", FACTS, both))).text)
    assert together["text"] == page["text"]
    assert together["choices"] == choices


async def test_plain_text_without_a_schema(engine: TemplateEngine) -> None:
    choices = (await generate(engine, request("suggest_choices", {**FACTS, "count": 2}))).text.splitlines()
    assert [line[:3] for line in choices] == ["1. ", "2. "]


async def test_unknown_functions_are_refused(engine: TemplateEngine) -> None:
    with pytest.raises(RequestRefused, match=r"'paint'.*write_page, suggest_choices, answer_as_persona"):
        await generate(engine, request("paint", {}))


async def test_cancel_stops_between_pieces(engine: TemplateEngine) -> None:
    stream = engine.stream(request("write_page", FACTS))
    assert isinstance(await anext(stream), str)
    assert await engine.cancel("r1")
    with pytest.raises(GenerationCancelled):
        await anext(stream)
    assert not await engine.cancel("r1")


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"path": "nonsense", "seed": "x", "variant": -3, "page_number": "two", "premise": None},
        {"path": [None, 3, {"text": None}, {"kind": "sly"}], "page_number": 1},
        {"page_number": 99},
    ],
)
async def test_it_succeeds_whatever_the_facts(engine: TemplateEngine, facts: dict[str, Any]) -> None:
    for function in ("write_page", "suggest_choices", "answer_as_persona"):
        assert (await generate(engine, request(function, facts))).text


async def test_a_long_path_cut_by_the_caller_still_ends(engine: TemplateEngine) -> None:
    facts = {**FACTS, "page_number": 14, "path": [{"text": "Go on", "kind": "bold"}]}
    assert json.loads((await generate(engine, request("write_page", facts, PAGE_SCHEMA))).text)["ending"] is True
