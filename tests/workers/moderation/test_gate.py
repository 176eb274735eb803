"""The gate of AI functions: nothing goes in, is shown or comes out unchecked, whatever the function."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from db import jobs
from db.connection import rows
from db.moderation import TextRefused
from prompts.registry import default_registry
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import a_job
from workers.engines.text.chain import TextChain
from workers.functions.base import AiFunction
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.suggest_choices import ChoicesInputs, SuggestChoices
from workers.functions.write_page import PageDraft, PageInputs, WritePage
from workers.moderation.base import Assessment, ClassifierFailed, TextClassifier
from workers.moderation.gate import Gate, Gated
from workers.moderation.moderator import Moderator
from workers.progress import Tracker
from workers.registries import functions
from workers.services import Services

CANARY = "csam"
"""A word that is refused whatever stands around it."""
STORY: dict[str, Any] = {
    "title": "The Door", "premise": "a keeper finds a door", "genre": "fantasy", "language": "en", "rating": "sfw",
    "seed": 1, "variant": 0, "page_number": 2, "path": [{"text": "open it", "kind": "bold"}],
    "action": "open it",
    "pages": [{"title": "Before", "text": "You stand there."}],
}  # fmt: skip
FILLED: dict[str, dict[str, Any]] = {
    "write_page": {
        **STORY, "summaries": [{"id": 1, "level": 1, "first": 0, "last": 0, "text": "You came by boat."}],
        "memories": [{"kind": "fact", "id": 1, "text": "Bo has a lamp."}],
        "plot": {"outline": "A keeper waits.", "threads": [{"title": "Who knocks?", "open": True}],
                 "characters": [{"name": "Bo", "state": "tired", "place": "the tower"}]},
    },
    "suggest_choices": {**STORY, "page_text": "A door stands in the water.", "count": 3},
    "answer_as_persona": {
        "persona": {"name": "Bo", "personality": ["kind"], "visual": {"hair": "grey"}}, "user_name": "Sam",
        "language": "en", "message": "hello", "history": [{"role": "user", "text": "hi"}], "seed": 1, "variant": 0,
        "summaries": [{"id": 1, "level": 1, "first": 0, "last": 0, "text": "They met."}],
        "memories": [{"kind": "pin", "id": 1, "text": "Sam has a dog."}], "begun": "It is late.", "note": "It rains.",
    },
    "answer_question": {"question": "why is the sea salt?", "language": "en"},
    "suggest_line": {
        "name": "Bo", "about": "keeps bees", "user_name": "Sam", "lines": [{"speaker": "Bo", "text": "Good evening."}],
    },
    "generate_persona": {"hint": "a keeper of bees", "name": "Bo", "language": "en"},
    "rewrite_persona": {"card": {"name": "Bo", "tagline": "keeps bees"}, "task": "expand", "wish": "taller"},
    "describe_picture": {"png": b"x", "said": "Look at my boat.", "language": "en"},
    "extract_scenes": {"page_text": "The keeper opens the heavy door and looks down.", "title": "Down", "genre": "sea"},
    "write_image_prompt": {
        "scene": "a keeper at a door", "context": "a lighthouse", "persona": {"name": "Bo", "appearance": "old"},
        "preferences": "in oil", "style": "cinematic",
    },
    **{
        f"summarise_{kind}": {
            "passages": [{"label": "Sam", "text": "I live by the sea now."}], "before": "They met.", "language": "en",
        }
        for kind in ("dialogue", "narration", "sheet", "plot")
    },
    "extract_facts": {
        "lines": [{"speaker": "Sam", "text": "My name is Samuel and I live in Brest."}], "names": ["Sam"],
        "known": [{"about": "Sam", "fact": "Sam says: I live in Lyon."}],
    },
    "extract_plot": {
        "notes": {"outline": "A keeper waits.", "threads": [{"title": "Who knocks?", "open": True}],
                  "characters": [{"name": "Bo", "state": "tired", "place": "the tower"}]},
        "pages": ["Then the door opens. Who is there?"], "language": "en",
    },
    "answer_tracked": {
        "question": "Is Tamsel hurt?", "subject": "Tamsel", "previous": "Unknown.",
        "lines": [{"speaker": "", "text": "Tamsel is hurt and lies down."}],
    },
}  # fmt: skip
NO_TEXT = frozenset({"language", "rating", "kind", "role", "style", "source", "mood", "task"})
"""Fields with a closed set of values."""


@dataclass
class Says:
    """A classifier by script: ``answers`` by a word of the passage, else harmless."""

    answers: dict[str, Assessment | Exception] = field(default_factory=dict[str, Assessment | Exception])
    name: str = "script"
    asked: list[str] = field(default_factory=list[str])

    async def assess(self, text: str) -> Assessment:
        self.asked.append(text)
        found = next((each for word, each in self.answers.items() if word in text), Assessment("sfw"))
        if isinstance(found, Exception):
            raise found
        return found

    async def close(self) -> None: ...


@dataclass
class Bench:
    services: Services
    job: jobs.Job

    def over(self, *answers: str, classifiers: tuple[TextClassifier, ...] = ()) -> tuple["Bench", ScriptedEngine]:
        engine = ScriptedEngine(answers)
        made = replace(self.services, text=TextChain((engine,)), moderator=Moderator(classifiers))
        return replace(self, services=made), engine

    async def run(self, function: AiFunction[Any, Any], inputs: BaseModel, **context: Any) -> Any:
        caller = CallContext(Tracker(self.job, self.services.queue), self.job.account_id, **context)
        return await FunctionEngine(self.services).run(function, inputs, caller)


@pytest.fixture
async def bench(services: Services, chores: None) -> Bench:
    job = await jobs.claim(await a_job())
    assert job is not None
    return Bench(services, job)


def page(text: str, title: str = "Below") -> str:
    return json.dumps({"title": title, "text": text, "ending": False})


def story(**changes: Any) -> PageInputs:
    return PageInputs.model_validate(STORY | changes)


def planted(value: Any, mark: str, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the data once for each of its texts, with a mark in this one."""
    if isinstance(value, str) and (not path or path[-1] not in NO_TEXT):
        yield path, f"{value} {mark}"
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        for inner, changed in planted(each, mark, (*path, key)):
            copy = dict(value) if isinstance(value, dict) else list(value)
            copy[key] = changed
            yield inner, copy


