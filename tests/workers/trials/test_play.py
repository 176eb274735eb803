"""Stories and chats that nobody reads, by the real workflows: by templates, and in the long form by a real model."""

import asyncio
from dataclasses import replace

import pytest

from db import personas
from db.connection import rows
from prompts.personas import load_personas
from tests.effort import LONG
from tests.models.smollm2 import smollm2
from workers.craft.pages import PageFacts, examine_page
from workers.craft.settings import CraftSettings
from workers.engine_registries import text_engines
from workers.engines.text.build import build_text_chain
from workers.engines.text.settings import TextSettings
from workers.services import Services
from workers.trials.cases import ChatCase, StoryCase, chat_cases, story_cases
from workers.trials.play import TrialPlayer
from workers.trials.verdict import AcceptanceKind, acceptance


@pytest.fixture
async def shipped(database: str) -> None:
    await personas.sync_shipped([card.model_dump(mode="json") for card in load_personas()])


async def test_a_story_goes_on_from_the_choice_that_its_seed_takes(services: Services, shipped: None) -> None:
    case = StoryCase("A keeper finds a door under the sea.", "fantasy", 7)
    first, second = await TrialPlayer(services).story(case, 2)
    assert first.taken == ""
    assert second.taken in first.choices
    assert second.text != first.text
    assert [run.function for run in first.runs] == ["write_page", "suggest_choices"]
    assert {acceptance(run) for run in first.runs} == {AcceptanceKind.OFFLINE}
    assert [page.text for page in await TrialPlayer(services).story(case, 2)] == [first.text, second.text]


async def test_chats_are_answered_turn_by_turn_and_their_messages_stored_in_order(
    services: Services, shipped: None
) -> None:
    cases = [ChatCase("marlow", ("Hello!", "Good night.")), ChatCase("vex", ("Hello!",), "de")]
    marlow, vex = await TrialPlayer(services).chats(cases, parallel=2)
    assert [(reply.persona, reply.said) for reply in marlow] == [
        ("Marlow Finch", "Hello!"),
        ("Marlow Finch", "Good night."),
    ]
    assert [reply.persona for reply in vex] == ["Vex"]
    assert all(reply.text for reply in (*marlow, *vex))
    said = await rows("SELECT text FROM chat_messages WHERE role = 'user' ORDER BY id")
    assert [each["text"] for each in said] == ["Hello!", "Hello!", "Good night."]


async def test_a_pictures_prompt_is_written_though_nobody_draws(services: Services, shipped: None) -> None:
    (run,) = await TrialPlayer(services).picture_prompt("A door stands under the sea, and a lamp burns before it.")
    assert (run.function, acceptance(run)) == ("write_image_prompt", AcceptanceKind.OFFLINE)


def test_the_same_seed_makes_the_same_cases() -> None:
    assert story_cases(20) == story_cases(20)
    assert len({case.premise for case in story_cases(20)}) == 20
    (chat,) = chat_cases(["vex"], 10)
    assert len(set(chat.messages)) == 10
    assert chat.messages[0] == "Hello! Who are you?"


@pytest.mark.skipif(not LONG, reason="a real model takes minutes")
@pytest.mark.timeout(900)
async def test_what_a_small_model_writes_is_shown_only_if_it_passes(services: Services, shipped: None) -> None:
    settings = TextSettings(
        text_engines=("llama",), text_model=smollm2(), llama_context=4096, llama_threads=1, llama_shared=False,
        model_size="auto",
    )  # fmt: skip
    chain = await asyncio.to_thread(build_text_chain, settings, text_engines()[0])
    strict = CraftSettings(enabled=True)
    try:
        player = TrialPlayer(replace(services, text=chain, craft=strict))
        (case,) = story_cases(1)
        earlier: list[str] = []
        for page in await player.story(case, 2):
            facts = PageFacts(premise=case.premise, earlier=earlier, ending=page.ending)
            assert not examine_page(page.text, facts, strict).failed
            assert 2 <= len(page.choices) <= 4
            earlier.append(page.text)
        ((reply,),) = await player.chats(chat_cases(["vex"], 1))
        assert "Vex:" not in reply.text
        assert reply.runs[-1].engine in {"llama", "template"}
    finally:
        await chain.close()
