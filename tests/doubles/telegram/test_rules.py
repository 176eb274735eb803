"""What Telegram refuses, one line per rule, through the real client library."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    CopyTextButton,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    MessageEntity,
    ReplyParameters,
)
from telegram.error import BadRequest, InvalidToken, RetryAfter, TelegramError

from tests.doubles.telegram import FloodRules, Rules, TelegramServer
from tests.doubles.telegram.conftest import client


def buttons(*rows: int, data: str = "x") -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton("b", callback_data=data)] * row for row in rows])


@dataclass(frozen=True)
class Case:
    """``call`` is given the bot, the chat id and the id of a standing message of the bot whose text is "page"."""

    name: str
    call: Callable[[Bot, int, int], Awaitable[Any]]
    refusal: str
    kind: type[TelegramError] = BadRequest


def text(value: str, mode: str | None = None, **more: Any) -> Callable[[Bot, int, int], Awaitable[Any]]:
    return lambda bot, chat, _: bot.send_message(chat, value, parse_mode=mode, **more)


def command(name: str, description: str = "d") -> Callable[[Bot, int, int], Awaitable[Any]]:
    return lambda bot, *_: bot.set_my_commands([(name, description)])


def album(*kinds: type[InputMediaPhoto | InputMediaDocument], **more: Any) -> Callable[[Bot, int, int], Awaitable[Any]]:
    return lambda bot, chat, _: bot.send_media_group(chat, [kind(b"x", **more) for kind in kinds])


def copying(value: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton("c", copy_text=CopyTextButton(value))]])


REFUSED = [
    Case("an album of one", album(InputMediaPhoto), "there must be 2-10 items in a media group"),
    Case("an album of eleven", album(*[InputMediaPhoto] * 11), "there must be 2-10 items in a media group"),
    Case("a mixed album", album(InputMediaPhoto, InputMediaDocument), "can't be mixed with other media types"),
    Case("an album's caption", album(*[InputMediaPhoto] * 2, caption="x" * 1025), "message caption is too long"),
    Case("257 to copy", text("x", reply_markup=copying("x" * 257)), "BUTTON_COPY_TEXT_INVALID"),
    Case("empty text", text(""), "message text is empty"),
    Case("white space", text(" \n\t"), "message text is empty"),
    Case("empty after markup", text("<b> </b>", "HTML"), "message text is empty"),
    Case("4097 units", text("x" * 4097), "message is too long"),
    Case("2049 emoji are 4098 units", text("😀" * 2049), "message is too long"),
    Case(
        "unknown tag", text("<h1>x</h1>", "HTML"), 'can\'t parse entities: unsupported start tag "h1" at byte offset 0'
    ),
    Case("byte offset", text("é<x>", "HTML"), 'unsupported start tag "x" at byte offset 2'),
    Case("open tag", text("<b>x", "HTML"), 'can\'t find end tag corresponding to start tag "b"'),
    Case("crossed tags", text("<b><i>x</b></i>", "HTML"), 'expected "</i>", found "</b>"'),
    Case("stray end tag", text("x</b>", "HTML"), "unexpected end tag at byte offset 1"),
    Case("less-than", text("1 < 2", "HTML"), "can't parse entities"),
    Case("span without spoiler", text("<span>x</span>", "HTML"), 'unsupported start tag "span"'),
    Case("reserved full stop", text("The end.", "MarkdownV2"), "Character '.' is reserved and must be escaped"),
    Case("reserved brace", text("a}", "MarkdownV2"), "Character '}' is reserved"),
    Case("open bold", text("*x", "MarkdownV2"), "can't find end of bold entity at byte offset 0"),
    Case("open code", text("`x", "MarkdownV2"), "can't find end of code entity at byte offset 0"),
    Case("crossed markdown", text("*a _b* c_", "MarkdownV2"), "can't find end of"),
    Case("unknown mode", text("x", "BBCode"), "unsupported parse_mode"),
    Case("entity past the end", text("abc", entities=[MessageEntity("bold", 1, 3)]), "ends after the end of the text"),
    Case("entity splits an emoji", text("😀", entities=[MessageEntity("bold", 0, 1)]), "middle of a UTF-16 symbol"),
    Case("entity of no kind", text("abc", entities=[MessageEntity("shout", 0, 1)]), "unsupported type"),
    Case("callback data of 65 bytes", text("x", reply_markup=buttons(1, data="é" * 33)), "BUTTON_DATA_INVALID"),
    Case("empty callback data", text("x", reply_markup=buttons(1, data="")), "BUTTON_DATA_INVALID"),
    Case("nine in a row", text("x", reply_markup=buttons(9)), "REPLY_MARKUP_TOO_LONG"),
    Case("101 buttons", text("x", reply_markup=buttons(*[8] * 12, 5)), "REPLY_MARKUP_TOO_LONG"),
    Case(
        "button that does nothing",
        text("x", reply_markup=InlineKeyboardMarkup([[InlineKeyboardButton("b")]])),
        "text buttons are unallowed",
    ),
    Case("reply to nothing", text("x", reply_parameters=ReplyParameters(999)), "message to be replied not found"),
    Case("no such chat", lambda bot, *_: bot.send_message(42, "x"), "chat not found"),
    Case("no such thread", text("x", message_thread_id=7), "message thread not found"),
    Case(
        "edit to the same", lambda bot, chat, own: bot.edit_message_text("page", chat, own), "message is not modified"
    ),
    Case(
        "same keyboard",
        lambda bot, chat, own: bot.edit_message_reply_markup(chat, own, reply_markup=None),
        "message is not modified",
    ),
    Case("edit of nothing", lambda bot, chat, _: bot.edit_message_text("x", chat, 999), "message to edit not found"),
    Case("edit of a person's", lambda bot, chat, _: bot.edit_message_text("x", chat, 1), "message can't be edited"),
    Case("delete of nothing", lambda bot, chat, _: bot.delete_message(chat, 999), "message to delete not found"),
    Case("answer to no query", lambda bot, *_: bot.answer_callback_query("1"), "query is too old and response timeout"),
    Case("answer of 201", lambda bot, *_: bot.answer_callback_query("1", text="x" * 201), "MESSAGE_TOO_LONG"),
    Case("chat action", lambda bot, chat, _: bot.send_chat_action(chat, "thinking"), "wrong parameter action"),
    Case("caption of 1025", lambda bot, chat, _: bot.send_photo(chat, b"p", caption="x" * 1025), "caption is too long"),
    Case("empty file", lambda bot, chat, _: bot.send_document(chat, b""), "file must be non-empty"),
    Case("no such file", lambda bot, *_: bot.get_file("nothing"), "invalid file_id"),
    Case("capital in a command", command("Story"), "BOT_COMMAND_INVALID"),
    Case("hyphen in a command", command("story-new"), "BOT_COMMAND_INVALID"),
    Case("command of 33", command("s" * 33), "BOT_COMMAND_INVALID"),
    Case("command without description", command("story", " "), "BOT_COMMAND_DESCRIPTION_INVALID"),
    Case("description of 257", command("story", "d" * 257), "BOT_COMMAND_DESCRIPTION_INVALID"),
    Case(
        "101 commands",
        lambda bot, *_: bot.set_my_commands([(f"c{n}", "d") for n in range(101)]),
        "BOT_COMMANDS_TOO_MUCH",
    ),
    Case(
        "placeholder of 65",
        text("x", reply_markup=ForceReply(input_field_placeholder="x" * 65)),
        "placeholder is too long",
    ),
    Case("secret", lambda bot, *_: bot.set_webhook("http://h/x", secret_token="a b"), "unallowed characters"),
    Case("webhook scheme", lambda bot, *_: bot.set_webhook("ftp://h/x"), "HTTPS URL must be provided"),
    Case("no such method", lambda bot, *_: bot.do_api_request("sendDream"), "", TelegramError),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
async def test_refused(server: TelegramServer, bot: Bot, case: Case) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    own = await bot.send_message(alice.id, "page")
    before = len(server.messages)
    with pytest.raises(case.kind) as caught:
        await case.call(bot, alice.id, own.message_id)
    assert case.refusal.lower() in caught.value.message.lower()
    assert len(server.messages) == before
    last = server.requests[-1]
    assert last.status in (400, 404)


ACCEPTED = [
    ("x" * 4096, None, "x" * 4096, []),
    ("<b>" + "x" * 4096 + "</b>", "HTML", "x" * 4096, [("bold", 0, 4096)]),
    ("  padded \r\n text \n", None, "padded \n text", []),
    ("a & b &lt; c &copy; &#65;", "HTML", "a & b < c &copy; A", []),
    ("😀<b>x <i>y</i></b>", "HTML", "😀x y", [("bold", 2, 3), ("italic", 4, 1)]),
    ('<a href="https://a.org/?a=1&amp;b">link</a>', "HTML", "link", [("text_link", 0, 4)]),
    ('<pre><code class="language-py">x = 1</code></pre>', "HTML", "x = 1", [("pre", 0, 5)]),
    ("<blockquote expandable>q</blockquote>", "HTML", "q", [("expandable_blockquote", 0, 1)]),
    ("<tg-spoiler>s</tg-spoiler>", "HTML", "s", [("spoiler", 0, 1)]),
    ("*b* _i_ __u__ ~s~ ||h|| `c.`", "MarkdownV2", "b i u s h c.", [
        ("bold", 0, 1), ("italic", 2, 1), ("underline", 4, 1), ("strikethrough", 6, 1), ("spoiler", 8, 1),
        ("code", 10, 2),
    ]),
    (r"The *end\.* [go](https://a.org/\)x)", "MarkdownV2", "The end. go", [("bold", 4, 4), ("text_link", 9, 2)]),
    ("```py\nx = 1\n```", "MarkdownV2", "x = 1", [("pre", 0, 5)]),
    (">one\n>two\nthree", "MarkdownV2", "one\ntwo\nthree", [("blockquote", 0, 7)]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "mode", "plain", "entities"), ACCEPTED)
async def test_accepted(
    server: TelegramServer, bot: Bot, source: str, mode: str | None, plain: str, entities: list[tuple[str, int, int]]
) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    sent = await bot.send_message(alice.id, source, parse_mode=mode)
    assert sent.text == plain
    assert [(e.type, e.offset, e.length) for e in sent.entities] == entities


async def test_edges_that_are_allowed(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    await bot.send_message(alice.id, "😀" * 2048, reply_markup=buttons(*[8] * 12, 4, data="x" * 64))
    await bot.send_message(alice.id, "x", reply_parameters=ReplyParameters(999, allow_sending_without_reply=True))
    forced = await bot.send_message(alice.id, "name?", reply_markup=ForceReply())
    with pytest.raises(BadRequest, match="can't be edited"):
        await bot.edit_message_text("other", alice.id, forced.message_id)


async def test_albums_keep_their_kind(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    first, second = await bot.send_media_group(alice.id, [InputMediaPhoto(b"1"), InputMediaPhoto(b"2")])
    assert first.media_group_id == second.media_group_id
    await bot.edit_message_media(InputMediaPhoto(b"3", caption="three"), alice.id, first.message_id)
    assert [(m.file and m.file.content, m.text) for m in server.sent] == [(b"3", "three"), (b"2", "")]
    with pytest.raises(BadRequest, match="another type in an album"):
        await bot.edit_message_media(InputMediaDocument(b"4"), alice.id, second.message_id)


async def test_commands_by_scope_and_language(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    private = BotCommandScopeAllPrivateChats()
    await bot.set_my_commands([("story_new", "A new story")])
    await bot.set_my_commands([("story_new", "Eine neue Geschichte")], scope=private, language_code="de")
    assert await bot.get_my_commands() == (BotCommand("story_new", "A new story"),)
    assert await bot.get_my_commands(private, "de") == (BotCommand("story_new", "Eine neue Geschichte"),)
    assert await bot.get_my_commands(BotCommandScopeChat(alice.id)) == ()
    await bot.delete_my_commands()
    assert await bot.get_my_commands() == ()
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.set_my_commands([("help", "Help")], scope=BotCommandScopeChat(5))


async def test_age(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    sent = await bot.send_message(alice.id, "page", reply_markup=buttons(1))
    tap = await alice.tap(server.sent[-1], "b")
    server.clock.advance(31)
    with pytest.raises(BadRequest, match="too old"):
        await bot.answer_callback_query(tap.query.id)
    assert tap.answer is None
    server.clock.advance(48 * 3600)
    with pytest.raises(BadRequest, match="can't be deleted"):
        await bot.delete_message(alice.id, sent.message_id)
    await bot.edit_message_text("still editable", alice.id, sent.message_id)


async def test_tokens(server: TelegramServer) -> None:
    stranger = client(server, "123456:wrong")
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    await stranger.shutdown()
    async with aiohttp.ClientSession() as session, session.get(f"{server.api_url}/bot1:x/getMe") as answer:
        assert (answer.status, await answer.json()) == (
            401,
            {"ok": False, "error_code": 401, "description": "Unauthorized"},
        )
    async with aiohttp.ClientSession() as session:
        url = f"{server.api_url}/bot{server.token}"
        async with session.get(f"{url}/GETME") as answer:
            assert (await answer.json())["result"]["username"] == "storyfork_bot"
        async with session.post(f"{url}/sendMessage", json={"chat_id": 5, "text": "x"}) as answer:
            assert (await answer.json())["description"] == "Bad Request: chat not found"
        async with session.post(f"{url}/nothing") as answer:
            assert answer.status == 404


@pytest.mark.parametrize("place", ["private", "group"])
async def test_flood(place: str) -> None:
    rules = Rules(flood=FloodRules(chat_per_second=1, chat_burst=3, group_per_minute=6))
    async with TelegramServer(rules=rules) as server, client(server) as bot:
        alice = server.person("alice")
        chat = alice.chat() if place == "private" else server.group("Readers", [alice])
        await alice.say(chat, "/start")
        first = await bot.send_message(chat.id, "1")
        await bot.edit_message_text("2", chat.id, first.message_id)
        await bot.send_message(chat.id, "3")
        with pytest.raises(RetryAfter) as caught:
            await bot.edit_message_text("4", chat.id, first.message_id)
        assert caught.value.retry_after == timedelta(seconds=1)
        with pytest.raises(RetryAfter):
            await bot.edit_message_media(InputMediaPhoto(b"5"), chat.id, first.message_id)
        assert [(message.text, message.file) for message in server.sent] == [("2", None), ("3", None)]
        assert server.requests[-1].description == "Too Many Requests: retry after 2"
        server.clock.advance(5)
        for text in "567":
            await bot.send_message(chat.id, text)
        server.clock.advance(5)
        if place == "group":
            with pytest.raises(RetryAfter):
                await bot.send_message(chat.id, "seven in a minute")
            server.clock.advance(60)
        await bot.send_message(chat.id, "8")
