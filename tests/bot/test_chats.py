"""`/chat …`: several chats in one place, and the author's note."""

from bot.actions.packing import pack
from bot.events import Command, IncomingFile, MenuPick
from bot.message_entries import MENU
from db.connection import row, rows
from db.models import JobRow
from tests.bot.playing import words
from tests.bot.test_chat_turns import answered
from tests.bot.world import Bot, command, press, say


async def test_chats_stand_beside_each_other(bot: Bot) -> None:
    assert "one chat" in await words(bot, await bot.does(command("chat list")))
    first = await answered(bot, "hello", "In the sun.")
    begun = await bot.answer(await bot.does(command("chat new: In the rain")))
    assert "another chat" in begun.footer
    await answered(bot, "and here?", "It rains.")
    await bot.does(command("chat rename: In the storm"))
    listed = await bot.answer(await bot.does(command("chat list")))
    assert "**In the storm** – Marlow Finch, 3 messages, open now" in listed.body
    assert "2 messages\n" in f"{listed.body}\n"
    (option,) = listed.selects[0].options
    other = await row("SELECT id FROM saved_chats WHERE epoch = 0")
    assert other is not None
    assert option.action == pack("chat_open", other["id"])
    back = await bot.answer(await bot.does(press("chat_open", other["id"])))
    assert (back.body, back.footer, back.speaker) == ("In the sun.", "Chat 1", "Marlow Finch")
    assert pack("undo", first) in back.actions()
    assert "open already" in await words(bot, await bot.does(press("chat_open", other["id"])))
    again = await bot.answer(await bot.does(command("chat switch: in the storm")))
    assert (again.body, again.footer) == ("It rains.", "Chat “In the storm”")
    assert "no such chat" in await words(bot, await bot.does(command("chat switch: nowhere")))


async def test_a_reset_begins_a_saved_chat_anew_and_no_number_is_used_twice(bot: Bot) -> None:
    await answered(bot, "hello")
    await bot.does(command("chat new: In the rain"))
    await answered(bot, "and here?")
    first = await row("SELECT id FROM saved_chats WHERE epoch = 0")
    assert first is not None
    await bot.does(press("chat_open", first["id"]))
    await bot.does(command("chat reset"))
    found = await rows("SELECT id, epoch, name FROM saved_chats ORDER BY id")
    assert [(each["epoch"], each["name"]) for each in found] == [(2, ""), (1, "In the rain")]
    assert await row("SELECT epoch, last_epoch FROM conversations") == {"epoch": 2, "last_epoch": 2}


async def test_who_keeps_no_archive_keeps_their_chats(bot: Bot) -> None:
    await answered(bot, "hello")
    await rows("UPDATE users SET archive = false")
    await bot.does(command("chat new"))
    await answered(bot, "and here?")
    await bot.does(command("chat reset"))
    assert [each["text"] for each in await rows("SELECT text FROM chat_messages WHERE role = 'user'")] == ["hello"]


async def test_nobody_leaves_while_an_answer_is_being_written(bot: Bot) -> None:
    await bot.does(say("hello"))
    assert await JobRow.all().count() == 1
    assert "just now" in await words(bot, await bot.does(command("chat new")))


async def test_an_author_s_note_is_set_shown_and_taken_away(bot: Bot) -> None:
    assert "no author's note" in await words(bot, await bot.does(command("chat note")))
    told = await words(bot, await bot.does(command("chat note: It rains all day.", depth="2")))
    assert told == "Every answer is told, before the last 2 messages:\n\nIt rains all day."
    assert await words(bot, await bot.does(command("chat note"))) == told
    assert "last 7 messages" in await words(bot, await bot.does(command("chat note", depth="7")))
    assert "behind all messages" in await words(bot, await bot.does(command("chat note", depth="0")))
    refused = await bot.does(command("chat note: naked sex on the beach"))
    assert "beyond what may be shown" in await words(bot, refused)
    assert "any more" in await words(bot, await bot.does(command("chat note: none")))


async def test_a_name_that_nobody_sees_is_none(bot: Bot) -> None:
    await bot.does(command("chat rename: \u200b\u2060"))
    assert await rows("SELECT 1 FROM saved_chats WHERE name <> ''") == []
    assert "Chat “" not in (await bot.answer(await bot.does(command("chat new: \u200b")))).footer


async def test_a_name_that_was_not_judged_is_seen_by_its_author_only(bot: Bot) -> None:
    await bot.does(command("chat rename: In the rain"), group="club", role="owner")
    await rows("UPDATE saved_chats SET verdict = 'unchecked'")
    for name, seen in (("ann", True), ("ben", False)):
        told = await words(bot, await bot.does(command("chat list"), name=name, group="club"))
        assert ("In the rain" in told) is seen


async def test_a_chat_is_imported_from_a_file_that_is_attached(bot: Bot) -> None:
    assert "Attach the file" in await words(bot, await bot.does(command("chat import")))
    file = IncomingFile(name="Rain.jsonl", data=b"{}")
    await bot.does(Command(name="chat import", file=file))
    (job,) = await JobRow.filter(type="import_chat")
    assert (await row("SELECT name FROM uploads WHERE id = $1", job.parameters["upload"])) == {"name": "Rain.jsonl"}
    named = IncomingFile(name="naked sex on the beach.jsonl", data=b"{}")
    assert "beyond what may be shown" in await words(bot, await bot.does(Command(name="chat import", file=named)))


async def test_another_chat_begins_at_any_answer(bot: Bot) -> None:
    first = await answered(bot, "hello", "In the sun.")
    await rows(
        "INSERT INTO chat_messages (conversation_id, persona_id, role, reply_to_id, variant_index, chosen, text, "
        "verdict) SELECT conversation_id, persona_id, role, reply_to_id, 1, false, 'In the shade.', verdict "
        "FROM chat_messages WHERE id = $1",
        first,
    )
    await answered(bot, "and now?", "It rains.")
    await bot.does(command("chat note: It is hot."))
    picked = MenuPick(name=MENU, message_id=f"m{first}", author_is_bot=True, text="In the sun.")
    menu = await bot.answer(await bot.does(picked))
    assert menu.private
    assert pack("branch", first) in menu.actions()
    begun = await bot.answer(await bot.does(press("branch", first)))
    assert begun.body == "In the sun.", "a persona says nothing but its own words"
    assert begun.footer.startswith("Chat "), "it has no name yet"
    assert [b.label for b in begun.buttons[0]][:2] == ["◀", "1/2 ▶"]
    told = await rows("SELECT text, chosen FROM chat_messages WHERE epoch = 1 ORDER BY id")
    assert [(each["text"], each["chosen"]) for each in told] == [
        ("hello", True), ("In the sun.", True), ("In the shade.", False),
    ]  # fmt: skip
    assert "It is hot." in await words(bot, await bot.does(command("chat note")))
    await answered(bot, "and here?", "Dry.")
    again = await bot.answer(await bot.does(command("chat branch")))
    assert "Dry." in again.body
    nothing = MenuPick(name=MENU, message_id="none", author_is_bot=True, text="")
    assert "none of my messages" in await words(bot, await bot.does(nothing))
