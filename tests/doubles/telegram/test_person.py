"""People and the real client library: polling, sending, editing, tapping, groups, topics."""

from __future__ import annotations

import pytest
from telegram import Bot, ForceReply, InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters, Update
from telegram.error import BadRequest, Forbidden

from tests.doubles.telegram import NoSuchButtonError, TelegramServer


def keyboard(*rows: list[tuple[str, str]]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(text, callback_data=data) for text, data in row] for row in rows]
    )


async def updates_of(bot: Bot, offset: int | None = None) -> list[Update]:
    return list(await bot.get_updates(offset=offset, timeout=0))


async def test_a_text_reaches_the_bot_with_its_entities(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice", language="ja")
    await alice.say(alice.chat(), "😀 /story_new@storyfork_bot a door for @somebody")
    (update,) = await updates_of(bot)
    message = update.message
    assert message is not None
    assert message.from_user is not None
    assert message.from_user.language_code == "ja"
    assert message.chat.id == alice.id
    found = {kind.type: text for kind, text in message.parse_entities().items()}
    assert found == {"bot_command": "/story_new@storyfork_bot", "mention": "@somebody"}


async def test_send_edit_delete_are_seen(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    said = await alice.say(alice.chat(), "/start")
    sent = await bot.send_message(alice.id, "…", reply_parameters=ReplyParameters(said.id))
    seen = await alice.wait_for_message(alice.chat(), after=said)
    assert (seen.text, seen.id, seen.reply_to) == ("…", sent.message_id, said)
    assert server.placeholders() == [seen]

    await bot.edit_message_text("<b>Chapter</b> 1 &amp; 2", alice.id, sent.message_id, parse_mode="HTML")
    assert await alice.wait_for_message(alice.chat(), "Chapter 1 & 2") is seen
    assert [version.text for version in seen.edits] == ["…"]
    assert [(e.type, e.offset, e.length) for e in seen.entities] == [("bold", 0, 7)]
    assert server.placeholders() == []

    await bot.delete_message(alice.id, sent.message_id)
    await alice.wait_until(seen, lambda m: m.deleted)
    with pytest.raises(TimeoutError, match="deleted"):
        await alice.wait_for_message(alice.chat(), timeout=0.01)


async def test_a_tap_and_its_answer(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    await bot.send_message(alice.id, "Which?", reply_markup=keyboard([("One", "v1:1"), ("Two", "v1:2")]))
    page = await alice.wait_for_message(alice.chat(), lambda m: bool(m.buttons))
    assert page.labels == ["One", "Two"]
    tap = await alice.tap(page, "v1:2")
    assert tap.answer is None
    query = (await updates_of(bot))[-1].callback_query
    assert query is not None
    assert (query.data, query.from_user.id) == ("v1:2", alice.id)
    assert query.message is not None
    await query.answer("Taken", show_alert=True)
    answer = await tap.answered()
    assert (answer.text, answer.show_alert) == ("Taken", True)
    assert answer.latency > 0

    await bot.edit_message_reply_markup(alice.id, page.id, reply_markup=None)
    assert page.buttons == []
    with pytest.raises(NoSuchButtonError):
        await alice.tap(page, "One")
    assert (await alice.tap(page, "One", stale=True)).query.data == "v1:1"


async def test_force_reply_is_answered_by_a_reply(server: TelegramServer, bot: Bot) -> None:
    alice, bob = server.person("alice"), server.person("bob")
    group = server.group("Readers", [alice, bob], privacy=True)
    asked = await alice.say(group, "/story_new")
    await bot.send_message(
        group.id, "@alice Premise?", reply_markup=ForceReply(selective=True, input_field_placeholder="A door…"),
        reply_parameters=ReplyParameters(asked.id),
    )  # fmt: skip
    question = await bob.wait_for_message(group, "Premise?")
    assert question.force_reply is not None
    assert question.force_reply.selective
    assert question.reply_to is asked
    await alice.say(group, "A door under the sea", reply_to=question)
    last = (await updates_of(bot))[-1].message
    assert last is not None
    assert last.reply_to_message is not None
    assert last.reply_to_message.message_id == question.id


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("hello all", False),
        ("/story_new", True),
        ("/story_new@storyfork_bot x", True),
        ("/story_new@otherbot x", False),
        ("look, @storyfork_bot", True),
        ("look, @somebody", False),
    ],
)
@pytest.mark.parametrize("privacy", [True, False])
async def test_privacy_mode(server: TelegramServer, bot: Bot, text: str, seen: bool, privacy: bool) -> None:
    alice = server.person("alice")
    group = server.group("Readers", [alice], privacy=privacy)
    await alice.say(group, text)
    got = [update.message.text for update in await updates_of(bot) if update.message]
    assert got == ([text] if seen or not privacy else [])


async def test_topics(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    group = server.group("Forum", [alice], topics=True, privacy=False)
    thread = server.topic(group, "Night shift")
    said = await alice.say(group, "/start", thread=thread)
    message = (await updates_of(bot))[-1].message
    assert message is not None
    assert message.is_topic_message
    assert message.message_thread_id == thread
    assert message.reply_to_message is not None
    assert message.reply_to_message.forum_topic_created is not None
    answer = await bot.send_message(group.id, "here", reply_parameters=ReplyParameters(said.id))
    assert answer.message_thread_id == thread
    with pytest.raises(BadRequest, match="thread not found"):
        await bot.send_message(group.id, "nowhere", message_thread_id=999)


async def test_blocking_and_first_contact(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    with pytest.raises(Forbidden, match="can't initiate"):
        await bot.send_message(alice.id, "hello")
    await alice.say(alice.chat(), "/start")
    alice.block()
    with pytest.raises(Forbidden, match="blocked by the user"):
        await bot.send_message(alice.id, "hello")
    change = (await updates_of(bot))[-1].my_chat_member
    assert change is not None
    assert change.new_chat_member.status == "kicked"
    with pytest.raises(ValueError, match="blocked"):
        await alice.say(alice.chat(), "hi")
    alice.unblock()
    await bot.send_message(alice.id, "welcome back")


async def test_an_edited_text_is_an_update(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    said = await alice.say(alice.chat(), "helo")
    await alice.edit(said, "hello")
    update = (await updates_of(bot))[-1]
    assert update.edited_message is not None
    assert update.edited_message.text == "hello"


async def test_files_both_ways(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    await alice.send_document(alice.chat(), "card.json", b'{"name": "Ada"}', caption="import")
    message = (await updates_of(bot))[-1].message
    assert message is not None
    assert message.document is not None
    assert (message.document.file_name, message.caption) == ("card.json", "import")
    file = await message.document.get_file()
    assert bytes(await file.download_as_bytearray()) == b'{"name": "Ada"}'

    sent = await bot.send_photo(alice.id, b"not really a png", caption="<i>sea</i>", parse_mode="HTML")
    seen = await alice.wait_for_message(alice.chat(), "sea")
    assert seen.file is not None
    assert seen.file.content == b"not really a png"
    await bot.send_photo(alice.id, sent.photo[-1].file_id)
    await bot.send_document(alice.id, b"# story", filename="story.md")
    with pytest.raises(BadRequest, match="no text in the message"):
        await bot.edit_message_text("x", alice.id, sent.message_id)
