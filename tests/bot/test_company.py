"""`/persona add` and `/persona remove`: who is there, who answers, and what each answer of an event is."""

from typing import Any

from bot.events import TextMessage
from db import chats
from db.connection import row, rows
from db.models import ChatMessageRow, JobRow, OutboxRow
from db.payloads.persona import ChatReply
from tests.bot.playing import words
from tests.bot.test_limits import limited
from tests.bot.world import Bot, command, press, say


async def gathered(bot: Bot, **place: Any) -> None:
    """Three of the shipped personas in one conversation."""
    for line in ("persona use: Ilse", "persona add: Vex", "persona add: Marlow"):
        await bot.does(command(line), **place)


async def asked() -> list[tuple[str, str]]:
    """Whose replies are to be written, in the order of the jobs, and which answers of their events they are."""
    found = await rows(
        "SELECT p.name, j.event_key FROM jobs j JOIN chat_messages m ON m.id = j.message_id "
        "JOIN personas p ON p.id = coalesce(m.speaker_id, m.persona_id) WHERE j.state = 'queued' ORDER BY j.id"
    )
    return [(each["name"], each["event_key"]) for each in found]


async def speak(reply: int, text: str, event_key: str) -> None:
    """A reply as if a worker had written it and the platform shown it as the message ``m<reply>``."""
    await chats.attach_reply(reply, text)
    await rows("UPDATE jobs SET state = 'done' WHERE message_id = $1", reply)
    await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, "
        "message_ids) SELECT $1, 'reply', 'console', conversation_id, 'chat_reply', $3::jsonb, '{}', 'sent', "
        "jsonb_build_array('m' || $2::bigint) FROM chat_messages WHERE id = $2",
        event_key, reply, ChatReply(message=reply).model_dump_json(),
    )  # fmt: skip


async def test_who_is_there_is_told_and_listed(bot: Bot) -> None:
    await bot.does(command("persona use: Ilse"))
    told = await words(bot, await bot.does(command("persona add: Vex", when="called")))
    assert told == "Vex is here, too, and answers when called. Now here: Dr. Ilse Auerbach, Vex (when called)."
    listed = await bot.answer(await bot.does(command("persona list")))
    assert listed.footer.startswith("Now here: Dr. Ilse Auerbach, Vex (when called).")
    assert (await words(bot, await bot.does(command("persona remove: vex")))).endswith("Now here: Dr. Ilse Auerbach.")
    assert "Nobody but Dr. Ilse Auerbach" in await words(bot, await bot.does(command("persona remove: Ilse")))
    assert "Nobody of that name" in await words(bot, await bot.does(command("persona remove: Vex")))


async def test_there_is_a_limit(bot: Bot) -> None:
    limited(bot, company=2)
    await bot.does(command("persona use: Ilse"))
    await bot.does(command("persona add: Vex"))
    assert "2 personas talk here, which is the limit" in await words(
        bot, await bot.does(command("persona add: Marlow"))
    )


async def test_who_is_named_answers_each_with_a_message_of_its_own(bot: Bot) -> None:
    await gathered(bot)
    event = await bot.does(say("Marlow and Vex, what now?"))
    assert await asked() == [("Marlow Finch", event.key), ("Vex", f"{event.key}/2")]
    said = await ChatMessageRow.filter(role="user").count()
    assert (said, await ChatMessageRow.filter(role="cue").count()) == (1, 1)
    again = await bot.does(say("Everybody?"))
    assert [key for _, key in (await asked())[2:]] == [again.key, f"{again.key}/2", f"{again.key}/3"]


async def test_whose_message_is_replied_to_answers(bot: Bot) -> None:
    await gathered(bot)
    event = await bot.does(say("Vex?"))
    reply = (await ChatMessageRow.get(role="persona", state="pending")).id
    await speak(reply, "Here.", event.key)
    await bot.does(TextMessage(text="Why?", addressed=True, reply_to=f"m{reply}"))
    assert [name for name, _ in await asked()] == ["Vex"]


async def test_the_buttons_of_each_answer_are_for_that_one(bot: Bot) -> None:
    await gathered(bot)
    event = await bot.does(say("Vex and Marlow!"))
    first, second = [each.id for each in await ChatMessageRow.filter(role="persona", state="pending").order_by("id")]
    await speak(first, "Vex speaks.", event.key)
    await speak(second, "Marlow speaks.", f"{event.key}/2")
    await bot.does(press("variant", first))
    assert [name for name, _ in await asked()] == ["Vex"]
    job = await JobRow.get(state="queued")
    shown = await OutboxRow.get(event_key=event.key, kind="chat_reply")
    assert job.parameters["shown"] == shown.id, "in place of the first answer"
    await speak(job.parameters["reply"], "Vex anew.", str(job.event_key))
    undone = await bot.does(press("undo", second))
    told = [each.body for each in await bot.answers(undone)]
    assert len(told) == 2, "the message of each answer says so"
    assert all("“Vex and Marlow!”" in each for each in told)
    left = await row("SELECT count(*) AS n FROM chat_messages WHERE chosen AND role IN ('persona', 'user', 'cue')")
    assert left is not None
    assert left["n"] == 1, "Ilse's greeting"


async def test_a_new_chat_begins_with_who_is_there(bot: Bot) -> None:
    await gathered(bot)
    await bot.does(command("persona remove: Ilse"))
    begun = await bot.answer(await bot.does(command("chat new")))
    assert begun.speaker == "Vex"
    await bot.does(say("Vex and Marlow?"))
    assert [name for name, _ in await asked()] == ["Vex", "Marlow Finch"]


async def test_only_who_may_choose_personas_may_add_one(bot: Bot) -> None:
    await bot.does(command("persona use: Ilse"), group="club", role="owner")
    await bot.does(command("persona add: Vex"), name="ben", group="club")
    assert await rows("SELECT FROM company") == []
