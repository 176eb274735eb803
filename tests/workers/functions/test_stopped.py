"""What a person stopped midway: what they read is kept, and nothing else takes its place."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest
from pydantic import BaseModel

from db import jobs
from db.errors import UserError
from tests.doubles.text_engine import ScriptedEngine, Unfinished
from tests.workers.craft.passages import good_pages
from tests.workers.functions.test_engine import CHOICES, GOOD_PAGE, HELLO, PAGE, Bench
from tests.workers.making import a_job
from workers.craft.settings import CraftSettings
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.parsing import ParseFailed
from workers.functions.suggest_choices import SuggestChoices
from workers.functions.write_page import WritePage
from workers.services import Services

GOOD = good_pages()["en"][12]


@pytest.fixture
async def bench(services: Services, chores: None) -> Bench:
    job = await jobs.claim(await a_job())
    assert job is not None
    return Bench(replace(services, craft=CraftSettings(enabled=True)), job)


async def stopped(bench: Bench, function: Any, inputs: Any, begun: str) -> Any:
    """Run a function, and stop it once the model has written ``begun``."""
    engine, stop = ScriptedEngine([Unfinished(begun)]), asyncio.Event()
    running = asyncio.create_task(bench.over(engine).run(function, inputs, stop=stop))
    while not engine.requests:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    stop.set()
    return await running


async def test_stopping_keeps_what_was_written(bench: Bench) -> None:
    answer = await stopped(bench, AnswerAsPersona(), HELLO, "Well met, Sam. The kettle is")
    assert (answer.text, answer.stopped) == ("Well met, Sam. The kettle is", True)
    task = await bench.task()
    assert task["state"] == "cancelled"
    assert task["steps"][-1] == {"step": "stopped", "chars": 28}


@pytest.mark.parametrize(
    ("begun", "kept"),
    [
        (f'{{"title": "Below", "text": "{GOOD[:120]}', GOOD[:120].rpartition(". ")[0] + "."),
        ("You wait here.", "You wait here."),
    ],
)
async def test_a_page_is_kept_as_far_as_it_was_shown(bench: Bench, begun: str, kept: str) -> None:
    assert (await stopped(bench, WritePage(), PAGE, begun)).text.startswith(kept)


@pytest.mark.parametrize("begun", ['{"title": "Be', "Sure! Here is the next page:", "The story goes on."])
async def test_of_a_page_without_anything_to_read_none_is_saved(bench: Bench, begun: str) -> None:
    with pytest.raises(UserError, match=r"job\.cancelled"):
        await stopped(bench, WritePage(), PAGE, begun)
    task = await bench.task()
    assert (task["state"], task["engine"]) == ("cancelled", "")


@pytest.mark.parametrize("begun", ["", '{"choices": [{"text": "Open the door"', "1. The choice\n2. The story goes on"])
async def test_a_page_has_two_choices_whenever_they_were_stopped(bench: Bench, begun: str) -> None:
    found = await stopped(bench, SuggestChoices(), CHOICES, begun)
    assert found == SuggestChoices().offline(CHOICES)
    assert len(found.choices) >= 2
    assert (await bench.steps())[-1] == "offline"


async def test_what_was_stopped_before_it_began_asks_nobody(bench: Bench) -> None:
    engine, stop = ScriptedEngine([GOOD_PAGE]), asyncio.Event()
    stop.set()
    answer = await bench.over(engine).run(AnswerAsPersona(), HELLO, stop=stop)
    assert (answer.text, answer.stopped, engine.requests) == ("", True, [])


class Refusing:
    """Refuses everything."""

    name = "refusing"

    async def process(self, function_name: str, output: BaseModel, inputs: BaseModel) -> BaseModel:
        del function_name, output, inputs
        raise ParseFailed("too short")


async def test_a_stopped_reply_that_a_processor_refuses_is_empty(bench: Bench) -> None:
    stop = asyncio.Event()
    stop.set()
    refused = bench.over(ScriptedEngine([GOOD_PAGE]), processors=(cast("Any", Refusing()),))
    answer = await refused.run(AnswerAsPersona(), HELLO, stop=stop)
    assert (answer.text, answer.stopped) == ("", True)
