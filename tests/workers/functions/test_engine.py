"""The engine of AI functions: what it does when a model fails, and what it writes down in every case."""

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from db import accounts, jobs, overrides
from db.connection import row, rows
from db.errors import BadInput, LeaseLost, Retryable
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import a_job
from workers.craft.settings import CraftSettings
from workers.engines.errors import (
    ContextFull,
    EngineError,
    EngineOverloaded,
    EngineUnavailable,
    GenerationCancelled,
    GenerationTimedOut,
    RequestRefused,
)
from workers.engines.text.base import INTERACTIVE
from workers.engines.text.chain import TextChain
from workers.functions.answer_as_persona import PersonaInputs
from workers.functions.base import AiFunction
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.examiners import Asked
from workers.functions.parsing import ParseFailed
from workers.functions.suggest_choices import ChoiceList, ChoicesInputs, SuggestChoices
from workers.functions.write_page import PageDraft, PageInputs, WritePage
from workers.processors import OutputProcessor
from workers.progress import Tracker
from workers.registries import functions
from workers.services import Services

STORY: dict[str, Any] = {
    "title": "The Door", "premise": "a keeper finds a door under the sea", "genre": "fantasy", "language": "en",
    "rating": "sfw", "seed": 1, "variant": 0, "page_number": 1, "path": [], "pages": [],
}  # fmt: skip
ASKED = Asked(CraftSettings())
PAGE = PageInputs(**STORY)
CHOICES = ChoicesInputs(**STORY, page_text="A door stands in the water.", count=3)
GOOD_PAGE = json.dumps({"title": "Below", "text": "The door opens.", "ending": False})
GOOD_CHOICES = json.dumps({"choices": [{"text": "Go in", "kind": "bold"}, {"text": "Wait", "kind": "careful"}]})
HELLO = PersonaInputs(
    persona={"name": "Bo"}, user_name="Sam", language="en", message="hello", history=[], seed=1, variant=0
)
BROKEN = "{ no page }"


class Modelled(WritePage):
    """A function that has no offline form."""

    name: ClassVar[str] = "modelled"

    def offline(self, inputs: PageInputs) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        del inputs


@dataclass
class Bench:
    """A function engine over scripted ones, and the job that it works for."""

    services: Services
    job: jobs.Job

    def over(self, *engines: ScriptedEngine, processors: tuple[OutputProcessor, ...] = ()) -> "Bench":
        return replace(self, services=replace(self.services, text=TextChain(engines), processors=processors))

    async def run(self, function: AiFunction[Any, Any], inputs: BaseModel, **context: Any) -> Any:
        caller = CallContext(Tracker(self.job, self.services.queue), self.job.account_id, **context)
        return await FunctionEngine(self.services).run(function, inputs, caller)

    async def task(self) -> dict[str, Any]:
        """The row of the task log."""
        (found,) = await rows("SELECT * FROM ai_tasks")
        return {**found, "steps": json.loads(found["steps"])}

    async def steps(self) -> list[str]:
        return [step["step"] for step in (await self.task())["steps"]]


@pytest.fixture
async def bench(services: Services, chores: None) -> Bench:
    job = await jobs.claim(await a_job())
    assert job is not None
    return Bench(services, job)


async def test_an_answer_is_parsed_and_everything_is_written_down(bench: Bench):
    engine = ScriptedEngine([GOOD_PAGE])
    page = await bench.over(engine).run(WritePage(), PAGE)
    assert page == PageDraft(title="Below", text="The door opens.")
    (request,) = engine.requests
    assert request.schema == WritePage().schema(PAGE, asked=ASKED)
    assert (request.tenant, request.priority, request.model) == (str(bench.job.account_id), INTERACTIVE, "writer")
    assert request.sampling.seed == WritePage().seed(PAGE)
    task = await bench.task()
    assert (task["function"], task["state"], task["phase"], task["percent"]) == ("write_page", "done", "DONE", 100)
    assert (task["engine"], task["model"], task["job_id"]) == ("scripted", "script", bench.job.id)
    assert task["prompt_version"] == "story/write_page 5 default"
    assert task["prompt_tokens"] > 50
    assert (task["completion_tokens"], task["cost_usd"]) == (len(GOOD_PAGE.split()), Decimal("0.25"))
    assert [step["step"] for step in task["steps"]] == ["request", "response"]
    assert task["finished_at"] is not None