def test_every_function_is_listed_here() -> None:
    assert set(FILLED) == set(functions()[0].names), "add inputs for the new function: the walks below need them"


@pytest.mark.parametrize("name", FILLED)
async def test_no_text_gets_into_a_function(bench: Bench, name: str) -> None:
    function = functions()[0].get(name)
    assert function is not None
    offline = function.offline(function.inputs.model_validate(FILLED[name]))
    assert offline is not None
    marked = list(planted(FILLED[name], CANARY))
    assert len(marked) >= (1 if name in {"answer_question", "describe_picture"} else 2)
    for path, data in marked:
        made, engine = bench.over("x")
        if path[0] in function.material:
            await made.run(function, function.inputs.model_validate(data))
            assert CANARY not in str(engine.requests), path
        else:
            with pytest.raises(Exception, match="refused_minors"):
                await made.run(function, function.inputs.model_validate(data))
            assert engine.requests == [], path
    refused = any(path[0] not in function.material for path, _ in marked)
    assert [r["rule"] for r in await rows("SELECT DISTINCT rule FROM incidents")] == ["minors"] * refused


@pytest.mark.parametrize("name", FILLED)
async def test_no_text_gets_out_of_a_function(bench: Bench, name: str) -> None:
    function = functions()[0].get(name)
    assert function is not None
    inputs = function.inputs.model_validate(FILLED[name])
    offline = function.offline(inputs)
    assert offline is not None
    for path, data in planted(offline.model_dump(), CANARY):
        if path[-1] in function.unchecked:
            continue
        shown = json.dumps(data) if function.answer is not None else data["text"]
        made, _ = bench.over(shown)
        assert CANARY not in str(await made.run(function, inputs)), path


class Echo(AiFunction[PageInputs, PageDraft]):
    """A package's function, which knows nothing of the gate."""

    name: ClassVar[str] = "echo"
    prompt: ClassVar[str] = "text/continue"
    inputs: ClassVar[type[BaseModel]] = PageInputs

    async def prepare(self, inputs: PageInputs) -> dict[str, Any]:
        return {}

    async def parse(self, text: str, inputs: PageInputs) -> PageDraft:
        return PageDraft(text=text)


async def test_a_packages_function_cannot_be_outside(bench: Bench) -> None:
    made, engine = bench.over(f"{CANARY}, again", "A quiet sea.")
    with pytest.raises(TextRefused):
        await made.run(Echo(), story(premise=CANARY))
    assert (await made.run(Echo(), story())).text == "A quiet sea."
    assert "suitable for everybody" in engine.requests[-1].messages[-1].content
    made, _ = bench.over(CANARY)
    with pytest.raises(TextRefused, match="refused_minors"):
        await made.run(Echo(), story())
    found = await rows("SELECT stage, field FROM incidents ORDER BY stage")
    assert [(r["stage"], r["field"]) for r in found] == [("input", "echo"), ("output", "echo")]


async def test_a_refused_page_is_tried_once_more_then_written_offline(bench: Bench) -> None:
    made, engine = bench.over(page("She wears lingerie."), page("She wears a coat."))
    assert (await made.run(WritePage(), story())).text == "She wears a coat."
    assert len(engine.requests) == 2
    made, engine = bench.over(page("She wears lingerie."))
    offline = WritePage().offline(story())
    assert (await made.run(WritePage(), story())).text == offline.text
    steps = json.loads((await rows("SELECT steps FROM ai_tasks ORDER BY id DESC"))[0]["steps"])
    assert [s["step"] for s in steps] == [
        "request",
        "response",
        "moderated",
        "request",
        "response",
        "moderated",
        "offline",
    ]
    assert "lingerie" not in str(await rows("SELECT * FROM ai_tasks")) + str(await rows("SELECT * FROM incidents"))


