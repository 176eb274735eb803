"""On Telegram a persona shows its picture once in a private chat: with the first thing that it says there."""

from dataclasses import replace

import pytest

from bot.messages import Button, Face, FileContent, Message, OutgoingPicture, Portrait
from bot.platforms.telegram import TelegramPlatform
from tests.bot.telegram.conftest import Outbox, RecordingInbound, to
from tests.doubles.telegram import Person, TelegramServer

PORTRAIT = b"\xff\xd8 portrait"


def face(*, new: bool, painted: bool = True) -> Face:
    async def load(form: str) -> FileContent:
        return FileContent(PORTRAIT, "image/jpeg", "portrait.jpg")

    async def portrait() -> Portrait | None:
        return Portrait("1", OutgoingPicture(load, "")) if painted else None

    async def is_new() -> bool:
        return new

    return Face(portrait, is_new)


def reply(face: Face, text: str = "Good evening.") -> Message:
    return Message(text, speaker="Marlow", face=face, buttons=((Button("Again", "1.variant.1"),),))


@pytest.fixture(autouse=True)
async def started(platform: TelegramPlatform, inbound: RecordingInbound, alice: Person) -> None:
    await alice.say(alice.chat(), "hi")
    await inbound.wait(1)


async def test_the_first_words_come_with_the_picture(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
):
    await platform.deliver(outbox.row(to(alice), 1), reply(face(new=True)))
    await platform.deliver(outbox.row(to(alice), 2), reply(face(new=False), "And good night."))
    first, second = server.sent
    assert first.file is not None
    assert (first.file.content, first.text, first.labels) == (PORTRAIT, "Marlow\nGood evening.", ["Again"])
    assert (second.file, second.text) == (None, "Marlow\nAnd good night.")
    await platform.deliver(outbox.row(to(alice), 4), reply(face(new=True), "It is not asked again."))
    assert server.sent[2].file is None
    edited = reply(face(new=True), "Good evening to you.")
    await platform.deliver(outbox.row(to(alice), 3, edits=tuple(outbox.recorded[1])), edited)
    assert first.text == "Marlow\nGood evening to you."
    assert len(server.sent) == 3


async def test_long_first_words_follow_the_picture(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
):
    await platform.deliver(outbox.row(to(alice)), reply(face(new=True), "word " * 400))
    picture, text = server.sent
    assert picture.file is not None
    assert text.text.startswith("Marlow\nword word")
    assert text.labels == ["Again"]


async def test_nothing_is_shown_without_a_picture_or_in_a_group(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
):
    await platform.deliver(outbox.row(to(alice)), reply(face(new=True, painted=False)))
    group = server.group("Readers", [alice], privacy=False)
    await alice.say(group, "hi")
    there = to(alice).model_copy(update={"chat_id": str(group.id), "kind": "group"})
    await platform.deliver(outbox.row(there), replace(reply(face(new=True)), body="In the group."))
    assert [message.file for message in server.sent] == [None, None]
