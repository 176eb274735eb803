"""`/chat suggest`: a line is suggested to one person, and becomes theirs when they send it."""

from db import chats, outbox
from db.connection import row, rows
from db.models import ChatMessageRow, JobRow
from db.payloads.persona import LineSuggested
from tests.bot.playing import words
from tests.bot.test_chat_turns import answered, published, shown, verbs
from tests.bot.world import Bot, command, press


async def suggested(reply: int, text: str = "I keep bees.") -> None:
    """What a worker has suggested, as message ``s1``."""
    person = await row("SELECT id FROM users ORDER BY id LIMIT 1")
    place = await row("SELECT conversation_id FROM chat_messages WHERE id = $1", reply)
    assert person is not None
    assert place is not None
    payload = LineSuggested(user=person["id"], message=reply, text=text)
    await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, "
        "message_ids) VALUES ('console:s1', 'reply', 'console', $1, 'line_suggested', $2::jsonb, '{}', 'sent', "
        "'[\"s1\"]')",
        place["conversation_id"], payload.model_dump_json(),
    )  # fmt: skip


async def test_a_line_is_suggested_behind_the_last_answer(bot: Bot) -> None:
    assert "Nothing was said" in await words(bot, await bot.does(command("chat suggest")))
    first = await answered(bot, "hello")
    await bot.does(command("chat suggest"))
    job = await JobRow.filter(type="suggest_line").get()
    assert job.parameters["reply"] == first
    await answered(bot, "and now?")
    assert "an earlier one" in await words(bot, await bot.does(press("suggest", first)))


async def test_what_was_suggested_is_said_in_the_persons_name_and_answered_once(bot: Bot) -> None:
    first = await answered(bot, "hello")
    await suggested(first)
    event = await bot.does(press("send_line", first), pressed="s1")
    said = await ChatMessageRow.filter(role="user").order_by("-id").first()
    assert said is not None
    assert (said.text, said.user_id is not None) == ("I keep bees.", True)
    assert [message.body for message in await bot.answers(event)] == ["*You said:* I keep bees."]
    for each in (await outbox.claim("console", 10)).rows:
        await outbox.sent(each.row.id, each.token)
    assert await rows("SELECT FROM outbox WHERE payload::text LIKE '%keep bees%'") == [], "it is the person's own now"
    job = await JobRow.filter(type="persona_reply").order_by("-id").first()
    assert job is not None
    assert (job.parameters["reply"], job.parameters["quoted"]) == (said.id + 1, False)
    await published(job, "So do I.", event)
    assert (await shown(bot, said.id + 1)).body == "So do I."
    assert "an earlier one" in await words(bot, await bot.does(press("send_line", first), pressed="s1"))
    assert await ChatMessageRow.filter(text="I keep bees.").count() == 1


async def test_nobody_sends_what_was_suggested_to_others_or_not_at_all(bot: Bot) -> None:
    first = await answered(bot, "hello")
    await suggested(first)
    assert "not here any more" in await words(bot, await bot.does(press("send_line", first)))
    await rows(
        "UPDATE outbox SET payload = payload || jsonb_build_object('user', 1000000) WHERE kind = 'line_suggested'"
    )
    refused = await bot.does(press("send_line", first), pressed="s1")
    assert await ChatMessageRow.filter(role="user").count() == 1
    assert (await bot.answer(refused)).private


async def test_where_others_are_the_answer_says_what_it_answers(bot: Bot) -> None:
    first = await answered(bot, "hello")
    await rows("UPDATE outbox SET payload = payload || '{\"quoted\": true}' WHERE kind = 'chat_reply'")
    message = await shown(bot, first)
    assert (message.body, message.footer) == ("Good evening.", "In answer to: “hello”")
    assert "variant" in verbs(message)
    assert await chats.last_reply(1, (await ChatMessageRow.get(id=first)).persona_id, 0) == first