async def test_earlier_pages_beyond_the_rating_refuse_no_choices(bench: Bench) -> None:
    # A story may be told on where less is allowed than where it began.
    made, _ = bench.over("x")
    told = FILLED["suggest_choices"] | {"pages": [{"title": "Above", "text": "She wears lingerie."}]}
    assert (await made.run(SuggestChoices(), ChoicesInputs.model_validate(told))).choices
    assert await rows("SELECT rule FROM incidents") == []


async def test_only_the_action_at_hand_is_refused_not_those_before(bench: Bench) -> None:
    before, now = {"text": "I kiss her lingerie.", "kind": "own"}, {"text": "I go on.", "kind": "own"}
    made, engine = bench.over(page("She wears a coat."))
    told = STORY | {"path": [before, now], "page_number": 3, "pages": STORY["pages"] * 2, "action": ""}
    assert (await made.run(WritePage(), PageInputs.model_validate(told))).text == "She wears a coat."
    prompt = "\n".join(message.content for message in engine.requests[0].messages)
    assert "lingerie" not in prompt
    assert "The player now does this: I go on." in prompt
    with pytest.raises(TextRefused):
        await made.run(WritePage(), PageInputs.model_validate(told | {"path": [now, before]}))


@pytest.mark.parametrize(
    ("rating", "premise", "classifiers", "word"),
    [
        ("sfw", "an adult woman", (Says(),), "general"),
        ("suggestive", "two adults", (), "teen"),
        ("suggestive", "a child and two adults", (Says(),), "general"),
        ("nsfw", "an adult woman", (Says(),), "mature"),
        ("nsfw", "a woman", (Says(),), "teen"),  # nobody says that she is of age
        ("nsfw", "an adult woman", (), "teen"),  # nobody could consent
        ("nsfw", "an adult woman and a child", (Says(),), "general"),
    ],
)
async def test_the_rating_that_a_prompt_is_given(
    bench: Bench, rating: Any, premise: str, classifiers: tuple[TextClassifier, ...], word: str
) -> None:
    made, engine = bench.over(page("The sea is calm."), classifiers=classifiers)
    await made.run(WritePage(), story(premise=premise), rating=rating)
    assert f"Content rating: {word}." in engine.requests[0].messages[0].content


@pytest.mark.parametrize(
    ("says", "rating", "passes"),
    [
        (Assessment("nsfw"), "nsfw", True),
        (Assessment("nsfw"), "suggestive", False),
        (Assessment("sfw"), "nsfw", True),
        (Assessment("nsfw", minors=True), "nsfw", False),
        (ClassifierFailed("away"), "nsfw", False),
        (ValueError("a package's defect"), "nsfw", False),
    ],
)
async def test_a_classifier_must_consent(says: Assessment | Exception, rating: Any, passes: bool) -> None:
    classifier = Says({"nude": says})
    moderator = Moderator((classifier,))
    terms = await moderator.terms(rating, ["an adult woman"])
    assert (await moderator.problem("She is nude.", terms) is None) is passes
    assert await moderator.problem("The lamp burns.", terms) is None
    await moderator.problem("The lamp burns.", terms)
    assert classifier.asked.count("The lamp burns.") == 1, "the result is not kept"
    assert "lamp" not in repr(moderator._opinions.__dict__) + repr(moderator._findings.__dict__)


async def test_what_is_shown_while_it_is_written_is_checked_before(bench: Bench) -> None:
    slow, go = Says(), asyncio.Event()

    async def assess(text: str) -> Assessment:
        await go.wait()
        return Assessment("nsfw" if "burns" in text else "sfw")

    slow.assess = assess  # type: ignore[method-assign]
    gate = Gate(
        Moderator((slow,)), bench.services.policy, bench.services.queue,
        Tracker(bench.job, bench.services.queue), Gated("write_page"), "sfw",
    )  # fmt: skip
    assert gate.shown("One.\n\nTwo is") == ""
    await asyncio.sleep(0.05)
    assert gate.shown("One.\n\nTwo is") == ""
    go.set()
    await asyncio.sleep(0.05)
    assert gate.shown("One.\n\nTwo is") == "One.", "the paragraph that is being written is not shown"
    for _ in range(5):
        assert gate.shown("One.\n\nIt burns.\n\nThree.\n\n") == "One."
        await asyncio.sleep(0.02)
    assert gate.shown("Anew.\n\n") == "", "another engine's text is another text"
    await gate.close()


def test_every_prompt_of_a_function_is_told_the_rating() -> None:
    names = {"story/repair_choices", *(function.prompt for function in functions()[0])}
    assert [name for name in names if "rating" not in default_registry().get(name).inputs] == []
