"""What can be done with any message: `/message` in reply to it, *Storyfork…* in its menu, the entries of answers."""

from bot.actions.packing import pack
from bot.events import Command, MenuPick, Submit
from bot.message_entries import MENU
from bot.messages import Message
from db import chats
from db.connection import row, rows
from db.models import ChatMessageRow, JobRow, OutboxRow
from tests.bot.playing import words
from tests.bot.test_chat_turns import answered, edits, shown, verbs
from tests.bot.world import Bot, command, press, say


async def entries(bot: Bot, message_id: str, **who: str) -> Message:
    """The panel of a message."""
    picked = MenuPick(name=MENU, message_id=message_id, author_is_bot=True, text="")
    return await bot.answer(await bot.does(picked, **who))  # type: ignore[arg-type]


async def told(reply: int) -> list[str]:
    """What a writer is told of the chat who answers behind a reply."""
    last = await ChatMessageRow.get(id=reply)
    pending = await chats.pending(last.id)
    assert pending is not None
    return [each.text for each in await chats.history(pending.reply)]


async def test_a_message_has_what_applies_to_it(bot: Bot) -> None:
    first, last = await answered(bot, "hello"), await answered(bot, "and now?")
    panel = await entries(bot, f"m{first}")
    assert panel.private
    earlier = ["edit", "hide", "regenerate", "branch", "remember", "moment"]
    assert verbs(panel) == earlier, "a persona that ships takes no examples"
    assert verbs(await entries(bot, f"m{last}"))[:4] == ["variant", "continue", "edit", "undo"]
    replied = Command(name="message", reply_to=f"m{first}")
    assert verbs(await bot.answer(await bot.does(replied))) == earlier
    assert "undo" in verbs(await bot.answer(await bot.does(command("message")))), "the last one"


async def test_a_message_shows_nobody_what_they_may_not_do(bot: Bot) -> None:
    await answered(bot, "hello")
    await bot.does(say("hello"), group="club", role="owner")
    job = await JobRow.all().order_by("-id").first()
    assert job is not None
    reply = job.parameters["reply"]
    await chats.attach_reply(reply, "Good evening.")
    await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, "
        "message_ids) VALUES ('console:x', 'reply', 'console', $1, 'chat_reply', "
        "jsonb_build_object('message', $2::bigint), '{}', 'sent', '[\"g1\"]')",
        job.conversation_id, reply,
    )  # fmt: skip
    assert "branch" in verbs(await entries(bot, "g1", group="club", role="owner"))
    assert "branch" not in verbs(await entries(bot, "g1", group="club", name="ben"))
    assert "none of my messages" in (await entries(bot, "g1", name="ben")).body, "it stands in another chat"
    refused = Command(name="message", rest="branch", reply_to="g1")
    assert "takes a moderator" in await words(bot, await bot.does(refused, group="club", name="ben"))


async def test_words_behind_message_do_what_the_buttons_do(bot: Bot) -> None:
    first, last = await answered(bot, "hello", "In the sun."), await answered(bot, "and now?")
    assert "There are: again, " in await words(bot, await bot.does(command("message: fly")))
    undo = Command(name="message", rest="undo", reply_to=f"m{first}")
    assert "cannot be done" in await words(bot, await bot.does(undo))
    await bot.does(Command(name="message", rest="show again", reply_to=f"m{first}"))
    await bot.does(Command(name="message", rest="Hide", reply_to=f"m{first}"))
    assert await told(last) == ["hello"]
    await bot.does(Command(name="message", rest="edit", reply_to=f"m{last}"))
    assert await row("SELECT 1 FROM outbox WHERE kind = 'question' AND payload::text LIKE '%Good evening.%'")


async def test_an_earlier_answer_is_edited_and_its_revisions_are_kept(bot: Bot) -> None:
    first, last = await answered(bot, "hello"), await answered(bot, "and now?")
    place = await OutboxRow.filter(kind="chat_reply").order_by("id").first()
    assert place is not None
    event = await bot.does(Submit(form=pack("edit", first), values={"text": "Good night."}))
    message = await bot.reply(event)
    assert (message.body, verbs(message)) == ("Good night.", ["moment", "remember", "edit", "vote_reply", "vote_reply"])
    assert await edits(event) == [place.id]
    assert await told(last) == ["hello", "Good night."]
    kept = await ChatMessageRow.filter(reply_to_id=first - 1).order_by("id").values_list("text", "chosen")
    assert kept == [("Good evening.", False), ("Good night.", True)]


