"""What people say to each other in a group where the bot reads everything: taken in if it is to be answered."""

import asyncio
from dataclasses import replace

from bot.events import Command, EditedMessage, TextMessage
from bot.hearing import Overheard
from bot.platforms.base import Outcome
from bot.platforms.telegram import TelegramPlatform
from tests.bot.backlog import MemoryBacklog
from tests.bot.telegram.conftest import RecordingInbound, running
from tests.doubles.telegram import Person, TelegramServer


async def test_only_what_is_to_be_answered_is_taken_in(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person
):
    robot = server.person("Robot")
    robot.user = replace(robot.user, is_bot=True)
    group = server.group("Readers", [alice, robot], topics=True, privacy=False)
    thread = server.topic(group, "Night shift")
    inbound.hears.add("a lamp")
    first = await alice.say(group, "between us")
    await alice.edit(first, "just between us")
    await robot.say(group, "a lamp")
    await alice.say(group, "/help@other_bot")
    await alice.say(group, "/theirs")
    await alice.send_document(group, "notes.txt", b"private")
    said = await alice.say(group, "a lamp", thread=thread)
    event = await inbound.wait(1)
    assert event.payload == TextMessage(text="a lamp", addressed=False)
    assert (event.event_id, event.conversation.thread_id) == (f"m{group.id}.{said.id}", str(thread))
    assert inbound.overheard == [
        Overheard("telegram", str(group.id), "", f"m{group.id}.{first.id}", "between us"),
        Overheard("telegram", str(group.id), "", f"m{group.id}.{first.id}", "just between us", edited=True),
        Overheard("telegram", str(group.id), str(thread), f"m{group.id}.{said.id}", "a lamp"),
    ]
    inbound.hears.add("two lamps")
    await alice.edit(said, "two lamps")
    edited = (await inbound.wait(2)).payload
    assert edited == EditedMessage(text="two lamps", message_id=str(said.id), said=event.event_id, addressed=False)
    await alice.say(group, "@storyfork_bot a lamp")
    assert (await inbound.wait(3)).payload == TextMessage(text="a lamp")
    assert len(inbound.overheard) == 4


async def test_nothing_of_it_is_kept_while_the_chat_is_behind(
    server: TelegramServer, inbound: RecordingInbound, alice: Person
):
    opened = asyncio.Event()

    async def answer(_: object) -> Outcome:
        await opened.wait()
        return Outcome("silent")

    inbound.answer = answer
    assert isinstance(inbound.backlog, MemoryBacklog)
    async with running(server, inbound):
        group = server.group("Readers", [alice], privacy=False)
        await alice.say(group, "@storyfork_bot hello")
        await alice.say(group, "between us")
        await alice.say(group, "@storyfork_bot and this")
        async with asyncio.timeout(20):
            while server.pending_updates:
                await asyncio.sleep(0.01)
        kept = str(inbound.backlog.kept)
        assert "and this" in kept
        assert "between us" not in kept
        opened.set()
        await inbound.wait(2)


async def test_a_command_about_it_learns_what_the_bot_may_read(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person
):
    group = server.group("Readers", [alice], privacy=False)
    await alice.say(group, "/channel_show")
    event = await inbound.wait(1)
    assert event.payload == Command(name="channel show")
    assert event.reads_all is True
    server.demote(group, alice)
    change = await inbound.membership(2)
    assert change.payload.change == "demoted"  # type: ignore[union-attr]
    await alice.say(group, "/channel_show")
    assert (await inbound.wait(2)).reads_all is False
    await alice.say(group, "/help")
    assert (await inbound.wait(3)).reads_all is None, "nothing else asks Telegram for it"
