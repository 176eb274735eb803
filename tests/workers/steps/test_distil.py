"""Shorter forms of what every prompt of a chat or story holds: written in the background, gone with the text."""

import re
from dataclasses import replace

from db.connection import rows
from db.memory import facts, short_forms
from db.memory.memories import MemoryRecord
from db.people import Who
from tests.db.test_memories import ann, chat_memory, said, story_memory, told
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.steps.test_memory import remember
from tests.workers.steps.test_told import reply_to
from workers.engines.text.chain import TextChain
from workers.services import Services

__all__ = ["ann"]
LONG = "Bo talks of the sea and of nothing else. " * 400
SHORT = "Bo talks of the sea, always."


async def with_card(text: str) -> None:
    await rows("UPDATE personas SET card = card || jsonb_build_object('example_dialogue', $1::text)", text)


async def remember_with(services: Services, answer: str) -> list[str]:
    """Run what is due with a model that always answers this; the prompts for shorter forms that it got."""
    engine = ScriptedEngine([answer], context=6000)
    await remember(replace(services, text=TextChain((engine,))))
    asked = ["\n".join(message.content for message in request.messages) for request in engine.requests]
    return [prompt for prompt in asked if "of the sea" in prompt and "Summarise this" in prompt]


async def forms(memory: MemoryRecord) -> list[tuple[str, str]]:
    return [(form.kind, form.text) for form in await short_forms.of(memory.id)]


async def test_a_large_text_of_a_card_is_told_in_a_shorter_form_once_it_is_written(services: Services, ann: Who):
    await with_card(LONG)
    memory = await chat_memory(await said(ann, "Hello."))
    assert len(await remember_with(services, SHORT)) == 1
    assert await forms(memory) == [("dialogue", SHORT)]
    system = await reply_to(services, ann, "What do you think of?", at=0)
    assert SHORT in system
    assert "nothing else" not in system
    await rows("UPDATE memories SET due_at = now()")
    assert await remember_with(services, SHORT) == [], "what is there is not written again"


async def test_a_shorter_form_has_room_for_all_its_words(services: Services, ann: Who):
    await with_card(LONG)
    await chat_memory(await said(ann, "Hello."))
    engine = ScriptedEngine([SHORT], context=6000)
    await remember(replace(services, text=TextChain((engine,))))
    (request,) = [each for each in engine.requests if "Summarise this" in each.messages[-1].content and
                  "of the sea" in each.messages[-1].content]  # fmt: skip
    words = re.search(r"in at most (\d+) words", request.messages[-1].content)
    assert words is not None
    assert int(words[1]) > 200, "derived from what the layer has room for"
    assert request.sampling.max_tokens >= 2 * int(words[1])
    assert request.sampling.max_tokens <= 2000, "a third of the window"


async def test_an_edit_makes_the_shorter_form_stale(services: Services, ann: Who):
    await with_card(LONG)
    memory = await chat_memory(await said(ann, "Hello."))
    await remember_with(services, SHORT)
    await with_card(LONG.replace("nothing else", "little else"))
    assert SHORT not in await reply_to(services, ann, "What do you think of?", at=0)
    await rows("UPDATE memories SET due_at = now()")
    await remember_with(services, "Bo talks of the sea, mostly.")
    assert await forms(memory) == [("dialogue", "Bo talks of the sea, mostly.")]


async def test_what_is_small_or_has_no_model_gets_none(services: Services, ann: Who):
    memory = await chat_memory(await said(ann, "Hello."))
    assert await remember_with(services, SHORT) == []
    await with_card(LONG)
    await rows("UPDATE memories SET due_at = now()")
    await remember(services)
    assert await forms(memory) == []


async def test_a_storys_premise_that_does_not_fit_gets_one_and_a_word_to_be_forgotten_takes_it(services: Services):
    who = await somebody()
    _, pages = await told(who, 5)
    await rows("UPDATE stories SET premise = $1", LONG * 2)
    memory = await story_memory(pages[-1])
    await rows("UPDATE memories SET due_at = now()")
    assert len(await remember_with(services, SHORT)) == 1
    assert await forms(memory) == [("plot", SHORT)]
    await facts.forget_about(who.account.id, memory.id, "sea")
    assert await forms(memory) == []
