"""How a persona looks beside its words: the picture that everybody may see, and whether it is new in a chat."""

import pytest

from bot.compose import Composer
from bot.events import Payload
from bot.views.faces import face_of
from db import chats, outbox, speakers
from db.connection import row, rows
from db.models import ChatMessageRow
from db.payloads.notice import Placeholder
from tests.bot.world import Bot, command, press, say


async def talked(bot: Bot, payload: Payload) -> ChatMessageRow:
    """The persona's answer to a text or a press."""
    await bot.does(payload)
    found = await ChatMessageRow.filter(role="persona").order_by("-id").first()
    assert found is not None
    assert await chats.attach_reply(found.id, "Good evening.") is not None
    return found


async def painted(persona: int, rating: str = "sfw", *, hidden: bool = False) -> int:
    """A portrait of a persona."""
    made = await row(
        "INSERT INTO pictures (account_id, persona_id, kind, rating, hidden) VALUES (1, $1, 'portrait', $2, $3) "
        "RETURNING id",
        persona, rating, hidden,
    )  # fmt: skip
    assert made is not None
    return made["id"]


async def test_a_persona_is_new_in_each_chat_once(bot: Bot):
    first = await talked(bot, say("Good evening"))
    assert await speakers.is_new(1, first.id)
    assert not await speakers.is_new(2, first.id), "another account's"
    variant = await talked(bot, press("variant", first.id))
    assert variant.id != first.id
    assert await speakers.is_new(1, variant.id), "the variants are one message"
    assert not await speakers.is_new(1, (await talked(bot, say("And you?"))).id)
    await bot.does(command("chat reset"))
    assert not await speakers.is_new(1, (await talked(bot, say("Again"))).id)


@pytest.mark.parametrize(
    ("rating", "hidden", "shown"), [("sfw", False, True), ("suggestive", False, False), ("sfw", True, False)]
)
async def test_the_latest_portrait_that_everybody_may_see(bot: Bot, rating: str, hidden: bool, shown: bool):
    said = await talked(bot, say("Good evening"))
    face = face_of(1, said.persona_id, said.id)
    assert await face.portrait() is None
    await painted(said.persona_id)
    newest = await painted(said.persona_id, rating, hidden=hidden)
    portrait = await face.portrait()
    assert (portrait is not None) is shown
    assert portrait is None or portrait.key == str(newest)
    assert await face_of(2, said.persona_id).portrait() is None
    assert await face.is_new()


@pytest.mark.parametrize(("group", "named"), [("", False), ("club", True)])
async def test_a_placeholder_says_whose_answer_it_is(bot: Bot, group: str, named: bool):
    event = await bot.does(say("Good evening"), group=group)
    (job,) = await rows("SELECT id, conversation_id, account_id FROM jobs WHERE event_key = $1", event.key)
    await outbox.add(
        event.key, outbox.PLACEHOLDER, platform="console", conversation_id=job["conversation_id"],
        payload=Placeholder(job=job["id"]), destination=event.destination.model_dump(),
    )  # fmt: skip
    (placeholder,) = await outbox.of_event(event.key)
    progress = await Composer(bot.topics.views, bot.around).progress(placeholder)
    persona = await speakers.of_job(job["account_id"], job["id"])
    assert persona is not None
    assert progress.speaker == (persona.name if named else "")
    assert (progress.face is not None) is named


async def test_a_persona_is_shown_with_the_portrait_that_everybody_may_see(bot: Bot):
    said = await talked(bot, say("Good evening"))
    assert (await bot.answer(await bot.does(command("persona show")))).pictures == ()
    await painted(said.persona_id)
    assert len((await bot.answer(await bot.does(command("persona show")))).pictures) == 1
    await painted(said.persona_id, "suggestive")
    assert (await bot.answer(await bot.does(command("persona show")))).pictures == ()
