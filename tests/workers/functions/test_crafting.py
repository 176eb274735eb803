"""The gate in the engine of functions: mended, asked again, the next engine, the offline writer; and what is shown."""

import json
from dataclasses import replace
from decimal import Decimal
from threading import current_thread, main_thread
from typing import Any

import pytest

from db import jobs, overrides
from db.connection import row
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.craft.passages import good_pages, made_up
from tests.workers.functions.test_engine import CHOICES, GOOD_CHOICES, HELLO, PAGE, Bench
from tests.workers.making import a_job
from workers import offline
from workers.craft.settings import CraftSettings
from workers.engines.errors import ContextFull, EngineError, EngineUnavailable, GenerationTimedOut
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.crafting import INLINE
from workers.functions.examiners import Asked
from workers.functions.suggest_choices import SuggestChoices
from workers.functions.write_page import WritePage
from workers.services import Services

GOOD, OTHER = good_pages()["en"][12:14]
GOES_ON = "The story goes on."
LOOP = "You see the door of the bakery and the boy. "


def page(text: str, title: str = "Below") -> str:
    return json.dumps({"title": title, "text": text, "ending": False})


@pytest.fixture
async def bench(services: Services, chores: None) -> Bench:
    job = await jobs.claim(await a_job())
    assert job is not None
    return Bench(replace(services, craft=CraftSettings(enabled=True)), job)


async def craft() -> dict[str, Any]:
    found = await row("SELECT receipt FROM ai_tasks ORDER BY id DESC LIMIT 1")
    assert found is not None
    return json.loads(found["receipt"])["craft"]


async def test_a_good_page_passes_at_once(bench: Bench) -> None:
    engine = ScriptedEngine([page(GOOD)])
    assert (await bench.over(engine).run(WritePage(), PAGE)).text == GOOD
    assert len(engine.requests) == 1
    assert await craft() == {"result": "at_once", "attempts": 1, "failed": [[]], "model": "script"}


async def test_a_choice_that_was_cut_is_offered_as_far_as_it_is_whole(bench: Bench) -> None:
    choices = ["Open the door that stands in the water", "Wait until the water falls, and then the", "Look at the door"]
    kinds = ("bold", "careful", "curious")
    offered = [{"text": text, "kind": kind} for text, kind in zip(choices, kinds, strict=True)]
    written = json.dumps({"choices": offered})
    found = await bench.over(ScriptedEngine([written])).run(SuggestChoices(), CHOICES)
    assert [each.text for each in found.choices] == [choices[0], "Wait until the water falls", choices[2]]
    assert (await craft())["result"] == "mended"


async def test_a_choice_that_loses_its_beginning_is_offered_without_it(bench: Bench) -> None:
    told = CHOICES.model_copy(update={"page_text": GOOD})
    labelled = [{"text": text} for text in ("Option 1: Take the coin", "Yes", "Sam: Listen at the bricks")]
    engine = ScriptedEngine([json.dumps({"choices": [*labelled, {"text": "Option 2: The story goes on"}]})])
    found = await bench.over(engine).run(SuggestChoices(), told)
    assert [each.text for each in found.choices] == ["Take the coin", "Listen at the bricks"]
    assert (await craft())["result"] == "mended"
    assert "craft_defect" not in await bench.steps()


async def test_what_deletion_mends_is_mended_and_nobody_is_asked_again(bench: Bench) -> None:
    engine = ScriptedEngine([page(f"## Page 1\n\n{GOOD}\n\nWhat do you do?\n1. Take it\n2. Leave")])
    assert (await bench.over(engine).run(WritePage(), PAGE)).text == GOOD
    assert len(engine.requests) == 1
    assert await craft() == {
        "result": "mended",
        "attempts": 1,
        "failed": [["fragment", "headings", "options"]],
        "model": "script",
    }
    assert "mended" in await bench.steps()


async def test_a_bad_answer_is_asked_for_once_more_with_another_seed_and_the_reason(bench: Bench) -> None:
    engine = ScriptedEngine([page(GOES_ON), page(GOOD)])
    assert (await bench.over(engine).run(WritePage(), PAGE)).text == GOOD
    first, second = engine.requests
    assert first.sampling.seed != second.sampling.seed
    assert "the page is too short" in second.messages[-1].content
    # The other variant of the prompt: for models of any size it is shorter.
    assert len(second.messages[0].content) < len(first.messages[0].content)
    found = await craft()
    assert (found["result"], found["attempts"]) == ("again", 2)
    assert "short" in found["failed"][0]
    assert found["failed"][1] == []
    assert GOES_ON not in json.dumps((await bench.task())["steps"])