async def test_a_hidden_answer_leaves_the_context_until_it_is_shown_again(bot: Bot) -> None:
    first, last = await answered(bot, "hello", "In the sun."), await answered(bot, "and now?")
    place = await row("SELECT id FROM outbox WHERE kind = 'chat_reply' ORDER BY id LIMIT 1")
    assert place is not None
    hidden = await bot.does(press("hide", first))
    message = await bot.reply(hidden)
    assert message.body == "*Hidden: nobody is told of it any more.* Marlow Finch had said: “In the sun.”"
    assert (message.actions(), await edits(hidden)) == ([pack("unhide", first)], [place["id"]])
    assert await told(last) == ["hello"]
    assert "hidden already" in await words(bot, await bot.does(press("hide", first)))
    again = await bot.does(press("unhide", first))
    assert ((await bot.reply(again)).body, await edits(again)) == ("In the sun.", [place["id"]])
    assert await told(last) == ["hello", "In the sun."]
    assert "not hidden" in await words(bot, await bot.does(press("unhide", first)))


async def test_an_answer_is_written_anew_and_what_followed_is_taken_back(bot: Bot) -> None:
    first, second, third = [await answered(bot, text) for text in ("hello", "and now?", "and then?")]
    event = await bot.does(press("regenerate", first))
    job = await JobRow.all().order_by("-id").first()
    assert job is not None
    assert (await ChatMessageRow.get(id=job.parameters["reply"])).reply_to_id == first - 1
    assert job.parameters.get("shown") is None, "it is a message of its own, below what was taken back"
    marked = await OutboxRow.filter(event_key=event.key, kind="turn_undone").order_by("id")
    assert [each.payload["message"] for each in marked] == [second, third]
    assert await ChatMessageRow.filter(chosen=True).order_by("id").values_list("id", flat=True) == [first - 1, first]
    assert "taken back already" in await words(bot, await bot.does(press("undo", second)))
    assert "just now" in await words(bot, await bot.does(press("regenerate", first)))


async def test_an_answer_becomes_an_example_of_how_the_persona_speaks(bot: Bot) -> None:
    await bot.does(command("persona create", name="Mira", about="a clockmaker"))
    await bot.does(command("persona use: Mira"))
    reply = await answered(bot, "hello", "Tick, tock.")
    assert "example" in verbs(await entries(bot, f"m{reply}"))
    card = await bot.answer(await bot.does(press("example", reply)))
    persona = await row("SELECT id, card ->> 'example_dialogue' AS example FROM personas WHERE name = 'Mira'")
    assert persona is not None
    assert persona["example"] == "<START>\n{{user}}: hello\n{{char}}: Tick, tock."
    await bot.does(press("example", reply))
    assert await row("SELECT card ->> 'example_dialogue' AS example FROM personas WHERE id = $1", persona["id"]) == {
        "example": persona["example"]
    }, "a second press adds nothing"
    (undo,) = [data for data in card.actions() if data.startswith("1.p_undo")]
    await bot.does(press(*undo.split(".")[1:2], *[int(n, 36) for n in undo.split(".")[2:]]))
    assert await row("SELECT 1 FROM personas WHERE name = 'Mira' AND NOT card ? 'example_dialogue'")


async def test_words_of_an_answer_are_remembered(bot: Bot) -> None:
    reply = await answered(bot, "hello", "I am called Hope.")
    assert verbs(await shown(bot, reply))[2] == "remember"
    await bot.does(press("remember", reply))
    asked = await row("SELECT payload FROM outbox WHERE kind = 'question' ORDER BY id DESC LIMIT 1")
    assert asked is not None
    assert "I am called Hope." in asked["payload"]
    await bot.does(Submit(form=pack("remember", reply), values={"text": "She is called Hope."}))
    assert await rows("SELECT subject, text FROM facts") == [{"subject": "Marlow Finch", "text": "She is called Hope."}]


async def test_words_that_nobody_can_see_are_none(bot: Bot) -> None:
    reply = await answered(bot, "hello")
    for verb in ("edit", "remember"):
        unseen = Submit(form=pack(verb, reply), values={"text": "\u200b \u2060"})
        assert "must be filled in" in await words(bot, await bot.does(unseen))
