"""Functions over models of other sizes: each gets the prompt that is written for it, and prose is read as prose."""

import json

import pytest

from tests.doubles.text_engine import ScriptedEngine, Truncated
from tests.workers.functions.test_engine import CHOICES, GOOD_PAGE, HELLO, PAGE, Bench, bench
from workers.engines.errors import EngineUnavailable
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.suggest_choices import SuggestChoices
from workers.functions.write_image_prompt import ImagePromptInputs, WriteImagePrompt
from workers.functions.write_page import PageInputs, PastPage, PathChoice, WritePage

__all__ = ["bench"]
REST = " of the lighthouse below the sea. You lift the lamp and count the steps of the old stair."
LATER = PAGE.model_copy(
    update={
        "page_number": 2, "action": "Open the door", "path": [PathChoice(text="Open the door", kind="bold")],
        "pages": [PastPage(title="Below", text="A door stands in the water.")],
    }
)  # fmt: skip


def small(*script: str | Exception | Truncated, name: str = "smol") -> ScriptedEngine:
    return ScriptedEngine(script, name=name, model_names=("smol-135m",))


async def test_a_page_is_prose_behind_its_first_words(bench: Bench) -> None:
    engine = small(REST)
    page = await bench.over(engine).run(WritePage(), PAGE)
    assert page.text == f"You are a keeper{REST}"
    assert page.title == "The keeper of the lighthouse"
    assert not page.ending
    (request,) = engine.requests
    assert (request.schema, request.size) == (None, "small")
    assert request.pattern.endswith("{334,8000}")
    assert (request.messages[-1].role, request.messages[-1].content) == ("assistant", "You are a keeper")
    assert (request.sampling.dry, request.sampling.max_tokens) == (0.8, 240)
    task = await bench.task()
    assert task["prompt_version"] == "story/write_page.small 2 default"
    receipt = json.loads(task["receipt"])
    assert receipt["prompt"]["size"] == "small"
    assert {"dry": 0.8, "xtc": None, "dynamic": None}.items() <= receipt["sampling"].items()


async def test_the_pages_before_are_a_chat(bench: Bench) -> None:
    engine = small(REST)
    await bench.over(engine).run(WritePage(), LATER)
    told = [(message.role, message.content) for message in engine.requests[0].messages]
    assert told[-3:] == [
        ("assistant", "A door stands in the water."),
        ("user", "Open the door"),
        ("assistant", "You open the door"),
    ]


async def test_the_last_page_is_an_ending(bench: Bench) -> None:
    engine = small(REST)
    page = await bench.over(engine).run(WritePage(), LATER.model_copy(update={"page_number": 12}))
    assert page.ending
    assert "the last page" in engine.requests[0].messages[-2].content


async def test_an_answer_that_is_too_long_ends_with_its_last_sentence(bench: Bench) -> None:
    engine = small(Truncated(f"{REST} And then you"))
    page = await bench.over(engine).run(WritePage(), PAGE)
    assert page.text == f"You are a keeper{REST}"
    assert len(engine.requests) == 1


async def test_choices_are_lines(bench: Bench) -> None:
    engine = small(" Open the door\n2. Wait in the boat\n3. Look under the door")
    offered = await bench.over(engine).run(SuggestChoices(), CHOICES)
    assert [(choice.text, choice.kind) for choice in offered.choices] == [
        ("Open the door", "bold"), ("Wait in the boat", "careful"), ("Look under the door", "curious"),
    ]  # fmt: skip
    assert (engine.requests[0].messages[-1].content, engine.requests[0].schema) == ("1.", None)


async def test_lines_that_cannot_be_read_are_not_repaired(bench: Bench) -> None:
    engine = small(" Open the door")
    assert len((await bench.over(engine).run(SuggestChoices(), CHOICES)).choices) == 3
    assert len(engine.requests) == 1
    assert (await bench.task())["engine"] == "template"


async def test_a_persona_goes_on_behind_its_first_words(bench: Bench) -> None:
    engine = small(" keep the lamp.")
    answer = await bench.over(engine).run(AnswerAsPersona(), HELLO)
    opening = engine.requests[0].messages[-1].content
    assert answer.text == f"{opening} keep the lamp."
    assert "\\n:" in engine.requests[0].pattern


async def test_a_picture_is_described_in_phrases(bench: Bench) -> None:
    phrases = ", ".join(["a keeper with a lamp", "green water over the stair", "cold light from below"] * 4)
    engine = small(phrases)
    prompt = await bench.over(engine).run(WriteImagePrompt(), ImagePromptInputs(scene="A keeper opens a door."))
    assert prompt.source == "ai"
    assert "green water" in prompt.prompt
    assert engine.requests[0].schema is None
    assert engine.requests[0].messages[-1].content == "A keeper opens a door.\nRated general."


async def test_a_window_of_2048_tokens_is_enough(bench: Bench) -> None:
    way = [PathChoice(text=f"Open door {at}", kind="bold") for at in range(20)]
    texts = (f"You see door {at}. {'The water is cold and dark. ' * 50}" for at in range(20))
    pages = [PastPage(title="Below", text=text) for text in texts]
    inputs = LATER.model_copy(update={"page_number": 21, "path": way, "pages": pages, "action": way[-1].text})
    engine = ScriptedEngine([REST], name="smol", model_names=("smol-135m",), context=2048)
    await bench.over(engine).run(WritePage(), inputs)
    told = [message.content for message in engine.requests[0].messages]
    assert told[-1] == "You open door 19"
    assert any(text.startswith("You see door 19.") for text in told)
    assert sum(len(text.split()) for text in told) + engine.requests[0].sampling.max_tokens <= 2048


@pytest.mark.parametrize("inputs", [PAGE, LATER])
async def test_a_fallback_of_another_size_gets_its_own_prompt(bench: Bench, inputs: PageInputs) -> None:
    large, last = ScriptedEngine([EngineUnavailable("away")], name="large"), small(REST)
    page = await bench.over(large, last).run(WritePage(), inputs)
    assert page.text.endswith(REST)
    assert (len(large.requests), len(last.requests)) == (1, 1)
    assert (large.requests[0].size, last.requests[0].size) == ("large", "small")
    assert large.requests[0].schema is not None
    assert await bench.steps() == ["request", "fallback", "other_size", "request", "response"]
    assert (await bench.task())["prompt_version"] == "story/write_page.small 2 default"


async def test_a_large_fallback_of_a_small_model_is_asked_for_json(bench: Bench) -> None:
    engine = ScriptedEngine([GOOD_PAGE], name="large")
    page = await bench.over(small(EngineUnavailable("away")), engine).run(WritePage(), PAGE)
    assert page.title == "Below"
    assert engine.requests[0].messages[-1].role == "user"