async def test_the_next_engine_writes_and_the_fallback_is_noted(bench: Bench):
    first, second = ScriptedEngine([EngineUnavailable("it is away")], name="first"), ScriptedEngine([GOOD_PAGE])
    assert (await bench.over(first, second).run(WritePage(), PAGE)).title == "Below"
    task = await bench.task()
    assert task["engine"] == "scripted"
    assert task["steps"][1] == {
        "step": "fallback", "engine": "first", "error": "EngineUnavailable", "reason": "it is away",
    }  # fmt: skip


@pytest.mark.parametrize(
    "error", [EngineUnavailable("away"), RequestRefused("no"), EngineOverloaded("full", 60), GenerationTimedOut("late")]
)
async def test_without_an_engine_that_can_the_offline_writer_writes(bench: Bench, error: EngineError):
    page = await bench.over(ScriptedEngine([error])).run(WritePage(), PAGE)
    assert page == WritePage().offline(PAGE)
    task = await bench.task()
    assert (task["state"], task["engine"], task["model"]) == ("done", "template", "story-grammar-1")
    assert (task["prompt_tokens"], task["completion_tokens"], task["cost_usd"]) == (0, 0, 0)
    assert task["steps"][-1]["step"] == "offline"


async def test_without_any_engine_too(bench: Bench):
    assert await bench.over().run(SuggestChoices(), CHOICES) == SuggestChoices().offline(CHOICES)
    assert await bench.steps() == ["request", "offline"]


@pytest.mark.parametrize("error", [EngineUnavailable("away"), GenerationTimedOut("late")])
async def test_a_function_that_needs_a_model_is_tried_again(bench: Bench, error: EngineError):
    with pytest.raises(Retryable):
        await bench.over(ScriptedEngine([error])).run(Modelled(), PAGE)
    task = await bench.task()
    assert task["state"] == "failed"
    assert task["error"]
    assert task["finished_at"] is not None


async def test_an_unreadable_answer_is_repaired_once(bench: Bench):
    engine = ScriptedEngine(["I would rather not.", GOOD_CHOICES])
    found = await bench.over(engine).run(SuggestChoices(), CHOICES)
    assert [choice.text for choice in found.choices] == ["Go in", "Wait"]
    assert "I would rather not." in engine.requests[1].messages[-1].content
    assert engine.requests[1].schema == SuggestChoices().schema(CHOICES, asked=ASKED)
    assert await bench.steps() == ["request", "response", "unreadable", "request", "response", "repaired"]
    assert (await bench.task())["cost_usd"] == Decimal("0.5")


@pytest.mark.parametrize("second", ["Still not.", EngineUnavailable("away"), ContextFull(9, 9, 9)])
async def test_what_cannot_be_repaired_is_written_offline(bench: Bench, second: str | Exception):
    found = await bench.over(ScriptedEngine(["I would rather not.", second])).run(SuggestChoices(), CHOICES)
    assert found == SuggestChoices().offline(CHOICES)
    assert (await bench.steps())[-3:] == ["repair_failed", "fallback", "offline"]
    assert (await bench.task())["engine"] == "template"


async def test_an_unreadable_answer_without_repair_is_written_offline(bench: Bench):
    engine = ScriptedEngine([BROKEN])
    assert await bench.over(engine).run(WritePage(), PAGE) == WritePage().offline(PAGE)
    assert len(engine.requests) == 1
    assert await bench.steps() == ["request", "response", "unreadable", "fallback", "offline"]


@pytest.mark.parametrize("hostile", ['{"a":' * 20_000, '{"text": ["' + '{"b": [' * 5_000, '{"a" ' + 'a" ' * 4_000])
async def test_a_model_that_runs_away_ends_in_a_page(bench: Bench, hostile: str):
    assert await bench.over(ScriptedEngine([hostile])).run(WritePage(), PAGE) == WritePage().offline(PAGE)
    assert (await bench.task())["state"] == "done"


