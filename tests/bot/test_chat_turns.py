"""The buttons under a persona's last reply: variants, continue, edit, undo; presses that come late or twice."""

import pytest

from bot.actions.packing import pack, split
from bot.events import EditedMessage, Event, Submit
from bot.messages import Message
from db import chats
from db.connection import row, rows
from db.models import ChatMessageRow, JobRow, OutboxRow
from db.outbox import of_event
from db.payloads.persona import ChatReply
from tests.bot.playing import words
from tests.bot.world import Bot, press, say


async def answered(bot: Bot, text: str, answer: str = "Good evening.") -> int:
    """A message and the persona's reply to it, which is shown as if a worker had sent it."""
    event = await bot.does(say(text))
    job = await JobRow.all().order_by("-id").first()
    assert job is not None
    await published(job, answer, event)
    return job.parameters["reply"]


async def published(job: JobRow, answer: str, event: Event, *, unseen: bool = False) -> None:
    reply = job.parameters["reply"]
    await chats.attach_reply(reply, answer)
    await rows("UPDATE jobs SET state = 'done' WHERE id = $1", job.id)
    found = await row(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, "
        "message_ids, edits_row) VALUES ($1, 'reply', 'console', $2, 'chat_reply', $3::jsonb, '{}', 'sent', "
        "jsonb_build_array('m' || $4::bigint), $5) RETURNING id",
        event.key, job.conversation_id, ChatReply(message=reply, unseen=unseen).model_dump_json(), reply,
        job.parameters.get("shown"),
    )  # fmt: skip
    assert found is not None


async def edits(event: Event) -> list[int | None]:
    """Which earlier rows an event's messages rewrite."""
    return [each.edits_row for each in await OutboxRow.filter(event_key=event.key).order_by("id")]


def verbs(message: Message) -> list[str]:
    return [split(data)[0] for data in message.actions()]


async def shown(bot: Bot, reply: int) -> Message:
    found = await row("SELECT event_key FROM outbox WHERE payload @> jsonb_build_object('message', $1::bigint)", reply)
    assert found is not None
    message = await bot.composer.compose((await of_event(found["event_key"]))[-1])
    assert message is not None
    return message


async def test_a_reply_has_its_buttons(bot: Bot) -> None:
    reply = await answered(bot, "hello")
    assert verbs(await shown(bot, reply))[:5] == ["variant", "moment", "remember", "continue", "edit"]


async def test_an_answer_that_is_written_again_stands_in_place_and_can_be_leafed_through(bot: Bot) -> None:
    first = await answered(bot, "hello")
    place = await row("SELECT id FROM outbox WHERE kind = 'chat_reply'")
    assert place is not None
    event = await bot.does(press("variant", first))
    job = await JobRow.all().order_by("-id").first()
    assert job is not None
    assert (job.parameters.get("shown"), job.parameters.get("continues")) == (place["id"], None)
    assert "just now" in await words(bot, await bot.does(press("swipe", first, "next")))
    await published(job, "Late again.", event)
    second = job.parameters["reply"]
    now = await shown(bot, second)
    assert [b.label for b in now.buttons[0]][:2] == ["◀", "2/2 ▶"]
    assert [b.word for b in now.buttons[0]][:2] == ["previous", "next"]
    back = await bot.does(press("swipe", second, "previous"))
    assert await words(bot, back) == "Good evening."
    assert await edits(back) == [place["id"]]
    assert await ChatMessageRow.filter(role="persona", chosen=True).values_list("id", flat=True) == [first]
    assert "no longer works" in await words(bot, await bot.does(press("swipe", second, "sideways")))


async def test_who_presses_before_it_is_known_that_a_reply_arrived_gets_it_changed_all_the_same(bot: Bot) -> None:
    first = await answered(bot, "hello")
    (place,) = await rows(
        "UPDATE outbox SET state = 'sending', message_ids = '[]', lease_token = gen_random_uuid(), "
        "lease_expires = now() WHERE kind = 'chat_reply' RETURNING id"
    )
    await bot.does(press("variant", first))
    job = await JobRow.get(id=2)
    assert job.parameters["shown"] == place["id"]


