"""The receipt of a run: what wrote it, how, and from which prompt; never what was said."""

import json
from dataclasses import replace
from typing import Any

import pytest

from db import jobs, prompt_tests, sampling, stories, usage
from db.agents import SamplingChoice
from db.connection import row, rows, transaction
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine, Truncated
from tests.workers.functions.test_engine import GOOD_PAGE, HELLO, PAGE, Bench
from tests.workers.making import a_job
from workers.engines.errors import EngineUnavailable
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.write_page import WritePage
from workers.services import Services


@pytest.fixture
async def bench(services: Services, chores: None) -> Bench:
    job = await jobs.claim(await a_job())
    assert job is not None
    return Bench(services, job)


async def receipt() -> dict[str, Any]:
    found = await row("SELECT receipt FROM ai_tasks ORDER BY id DESC LIMIT 1")
    assert found is not None
    return json.loads(found["receipt"])


async def test_a_run_keeps_how_it_was_written(bench: Bench):
    assert bench.job.account_id is not None
    await sampling.choose(bench.job.account_id, "writer", SamplingChoice(temperature=0.4))
    engine = ScriptedEngine([GOOD_PAGE])
    await bench.over(engine).run(WritePage(), PAGE)
    assert engine.requests[0].sampling.temperature == 0.4
    kept = await receipt()
    context = kept.pop("context")
    assert kept == {
        "model_hash": "",
        "seed": WritePage().seed(PAGE),
        "sampling": {
            "temperature": 0.4, "max_tokens": 2000, "top_p": 0.95, "top_k": None, "min_p": None, "repeat_penalty": 1.05,
                "dry": None, "xtc": None, "dynamic": None,
        },
        "prompt": {"name": "story/write_page", "version": 5, "origin": "default", "size": "large"},
    }  # fmt: skip
    assert context["answer"] == 2000
    assert context["prompt_tokens"] <= context["window"] - context["answer"]
    assert {placed["id"] for placed in context["placed"]} >= {"premise"}
    assert sum(layer["used"] for layer in context["layers"].values()) >= sum(p["tokens"] for p in context["placed"])


async def test_what_a_server_does_not_take_is_not_said_to_be_sent(bench: Bench):
    engine = ScriptedEngine([GOOD_PAGE], unsent=frozenset({"repeat_penalty"}))
    await bench.over(engine).run(WritePage(), PAGE)
    assert engine.requests[0].sampling.repeat_penalty == 1.05
    sampled = (await receipt())["sampling"]
    assert (sampled["repeat_penalty"], sampled["top_p"]) == (None, 0.95)


async def test_it_names_the_variant_of_a_test_which_counts_the_page(bench: Bench):
    who = await somebody()
    account, user = who.account.id, who.user.id
    async with transaction():
        move = await stories.create(
            account_id=account, owner_id=user, conversation_id=who.conversation.id, premise="a door", seed=1
        )
    variant, _ = await prompt_tests.add_variant(
        account, "story/write_page", "Write about {{ premise }} only.", 50, user_id=user, verdict="checked"
    )
    about = replace(bench, job=replace(bench.job, story_id=move.story.id, page_id=move.page.id))
    for share, label in ((100, "B"), (0, "A")):
        await rows("UPDATE prompt_variants SET share = $2 WHERE id = $1", variant, share)
        await about.over(engine := ScriptedEngine([GOOD_PAGE])).run(WritePage(), PAGE)
        assert ("only." in engine.requests[0].messages[0].content) == (label == "B")
        tested = (await receipt())["test"]
        assert (tested["label"], tested["prompt"]) == (label, "story/write_page")
    # By the offline writer nothing is tested, and a prompt of the task's own goes before all tests.
    await about.over(ScriptedEngine([EngineUnavailable("away")])).run(WritePage(), PAGE)
    assert "test" not in await receipt()
    await about.over(ScriptedEngine([GOOD_PAGE])).run(WritePage(), PAGE, task_prompt="Only {{ title }}.")
    assert "test" not in await receipt()
    found = await rows("SELECT v.label, t.page_id FROM tested_texts t JOIN prompt_variants v ON v.id = t.variant_id")
    assert sorted((each["label"], each["page_id"]) for each in found) == [("A", move.page.id), ("B", move.page.id)]


async def test_it_holds_nothing_that_was_said_or_written(bench: Bench):
    await bench.over(ScriptedEngine(["Hello, Sam of the lighthouse."])).run(AnswerAsPersona(), HELLO)
    stored = json.dumps(await receipt())
    assert not any(word in stored for word in ("hello", "Hello", "Sam", "lighthouse", "Bo"))


async def test_a_continuation_does_not_take_the_place_of_what_it_continues(bench: Bench):
    engine = ScriptedEngine([Truncated("The sea is calm. And then"), "there was a door. It opened."])
    await bench.over(engine).run(AnswerAsPersona(), HELLO)
    assert len(engine.requests) == 2
    assert (await receipt())["prompt"]["name"] == "persona/answer"


async def test_without_a_model_there_is_none(bench: Bench):
    await bench.over(ScriptedEngine([EngineUnavailable("it is away")])).run(WritePage(), PAGE)
    assert await receipt() == {}


async def test_a_list_without_end_is_cut(bench: Bench):
    task = await usage.begin("write_page", job_id=bench.job.id, account_id=None)
    listed = [{"id": f"page:{n}"} for n in range(5000)]
    await usage.save(task, usage.TaskRecord(state="done", receipt={"context": {"placed": listed}}))
    assert (await receipt())["context"]["placed"] == listed[: usage.LISTED]