async def test_an_unreadable_answer_of_a_function_that_needs_a_model_is_tried_again(bench: Bench):
    with pytest.raises(Retryable, match="no engine gave a readable answer"):
        await bench.over(ScriptedEngine([BROKEN])).run(Modelled(), PAGE)
    assert (await bench.task())["state"] == "failed"


def long_story(pages: int) -> PageInputs:
    """A story whose pages have about 100 words each."""
    past = [{"title": "", "text": f"Page {n} was long. " + "It went on and on. " * 20} for n in range(pages)]
    path = [{"text": "Go on", "kind": "bold"}] * pages
    return PageInputs.model_validate({**STORY, "page_number": pages + 1, "pages": past, "path": path})


async def test_a_prompt_never_exceeds_the_window_of_the_model(bench: Bench):
    engine = ScriptedEngine([GOOD_PAGE], context=2000)
    for pages in (3, 30, 90):
        await bench.over(engine).run(WritePage(), long_story(pages))
        request = engine.requests[-1]
        words = sum(len(message.content.split()) for message in request.messages)
        assert words + request.sampling.max_tokens <= 2000
        assert f"Page {pages - 1} was long." in request.messages[-1].content
        assert "Page 0 was long." in request.messages[-1].content, "the whole past is there"


async def test_a_fallback_with_a_smaller_window_gets_a_prompt_of_its_own(bench: Bench):
    first = ScriptedEngine([EngineUnavailable("away")], name="first", context=4000)
    second = ScriptedEngine([ContextFull(3000, 100, 1500), GOOD_PAGE], name="second", context=1500)
    assert (await bench.over(first, second).run(WritePage(), long_story(60))).title == "Below"
    before, after = (sum(len(m.content.split()) for m in request.messages) for request in second.requests)
    assert before > 1500 >= after + second.requests[1].sampling.max_tokens
    steps = [step for step in (await bench.task())["steps"] if step["step"] == "context_full"]
    assert steps == [{"step": "context_full", "prompt_tokens": 3000, "context_tokens": 1500}]


async def test_a_context_that_stays_full_is_told(bench: Bench):
    with pytest.raises(BadInput) as refused:
        await bench.over(ScriptedEngine([ContextFull(900, 100, 812)])).run(WritePage(), PAGE)
    assert (refused.value.key, refused.value.values) == ("ai.context_full", {"tokens": 900, "limit": 812})
    assert (await bench.task())["state"] == "failed"


async def test_a_text_that_cannot_fit_is_named_with_its_size(bench: Bench):
    premise = PAGE.model_copy(update={"premise": "word " * 9000})
    with pytest.raises(BadInput) as refused:
        await bench.over(ScriptedEngine([GOOD_PAGE], context=1500)).run(WritePage(), premise)
    assert refused.value.key == "context.premise_too_large"
    assert refused.value.values["tokens"] == 9000
    assert 0 < refused.value.values["limit"] < 1500


async def test_a_cancelled_generation_is_no_failure(bench: Bench):
    with pytest.raises(GenerationCancelled):
        await bench.over(ScriptedEngine([GenerationCancelled("gone")])).run(WritePage(), PAGE)
    assert (await bench.task())["state"] == "cancelled"


class Lost(WritePage):
    """A function whose job is taken away before it can save."""

    async def save(self, output: PageDraft, inputs: PageInputs) -> PageDraft:
        raise LeaseLost("another worker has the job")


async def test_a_lost_lease_ends_the_call(bench: Bench):
    with pytest.raises(LeaseLost):
        await bench.over(ScriptedEngine([GOOD_PAGE])).run(Lost(), PAGE)
    task = await bench.task()
    assert (task["state"], task["phase"]) == ("failed", "SAVE")