async def test_continuing_names_what_is_continued(bot: Bot) -> None:
    first = await answered(bot, "hello")
    await bot.does(press("continue", first))
    job = await JobRow.all().order_by("-id").first()
    assert job is not None
    assert job.parameters["continues"] == first


async def test_an_edit_is_asked_prefilled_and_kept_as_a_variant(bot: Bot) -> None:
    first = await answered(bot, "hello")
    await bot.does(press("edit", first))
    asked = await row("SELECT payload FROM outbox WHERE kind = 'question' ORDER BY id DESC LIMIT 1")
    assert asked is not None
    assert "Good evening." in asked["payload"]
    event = await bot.does(say("Good night."))
    told = await bot.reply(event)
    assert (told.body, told.footer) == ("Good night.", "Edited by hand.")
    assert verbs(told)[:2] == ["swipe", "swipe"]
    assert None not in await edits(event), "the message changes in place"
    texts = await ChatMessageRow.filter(role="persona").order_by("id").values_list("text", "chosen")
    assert texts == [("Good evening.", False), ("Good night.", True)]


async def test_what_an_edit_may_not_say(bot: Bot) -> None:
    first = await answered(bot, "hello")
    form = pack("edit", first)
    assert "beyond what may be shown" in await words(
        bot, await bot.does(Submit(form=form, values={"text": "naked sex on the beach"}))
    )
    assert await ChatMessageRow.filter(role="persona").count() == 1
    await rows("UPDATE chat_messages SET text = repeat('a', 5000) WHERE id = $1", first)
    assert "longer than" in await words(bot, await bot.does(press("edit", first)))


async def test_undo_takes_back_more_with_each_press(bot: Bot) -> None:
    first, second = await answered(bot, "hello"), await answered(bot, "and now?")
    event = await bot.does(press("undo", second))
    told = await bot.answer(event)
    assert told.body == "*Taken back.* You had said: “and now?”"
    assert told.actions() == [pack("undo", first)]
    assert "already" in await words(bot, await bot.does(press("undo", second)))
    again = await bot.does(press("undo", first))
    last = await bot.reply(again)
    assert last.actions() == []
    assert await ChatMessageRow.filter(chosen=True).count() == 0
    one, two = [each["id"] for each in await rows("SELECT id FROM outbox WHERE kind = 'chat_reply' ORDER BY id")]
    assert (await edits(event), await edits(again)) == ([two], [one])


@pytest.mark.parametrize("verb", ["variant", "continue", "undo"])
async def test_a_press_on_an_old_reply_says_so(bot: Bot, verb: str) -> None:
    first = await answered(bot, "hello")
    await answered(bot, "and now?")
    assert "an earlier one" in await words(bot, await bot.does(press(verb, first)))
    await bot.does(say("and then?"))
    assert "just now" in await words(bot, await bot.does(press("undo", first + 2)))


async def test_an_edited_message_counts_and_may_be_answered_again(bot: Bot) -> None:
    event = await bot.does(say("hello"))
    job = await JobRow.get()
    assert "just now" in await words(bot, await bot.does(edit_of(event, "good day")))
    await published(job, "Good evening.", event)
    offered = await bot.answer(await bot.does(edit_of(event, "good day")))
    assert offered.actions() == [pack("variant", job.parameters["reply"])]
    assert await ChatMessageRow.filter(role="user").values_list("text", flat=True) == ["good day"]
    await bot.does(press("variant", job.parameters["reply"]))
    again = await JobRow.get(id=2)
    place = await row("SELECT id FROM outbox WHERE kind = 'chat_reply'")
    assert place is not None
    assert again.parameters["shown"] == place["id"], "the answer changes in its place"
    for refused in (edit_of(event, "naked sex on the beach"), EditedMessage(text="x", message_id="1", said="e0")):
        await bot.does(refused)
    assert await ChatMessageRow.filter(role="user").values_list("text", flat=True) == ["good day"]


def edit_of(event: Event, text: str) -> EditedMessage:
    return EditedMessage(text=text, message_id="1", said=event.event_id)