class Noting(WritePage):
    """Notes by what its pages are examined."""

    name = "noting"

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def craft(self, inputs: Any, asked: Asked) -> Any:
        self.asked.append(asked)
        return super().craft(inputs, asked)


async def test_a_second_answer_is_examined_by_the_prompt_that_it_answers(bench: Bench) -> None:
    writer = Noting()
    await bench.over(ScriptedEngine([page(GOES_ON), page(GOOD)])).run(writer, PAGE)
    of_large, of_medium = (asked.instructions for asked in writer.asked)
    assert "You write the page; the player decides." in of_large
    assert "You write the page; the player decides." not in of_medium


@pytest.mark.parametrize("error", [GenerationTimedOut("late"), ContextFull(9, 9, 9)])
async def test_if_asking_again_fails_the_next_engine_writes(bench: Bench, error: EngineError) -> None:
    small = ScriptedEngine([page(GOES_ON), error], name="small")
    large = ScriptedEngine([page(GOOD)], name="large")
    assert (await bench.over(small, large).run(WritePage(), PAGE)).text == GOOD
    assert "again_failed" in await bench.steps()


async def test_then_the_next_engine_writes(bench: Bench) -> None:
    small = ScriptedEngine([page(GOES_ON)], name="small")
    large = ScriptedEngine([page(GOOD)], name="large")
    assert (await bench.over(small, large).run(WritePage(), PAGE)).text == GOOD
    assert (len(small.requests), len(large.requests)) == (2, 1)
    assert (await bench.task())["engine"] == "large"
    assert (await craft())["result"] == "next"


async def test_then_the_offline_writer_and_its_text_is_told_from_a_models(bench: Bench) -> None:
    engine = ScriptedEngine([page(GOES_ON)])
    written = await bench.over(engine).run(WritePage(), PAGE)
    assert len(engine.requests) == 2
    assert len(written.text) > 350
    assert (await bench.task())["engine"] == offline.NAME
    found = await craft()
    assert (found["result"], found["attempts"], found["model"]) == ("offline", 2, "script")


async def test_an_answer_that_cannot_be_read_is_asked_for_again_too(bench: Bench) -> None:
    engine = ScriptedEngine(["{ no page }", page(GOOD)])
    assert (await bench.over(engine).run(WritePage(), PAGE)).text == GOOD
    assert "it could not be read" in engine.requests[1].messages[-1].content
    assert (await craft())["failed"] == [["unreadable"], []]


async def test_without_a_model_nothing_is_counted(bench: Bench) -> None:
    await bench.over(ScriptedEngine([EngineUnavailable("away")])).run(WritePage(), PAGE)
    found = await row("SELECT receipt FROM ai_tasks")
    assert found is not None
    assert json.loads(found["receipt"]) == {}


async def test_a_loop_stops_the_model_and_counts_as_an_answer_up_to_there(bench: Bench) -> None:
    engine = ScriptedEngine([GOOD + "\n\n" + LOOP * 200])
    assert (await bench.over(engine).run(WritePage(), PAGE)).text == f"{GOOD}\n\n{LOOP.strip()}"
    task = await bench.task()
    assert [step["step"] for step in task["steps"]] == ["request", "stuck", "response", "mended"]
    response = next(step for step in task["steps"] if step["step"] == "response")
    assert response["chars"] < len(GOOD) + 400
    assert task["completion_tokens"] == len((GOOD + "\n\n" + LOOP * 200)[: response["chars"]].split())
    assert (task["engine"], task["cost_usd"]) == ("scripted", Decimal("0.25"))


async def test_only_what_passed_is_shown_while_it_is_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    async def publish(channel: str, message: dict[str, Any]) -> None:
        shown.append(message.get("text", ""))

    monkeypatch.setattr("workers.progress.PUBLISH_SECONDS", 0.0)
    monkeypatch.setattr(bench.services.queue, "publish", publish)
    await bench.over(ScriptedEngine([f"Sure! Here is the page:\n\n{GOOD}\n\nUser: go on\n1. Go"])).run(
        WritePage(), PAGE
    )
    assert any(GOOD.startswith(text) and text for text in shown)
    assert all(GOOD.startswith(text) for text in shown)