async def test_overrides_are_used_and_broken_ones_ignored(bench: Bench):
    account = bench.job.account_id
    assert account is not None
    user = (await somebody("kim")).user.id
    engine = ScriptedEngine([GOOD_PAGE])
    await overrides.put(account, "story/write_page", "Write about {{ premise }} only.", user_id=user)
    await bench.over(engine).run(WritePage(), PAGE)
    assert engine.requests[0].messages[0].content == f"Write about {PAGE.premise} only."
    assert (await bench.task())["prompt_version"] == "story/write_page 5 account"

    await rows("DELETE FROM ai_tasks")
    await overrides.put(account, "story/write_page", "Write about {{ nothing_known }}.", user_id=user)
    await bench.over(engine).run(WritePage(), PAGE)
    assert "nothing_known" not in engine.requests[1].messages[0].content
    task = await bench.task()
    assert task["prompt_version"] == "story/write_page 5 default"
    assert task["steps"][0]["step"] == "prompt_override_ignored"
    assert task["steps"][0]["reason"] == "PromptInvalid"  # its text may repeat the override


async def test_a_prompt_of_the_task_comes_first(bench: Bench):
    engine = ScriptedEngine([GOOD_PAGE])
    await bench.over(engine).run(WritePage(), PAGE, task_prompt="Only {{ title }}.")
    assert engine.requests[0].messages[0].content == "Only The Door."


async def test_the_account_chooses_the_model(bench: Bench):
    assert bench.job.account_id is not None
    await accounts.choose_model(bench.job.account_id, "big")
    engine = ScriptedEngine([GOOD_PAGE])
    await bench.over(engine).run(WritePage(), PAGE)
    assert engine.requests[0].model == "big"


@dataclass
class Shout:
    """A processor that makes titles loud, and refuses some words."""

    refused: str = ""
    name: str = "shout"

    async def process(self, function_name: str, output: BaseModel, inputs: BaseModel) -> BaseModel:
        assert isinstance(inputs, PageInputs)
        if self.refused and self.refused in output.model_dump_json():
            raise ParseFailed(f"No {self.refused}.")
        if isinstance(output, PageDraft):
            return output.model_copy(update={"title": f"{function_name}: {output.title.upper()}"})
        return output


class Confused(Shout):
    """A processor that returns something else."""

    async def process(self, function_name: str, output: BaseModel, inputs: BaseModel) -> BaseModel:
        return ChoiceList(choices=[])


async def test_processors_change_what_is_saved(bench: Bench):
    made = bench.over(ScriptedEngine([GOOD_PAGE]), processors=(Shout(), Shout(name="again")))
    assert (await made.run(WritePage(), PAGE)).title == "write_page: WRITE_PAGE: BELOW"


async def test_what_a_processor_refuses_is_repaired_or_written_offline(bench: Bench):
    engine = ScriptedEngine([GOOD_CHOICES, GOOD_CHOICES.replace("Wait", "Sing")])
    made = bench.over(engine, processors=(Shout(refused="Wait"),))
    assert [choice.text for choice in (await made.run(SuggestChoices(), CHOICES)).choices] == ["Go in", "Sing"]
    page = await bench.over(ScriptedEngine([GOOD_PAGE]), processors=(Shout(refused="Below"),)).run(WritePage(), PAGE)
    offline = WritePage().offline(PAGE)
    assert page.text == offline.text
    assert page.title == f"write_page: {offline.title.upper()}"


async def test_a_processor_that_refuses_everything_makes_the_job_wait(bench: Bench):
    with pytest.raises(Retryable, match=r"No text\."):
        await bench.over(processors=(Shout(refused="text"),)).run(WritePage(), PAGE)


async def test_a_processor_must_return_the_same_type(bench: Bench):
    with pytest.raises(TypeError, match="processor shout"):
        await bench.over(processors=(Confused(),)).run(WritePage(), PAGE)
    found = await row("SELECT state, error FROM ai_tasks")
    assert found is not None
    assert found["state"] == "failed"


async def test_a_function_is_found_by_its_name(services: Services):
    named = replace(services, functions=functions()[0])
    job = await jobs.claim(await a_job())
    assert job is not None
    caller = CallContext(Tracker(job, named.queue), None)
    page = await FunctionEngine(named).run_named("write_page", STORY, caller)
    assert isinstance(page, PageDraft)
    with pytest.raises(LookupError, match="there is no AI function 'write_book'"):
        await FunctionEngine(named).run_named("write_book", {}, caller)
