import asyncio

import pytest
from telegram import Bot

from bot.events import (
    AccountRef,
    ButtonPress,
    Command,
    ConversationRef,
    EditedMessage,
    IncomingFile,
    TextMessage,
    UserRef,
)
from bot.messages import Button, Message
from bot.platforms.telegram import TelegramPlatform, members
from tests.bot.telegram.conftest import Outbox, RecordingInbound, running, to
from tests.doubles.telegram import Person, TelegramServer


async def test_command_in_a_private_chat(platform: TelegramPlatform, inbound: RecordingInbound, alice: Person) -> None:
    said = await alice.say(alice.chat(), "/story_new genre=horror a door")
    event = await inbound.wait(1)
    assert event.key == f"telegram:m{alice.id}.{said.id}"
    assert event.account == AccountRef(kind="dm", external_id=str(alice.id), name="Alice")
    assert event.user == UserRef(external_id=str(alice.id), name="Alice", username="alice", language="de", role="owner")
    assert event.conversation == ConversationRef(chat_id=str(alice.id), kind="dm")
    assert event.destination.reply_to == ""
    assert event.payload == Command(name="story new", values={"genre": "horror"}, rest="a door")


async def test_talk_edits_and_captions(platform: TelegramPlatform, inbound: RecordingInbound, alice: Person) -> None:
    said = await alice.say(alice.chat(), "good morning")
    await alice.edit(said, "good evening")
    await alice.say(alice.chat(), "/nonsense now")
    await alice.send_document(alice.chat(), "card.json", b"{}", caption="my card")
    await inbound.wait(4)
    last = inbound.events[-1].payload
    assert isinstance(last, TextMessage)
    assert last.file is not None
    file = IncomingFile(name="card.json", mime="application/octet-stream", source=last.file.source)
    assert file.awaited
    assert [event.payload for event in inbound.events] == [
        TextMessage(text="good morning"),
        EditedMessage(text="good evening", message_id="1", said=inbound.events[0].event_id),
        Command(name="nonsense", rest="now"), TextMessage(text="my card", file=file),
    ]  # fmt: skip


async def test_group_hears_only_what_is_meant_for_it(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person
) -> None:
    group = server.group("Readers", [alice, server.person("Bob")], privacy=False)
    await alice.say(group, "hello everybody")
    await alice.say(group, "/somebody_elses command")
    await alice.say(group, "/help@other_bot")
    mention = await alice.say(group, "what do you think, @Storyfork_bot ?")
    event = await inbound.wait(1)
    assert event.payload == TextMessage(text="what do you think, ?")
    assert event.account == AccountRef(kind="group", external_id=str(group.id), name="Readers")
    assert event.conversation == ConversationRef(chat_id=str(group.id), kind="group")
    assert (event.destination.reply_to, event.user.role) == (str(mention.id), "member")

    await platform.deliver(outbox.row(event.destination), Message(body="A lot."))
    answer = await alice.wait_for_message(group, "A lot.")
    assert answer.reply_to is mention
    await alice.say(group, "why?", reply_to=answer)
    assert (await inbound.wait(2)).payload == TextMessage(text="why?", reply_to=str(answer.id))
    await alice.say(group, "/nonsense@storyfork_bot")
    assert (await inbound.wait(3)).payload == Command(name="nonsense")
    await alice.say(group, "/prompt_set narrator")
    assert (await inbound.wait(4)).user.role == "member"
    # Known for some minutes, and what members may not takes no old answer.
    assert len(server.calls("getChatMember")) == 1
    await alice.say(group, "/prompt_set again")
    await inbound.wait(5)
    assert len(server.calls("getChatMember")) == 1


async def test_whoever_was_demoted_changes_nothing_any_more(
    server: TelegramServer,
    platform: TelegramPlatform,
    inbound: RecordingInbound,
    alice: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = server.group("Readers", [alice])
    server.appoint(group, alice, "can_change_info", title="Librarian")
    await alice.say(group, "/help")
    user = (await inbound.wait(1)).user
    assert (user.role, user.roles) == ("admin", ("admins", "Librarian"))
    monkeypatch.setattr(members, "FRESH_SECONDS", 0.0)
    server.appoint(group, alice, "can_delete_messages")
    await alice.say(group, "/help")
    assert (await inbound.wait(2)).user.role == "moderator", "also by what members may do"
    group.standing.clear()
    await alice.say(group, "/model big")
    assert (await inbound.wait(3)).user.role == "member"
    assert len(server.calls("getChatMember")) == 3


async def test_topic(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person
) -> None:
    group = server.group("Readers", [alice], topics=True)
    thread = server.topic(group, "Night shift")
    await alice.say(group, "/help", thread=thread)
    event = await inbound.wait(1)
    assert event.conversation == ConversationRef(chat_id=str(group.id), thread_id=str(thread), kind="thread")
    await platform.deliver(outbox.row(event.destination), Message(body="In the topic"))
    assert (await alice.wait_for_message(group, "In the topic")).thread == thread
    group.topics.clear()
    gone = event.destination.model_copy(update={"reply_to": ""})
    await platform.deliver(outbox.row(gone), Message(body="In general"))
    assert (await alice.wait_for_message(group, "In general")).thread is None


async def test_press(platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person) -> None:
    await alice.say(alice.chat(), "hi")
    await platform.deliver(outbox.row(to(alice)), Message(body="Page", buttons=((Button("1", "1.choose.a.1.1"),),)))
    page = await alice.wait_for_message(alice.chat(), lambda m: bool(m.buttons))
    tap = await alice.tap(page, "1")
    event = await inbound.wait(2)
    assert event.event_id == f"c{tap.query.id}"
    assert event.payload == ButtonPress(data="1.choose.a.1.1", offered=True)
    assert event.destination.pressed_message == str(page.id)
    assert event.destination.handle["callback_id"] == tap.query.id
    assert (await tap.answered()).text is None


async def test_left_over_placeholder_is_removed(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person
) -> None:
    await alice.say(alice.chat(), "hi")
    await inbound.wait(1)
    async with Bot(server.token, base_url=f"{server.api_url}/bot") as bot:
        await bot.send_message(alice.id, "…")
    orphan = await alice.wait_for_message(alice.chat())
    server.clock.advance(120)
    await alice.say(alice.chat(), "what is this?", reply_to=orphan)
    await server.wait_for_request("deleteMessage")
    assert server.placeholders() == []
    assert platform.removed_orphans == 1
    assert (await inbound.wait(2)).payload == TextMessage(text="what is this?", reply_to=str(orphan.id))


@pytest.mark.parametrize("menu_known", [False, True])
async def test_menu_is_published_once(server: TelegramServer, inbound: RecordingInbound, menu_known: bool) -> None:
    for turn in range(2 if menu_known else 1):
        async with running(server, inbound), asyncio.timeout(10):
            while len(server.calls("getMyCommands")) < (8 if turn else 4):
                await asyncio.sleep(0.01)
    assert len(server.calls("setMyCommands")) == 3
    menu = next(menu for (scope, _), menu in server.commands.items() if "private" in scope)
    assert [command["command"] for command in menu] == [
        "story_new", "story_list", "channel_show", "help", "prompt_set", "model",
    ]  # fmt: skip
