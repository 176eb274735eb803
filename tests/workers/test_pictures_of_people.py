"""Pictures of personas: from somebody's own words, and from a prompt that is written from these and from the card."""

import json
from dataclasses import replace
from typing import Any

import pytest

from db import chats, personas
from db.models import PersonaRow, PictureRow
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.functions.test_write_image_prompt import GOOD
from tests.workers.test_drawing import PlainEngine, Workers, ordered, queue, told
from workers.engines.text.chain import TextChain
from workers.queue import Queue

__all__ = ["queue"]
LOOKS = "a tall woman with red hair"
VISUAL = {"words": LOOKS, "negative": "hats", "seed": 41}


async def mira(**fields: Any) -> PersonaRow:
    """A persona with a visual identity."""
    who = await somebody()
    card = {"name": "Mira", "description": "A clockmaker.", "visual": VISUAL, "rating": "suggestive", **fields}
    made = await personas.create(who.account.id, who.user.id, card, verdict="checked")
    return await PersonaRow.get(id=made.id)


async def test_a_persona_lends_its_looks_to_what_was_typed(queue: Queue):
    persona, engine = await mira(), PlainEngine()
    await Workers(queue, engine).run(await ordered("imagine", prompt="on a beach", negative="rain", persona=persona.id))
    (picture,), (asked,) = await PictureRow.all(), engine.asked
    assert [part.text for part in asked.prompt][:2] == [LOOKS, "on a beach"]
    assert {"rain", "hats"} <= set(asked.negative[0].text.split(", "))
    assert asked.seed == 41
    assert (picture.prompt, picture.typed) == (f"{LOOKS}, on a beach", "on a beach")
    assert (picture.prompt_source, picture.persona_id, picture.alt) == ("own", persona.id, "on a beach")


@pytest.mark.parametrize("named", [True, False])
async def test_without_a_model_the_template_writes_it_out(queue: Queue, named: bool):
    persona, engine = await mira(preferences="warm evening light"), PlainEngine()
    who = {"persona": persona.id} if named else {}
    await Workers(queue, engine).run(
        await ordered("imagine", prompt="reading on a beach", negative="rain", style="ink", enhance=True, **who)
    )
    (picture,), (asked,) = await PictureRow.all(), engine.asked
    assert 100 <= len(picture.prompt.split()) <= 200
    assert (picture.prompt_source, picture.typed, picture.style) == ("template", "reading on a beach", "ink")
    assert "reading on a beach" in picture.prompt.lower()
    assert ("warm evening light" in picture.prompt.lower(), picture.prompt.startswith(LOOKS)) == (named, named)
    assert picture.negative.startswith("rain")
    assert (asked.prompt[0].text == LOOKS) == named
    await Workers(queue, engine).run(await ordered("draw_again", picture=picture.id))
    again = await PictureRow.get(id=picture.id + 1)
    assert (again.prompt, again.typed, again.prompt_source) == (picture.prompt, picture.typed, "template")


async def test_a_model_writes_it_out_and_what_was_typed_stays(queue: Queue):
    persona, workers = await mira(), Workers(queue, PlainEngine())
    writer = ScriptedEngine([json.dumps({"prompt": GOOD, "negative": "blur"})])
    workers._cpu._services = replace(workers._cpu._services, text=TextChain([writer]))
    await workers.run(await ordered("imagine", prompt="in a storm", persona=persona.id, enhance=True))
    (picture,) = await PictureRow.all()
    assert (picture.prompt_source, picture.typed, picture.alt) == ("ai", "in a storm", "in a storm")
    assert picture.prompt.startswith(f"{LOOKS}, An old keeper raises a brass lamp")
    assert 100 <= len(picture.prompt.split()) <= 200
    assert "blur" in picture.negative.split(", ")
    told_model = writer.requests[0].messages[-1].content
    assert "Scene: in a storm" in told_model
    assert LOOKS in told_model


async def test_a_portrait_shows_the_scene_and_what_the_persona_likes(queue: Queue):
    persona = await mira(preferences="soft watercolours of gardens")
    await Workers(queue, PlainEngine()).run(
        await ordered("persona_portrait", persona=persona.id, prompt="beach at sunset")
    )
    (picture,) = await PictureRow.all()
    assert picture.prompt.startswith(LOOKS)
    assert "beach at sunset" in picture.prompt.lower()
    assert "soft watercolours of gardens" in picture.prompt.lower()
    assert (picture.typed, picture.prompt_source) == ("beach at sunset", "template")


async def exchange(persona: PersonaRow, said: str, reply: str) -> int:
    """Something said to a persona, and its answer; returns the answer's id."""
    who = await somebody()
    begun = await chats.say(who.conversation, await personas.get(who.account.id, persona.id), who.user.id, said)
    await chats.attach_reply(begun.reply.id, reply)
    return begun.reply.id


async def test_a_moment_of_a_chat_is_drawn_with_the_looks_of_the_persona(queue: Queue):
    persona, engine = await mira(scenario="In a workshop."), PlainEngine()
    reply = await exchange(persona, "May I see it?", "The old woman lifts a brass lantern over the dark workbench.")
    job = await Workers(queue, engine).run(await ordered("draw_moment", reply=reply, style="ink"))
    (picture,), (asked,) = await PictureRow.all(), engine.asked
    assert (picture.kind, picture.persona_id, picture.style, job.message_id) == ("moment", persona.id, "ink", reply)
    assert picture.prompt.startswith(LOOKS)
    assert "brass lantern" in picture.prompt
    assert picture.alt == "Mira: The old woman lifts a brass lantern over the dark workbench."
    assert asked.seed == 41
    assert asked.width > asked.height
    assert (picture.prompt_source, picture.typed) == ("template", "")


async def test_no_moment_is_drawn_of_what_is_not_there(queue: Queue):
    engine = PlainEngine()
    await Workers(queue, engine).run(await ordered("draw_moment", reply=99))
    assert engine.asked == []
    assert await told() == ["chat.unknown_message"]


async def test_nobody_is_drawn_beyond_the_rating_of_the_card(queue: Queue):
    persona, engine = await mira(rating="sfw"), PlainEngine("sdxl", unsafe=0.0)
    workers = Workers(queue, engine, classifier=True)
    for enhance in (True, False):
        await workers.run(
            await ordered(
                "imagine", prompt="naked in bed", persona=persona.id, rating="nsfw", allowance="nsfw", enhance=enhance
            )
        )
    assert engine.asked == []
    assert len(await told()) == 2


async def test_the_engine_counts_the_tokens(queue: Queue):
    await Workers(queue, PlainEngine(tokens=17)).run(await ordered("imagine", prompt="a door"))
    assert (await PictureRow.get(id=1)).tokens == 17
