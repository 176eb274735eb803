"""What Telegram can send besides messages and taps: edits, reactions, files; and that every kind is decided on."""

from collections.abc import Mapping

import pytest
from telegram import Update

from bot.events import EditedMessage, IncomingFile, Reaction, TextMessage
from bot.platforms.telegram import TelegramPlatform
from bot.platforms.telegram.kinds import HANDLED, IGNORED
from tests.bot.telegram.conftest import Outbox, RecordingInbound, to
from tests.doubles.telegram import Person, TelegramServer


def test_every_kind_of_update_is_handled_or_ignored_for_a_reason() -> None:
    assert set(Update.ALL_TYPES) == set(HANDLED) | set(IGNORED)
    assert not set(HANDLED) & set(IGNORED)
    assert all(IGNORED.values())


async def test_only_what_is_handled_is_asked_for(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person
) -> None:
    await alice.say(alice.chat(), "hi")
    await inbound.wait(1)
    assert server.updates.allowed == list(HANDLED)


async def test_reactions_come_and_go(
    platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person
) -> None:
    said = await alice.say(alice.chat(), "hi")
    await inbound.wait(1)
    await alice.react(said, "👍")
    await alice.react(said, "❤", "🔥")
    await alice.react(said)
    await inbound.wait(7)
    assert [event.payload for event in inbound.events[1:]] == [
        Reaction(emoji="👍", message_id="1", added=True),
        Reaction(emoji="👍", message_id="1", added=False),
        Reaction(emoji="❤", message_id="1", added=True),
        Reaction(emoji="🔥", message_id="1", added=True),
        Reaction(emoji="❤", message_id="1", added=False),
        Reaction(emoji="🔥", message_id="1", added=False),
    ]
    assert len({event.event_id for event in inbound.events}) == len(inbound.events)
    assert inbound.events[1].destination == to(alice)


async def test_an_edit_is_an_event_of_its_own_and_a_changed_command_is_not_run_again(
    platform: TelegramPlatform, inbound: RecordingInbound, alice: Person
) -> None:
    command = await alice.say(alice.chat(), "/help")
    said = await alice.say(alice.chat(), "a door")
    await alice.edit(command, "/story_list")
    await alice.edit(said, "a red door")
    await inbound.wait(4)
    assert [event.payload for event in inbound.events[2:]] == [
        EditedMessage(text="/story_list", message_id="1", said=inbound.events[0].event_id),
        EditedMessage(text="a red door", message_id="2", said=inbound.events[1].event_id),
    ]
    assert all(event.event_id.startswith("e") for event in inbound.events[2:])


FILES: Mapping[str, tuple[str, bytes, str]] = {
    "answer.txt": ("text/plain", b"Ein Drache", ""),
    "answer.md": ("application/octet-stream", b"# A dragon", ""),
    "answer.pdf": ("application/pdf", b"%PDF", "attachment.wrong_type"),
    "long.txt": ("text/plain", b"x" * 100_001, "attachment.too_big"),
}


@pytest.mark.parametrize("name", FILES)
async def test_a_text_file_may_be_the_answer(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person, name: str
) -> None:
    mime, data, problem = FILES[name]
    await alice.send_document(alice.chat(), name, data, mime_type=mime)
    payload = (await inbound.wait(1)).payload
    assert isinstance(payload, TextMessage)
    assert isinstance(payload.file, IncomingFile)
    assert (payload.text, payload.file.name, payload.file.problem) == ("", name, problem)
    assert payload.file.data == b""
    assert server.calls("getFile") == []
    if not problem:
        assert await platform.fetch(payload.file.source, 100_000) == data
