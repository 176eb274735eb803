"""Answers that reach their maximum length: continued once, else ended at a sentence."""

import asyncio
import json

import pytest

from tests.doubles.text_engine import ScriptedEngine, Truncated, Unfinished
from tests.workers.functions.test_engine import HELLO, PAGE, Bench, bench
from tests.workers.functions.test_refusals import REFUSALS
from workers.cutting import cut_at_sentence
from workers.engines.errors import ContextFull, EngineUnavailable
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.prose import extended, joined
from workers.functions.write_page import WritePage

__all__ = ["bench"]

CUT_PAGE = Truncated('{"title": "Below", "text": "The door opens. Behind it is the sea, and h')
CUT_REPLY = Truncated("Good evening. The sea is calm, and h")


async def test_a_page_is_continued_once(bench: Bench) -> None:
    engine = ScriptedEngine([CUT_PAGE, "Behind it is the sea. You go in."])
    page = await bench.over(engine).run(WritePage(), PAGE)
    assert (page.title, page.text) == ("Below", "The door opens. Behind it is the sea. You go in.")
    begun, again = engine.requests
    assert begun.schema is not None
    assert again.schema is None
    assert [(message.role, message.content) for message in again.messages[-2:-1]] == [("assistant", "The door opens.")]
    assert "cut off" in again.messages[-1].content
    task = await bench.task()
    assert task["prompt_version"].startswith("story/write_page")
    assert [step["step"] for step in task["steps"]] == ["request", "response", "request", "response", "continued"]


async def test_a_reply_too_and_no_more_than_once(bench: Bench) -> None:
    engine = ScriptedEngine([CUT_REPLY, Truncated("It shines. And the li")])
    assert (await bench.over(engine).run(AnswerAsPersona(), HELLO)).text == "Good evening. It shines."
    assert len(engine.requests) == 2


@pytest.mark.parametrize("more", [EngineUnavailable("away"), ContextFull(9, 9, 9), "\u200b", REFUSALS[0]])
async def test_what_cannot_be_continued_ends_at_a_sentence(bench: Bench, more: str | Exception) -> None:
    page = await bench.over(ScriptedEngine([CUT_PAGE, more])).run(WritePage(), PAGE)
    assert page.text == "The door opens."


async def test_a_model_that_runs_in_circles_is_not_asked_for_more(bench: Bench) -> None:
    engine = ScriptedEngine([Truncated('{"title": "Below", "text": "The door opens. ' + "And then the door " * 60)])
    page = await bench.over(engine).run(WritePage(), PAGE)
    assert page.text.startswith("The door opens.")
    assert len(page.text) < 60
    assert len(engine.requests) == 1


async def test_a_continuation_in_json_is_read(bench: Bench) -> None:
    engine = ScriptedEngine([CUT_PAGE, json.dumps({"title": "", "text": "You go in."})])
    assert (await bench.over(engine).run(WritePage(), PAGE)).text == "The door opens. You go in."


async def test_stopping_the_continuation_keeps_both_parts(bench: Bench) -> None:
    stop = asyncio.Event()
    engine = ScriptedEngine([CUT_REPLY, Unfinished("It shines.")])
    running = asyncio.create_task(bench.over(engine).run(AnswerAsPersona(), HELLO, stop=stop))
    while len(engine.requests) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    stop.set()
    answer = await running
    assert answer.stopped
    assert answer.text.startswith("Good evening.")


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("The door opens. Behind it is the sea, and h", "The door opens."),
        ("“Come,” he says. “It is late.” And th", "“Come,” he says. “It is late.”"),
        ("The door opens.", "The door opens."),
        ("One. It goes on and on and on without", "One. It goes on and on and on …"),
        ("门开了。后面是海，而", "门开了。"),
        ("no end at a", "no end at …"),
        ("", ""),
    ],
)
def test_the_end_of_the_last_sentence(text: str, ended: str) -> None:
    assert cut_at_sentence(text) == ended


@pytest.mark.parametrize(
    ("begun", "more", "whole"),
    [
        ("The door opens.", "You go in.", "The door opens. You go in."),
        ("The door opens.", "\n\nYou go in.", "The door opens.\n\nYou go in."),
        ("The old door opens.", "The old door opens. You go in.", "The old door opens. You go in."),
        ("It rains. The old door opens.", "The old door opens. You go in.", "It rains. The old door opens. You go in."),
        ("门开了。", "你走进去。", "门开了。你走进去。"),
        ("The door opens.", "", "The door opens."),
        ("", "You go in.", "You go in."),
    ],
)
def test_parts_are_joined_without_repetition(begun: str, more: str, whole: str) -> None:
    assert joined(begun, more) == whole


@pytest.mark.parametrize(
    ("begun", "more", "whole"),
    [
        ("It is late.", " Sit down.", "It is late.\n\nSit down."),
        ("It is late, and", "the sea is calm.", "It is late, and the sea is calm."),
        ("It is late.", "It is late. Sit down.", "It is late. Sit down."),
        ("门开了。", "你走进去。", "门开了。\n\n你走进去。"),
    ],
)
def test_what_a_persona_adds_is_a_paragraph_of_its_own(begun: str, more: str, whole: str) -> None:
    assert extended(begun, more) == whole