async def test_choices_that_are_left_out_leave_enough_or_are_asked_for_again(bench: Bench) -> None:
    told = CHOICES.model_copy(update={"page_text": GOOD})
    mixed = [{"text": text} for text in ("Take the coin", "The story goes on", "Listen at the bricks", "The choice")]
    engine = ScriptedEngine([json.dumps({"choices": mixed})])
    found = await bench.over(engine).run(SuggestChoices(), told.model_copy(update={"count": 4}))
    assert [choice.text for choice in found.choices] == ["Take the coin", "Listen at the bricks"]
    stock = json.dumps({"choices": [{"text": "The choice"}, {"text": "The story goes on"}]})
    again = ScriptedEngine([stock, json.dumps({"choices": [{"text": "Take the coin"}, {"text": "Open the oven"}]})])
    assert [choice.text for choice in (await bench.over(again).run(SuggestChoices(), told)).choices] == [
        "Take the coin",
        "Open the oven",
    ]


async def test_a_persona_that_labels_itself_seven_times_says_it_once(bench: Bench) -> None:
    engine = ScriptedEngine(["\n\n".join(["Bo: What did you do last?"] * 7)])
    assert (await bench.over(engine).run(AnswerAsPersona(), HELLO)).text == "What did you do last?"


async def test_somebodys_own_prompt_may_ask_for_the_past(bench: Bench) -> None:
    assert bench.job.account_id is not None
    own = "Write in the past tense, first person. {{ premise }} {{ action }}"
    await overrides.put(bench.job.account_id, "story/write_page", own, user_id=(await somebody()).user.id)
    past = "I walked down. It was dark, and I heard somebody breathe. I took the lamp from its hook. " + OTHER
    past = past.replace("You write", "I wrote").replace("your", "my").replace(" you ", " I ")
    engine = ScriptedEngine([page(past)])
    assert (await bench.over(engine).run(WritePage(), PAGE)).text == past
    assert len(engine.requests) == 1


HAIKU = "Old stone stairs\nthe line of chalk goes on\nwhere nobody stood"


async def test_somebodys_own_prompt_may_ask_for_a_haiku_and_its_own_words_do_not_come_back(bench: Bench) -> None:
    assert bench.job.account_id is not None
    own = "Write one haiku about what happens now, with a word of the season in it. {{ premise }} {{ action }}"
    await overrides.put(bench.job.account_id, "story/write_page", own, user_id=(await somebody()).user.id)
    engine = ScriptedEngine([page(own.partition("{{")[0]), page(HAIKU)])
    assert (await bench.over(engine).run(WritePage(), PAGE)).text == HAIKU
    assert [request.schema and request.schema["properties"]["text"]["minLength"] for request in engine.requests] == [
        1,
        1,
    ]
    assert (await craft())["failed"] == [["instructions"], []]


class Broken(WritePage):
    name = "broken_gate"

    def craft(self, inputs: Any, asked: Any) -> Any:
        class Examiner:
            def examine(self, output: Any) -> Any:
                raise ValueError("a defect")

            def shown(self, prose: str) -> str:
                raise ValueError("a defect")

            def stuck(self, text: str) -> bool:
                raise ValueError("a defect")

        return Examiner()


async def test_a_defect_in_an_examiner_loses_no_answer(bench: Bench) -> None:
    assert (await bench.over(ScriptedEngine([page(GOES_ON)])).run(Broken(), PAGE)).text == GOES_ON
    assert "craft_defect" in await bench.steps()


class Elsewhere(WritePage):
    """Notes in which threads its pages are examined."""

    name = "elsewhere"

    def __init__(self) -> None:
        self.beside: set[bool] = set()

    def craft(self, inputs: Any, asked: Any) -> Any:
        examiner, beside = super().craft(inputs, asked), self.beside

        class Examiner:
            def examine(self, output: Any) -> Any:
                beside.add(current_thread() is not main_thread())
                return examiner.examine(output)

            def shown(self, prose: str) -> str:
                return prose

            def stuck(self, text: str) -> bool:
                return False

        return Examiner()


async def test_long_pages_are_examined_beside_the_event_loop(bench: Bench) -> None:
    for text, beside in ((GOOD, False), ("\n\n".join(made_up(6))[: INLINE + 1000], True)):
        writer = Elsewhere()
        await bench.over(ScriptedEngine([page(text)])).run(writer, PAGE)
        assert writer.beside == {beside}


async def test_it_may_be_switched_off(bench: Bench) -> None:
    off = replace(bench, services=replace(bench.services, craft=CraftSettings(enabled=False)))
    assert (await off.over(ScriptedEngine([page(GOES_ON)])).run(WritePage(), PAGE)).text == GOES_ON
    assert (await off.over(ScriptedEngine([GOOD_CHOICES])).run(SuggestChoices(), CHOICES)).choices
