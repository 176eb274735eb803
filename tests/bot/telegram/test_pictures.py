"""Pictures on Telegram: once, with their description, within its limits; and pictures that people send."""

from dataclasses import replace
from typing import Literal

import pytest
from telegram import Update

from bot.events import Command
from bot.messages import Attachment, Button, FileContent, Message, OutgoingPicture, Progress
from bot.platforms.base import FileTooBig, RetryLater
from bot.platforms.telegram import TelegramPlatform
from bot.platforms.telegram.api import make_bot
from bot.platforms.telegram.inbound import Incoming, Translator
from bot.platforms.telegram.render import CAPTION_LIMIT, caption
from bot.text.splitting import utf16_length
from tests.bot.telegram.conftest import Outbox, RecordingInbound, to
from tests.doubles.telegram import Fault, Person, TelegramServer
from tests.doubles.telegram.faults import Kind
from tests.topics import product_topics

FILES = {
    "full": FileContent(b"\x89PNG full", "image/png", "picture-1.png"),
    "photo": FileContent(b"\xff\xd8 photo", "image/jpeg", "picture-1.jpg"),
}


BUTTONS = ((Button("Again", "1.redraw.1"),),)


def picture(*, alt: str = "A *keeper* at a door", hidden: bool = False) -> Message:
    async def load(form: Literal["full", "photo"]) -> FileContent:
        return FILES[form]

    shown = OutgoingPicture(load, alt, hidden=hidden)
    return Message("", footer="Seed 7", buttons=BUTTONS, pictures=(shown,))


@pytest.fixture(autouse=True)
async def started(platform: TelegramPlatform, inbound: RecordingInbound, alice: Person) -> None:
    await alice.say(alice.chat(), "hi")
    await inbound.wait(1)


async def test_a_placeholder_becomes_the_picture(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
):
    await platform.place(outbox.row(to(alice), 1), Progress("Drawing"))
    (placed,) = outbox.recorded[1]
    await platform.show_progress(to(alice), placed, Progress("Drawing: step 3 of 28 …", 10))
    await platform.deliver(outbox.row(to(alice), 2, placeholder=placed), picture(hidden=True))
    (message,) = server.sent
    assert str(message.id) == placed
    assert message.file is not None
    assert (message.file.kind, message.file.filename, message.file.content) == (
        "photo",
        "picture-1.jpg",
        b"\xff\xd8 photo",
    )
    # Descriptions are people's words: their stars are no emphasis.
    assert message.text == "A *keeper* at a door\n\nSeed 7"
    assert message.hidden
    assert message.labels == ["Again"]
    await platform.show_progress(to(alice), placed, Progress("Drawing: step 4 of 28 …", 12))
    assert message.file is not None
    await platform.deliver(outbox.row(to(alice), 2, placeholder=placed, attempt=2), picture())
    assert len(server.sent) == 1


async def test_full_quality_goes_as_a_document(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
):
    original = FILES["full"]
    attachment = Attachment.of(original.data, original.mime, original.name)
    await platform.deliver(outbox.row(to(alice)), Message("", footer="Seed 7", attachments=(attachment,)))
    (message,) = server.sent
    assert message.file is not None
    assert (message.file.kind, message.file.content) == ("document", b"\x89PNG full")
    assert message.text == "Seed 7"


async def test_a_placeholder_that_is_gone_is_sent_anew(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
):
    await platform.place(outbox.row(to(alice), 1), Progress("Drawing"))
    (placed,) = outbox.recorded[1]
    await platform.retract(to(alice), placed)
    await platform.deliver(outbox.row(to(alice), 2, placeholder=placed), picture())
    standing = [m for m in server.sent if not m.deleted]
    assert [m.file is not None for m in standing] == [True]


@pytest.mark.parametrize("kind", ["error_before", "error_after", "drop_after", "flood"])
async def test_a_picture_arrives_once_however_it_goes_wrong(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person, kind: Kind
):
    server.faults.add(Fault(kind=kind, method="editMessageMedia", times=2, retry_after=1))
    for attempt in range(1, 6):
        try:
            await platform.deliver(outbox.row(to(alice), 5, attempt=attempt), picture())
        except RetryLater:
            continue
        break
    (message,) = server.sent
    assert message.file is not None


def test_captions_stay_within_the_limit():
    for text in ("long " * 400, "🖼" * 1000):
        part = caption(picture(alt=text))
        assert part is not None
        assert utf16_length(part.text) <= CAPTION_LIMIT
        assert part.text.endswith("Seed 7")
    said = caption(replace(picture(alt="my door at night, in …"), body="“my door at night, in rain”"))
    assert said is not None
    assert said.text == "“my door at night, in rain”\n\nSeed 7"


async def test_a_photo_with_a_command_names_the_file(server: TelegramServer, platform: TelegramPlatform, alice: Person):
    bot = make_bot(server.token, server.api_url)
    async with bot:
        translator = Translator(bot, product_topics().commands)
        sent = await alice.send_photo(alice.chat(), b"\xff\xd8 mine", "/imagine at night")
        replied = await alice.say(alice.chat(), "/imagine at noon", reply_to=sent)
        alone = await alice.send_photo(alice.chat(), b"\xff\xd8 mine", "/imagine")
        plain = await alice.say(alice.chat(), "/help", reply_to=sent)
        found: list[Command] = []
        for number, message in enumerate((sent, replied, alone, plain)):
            update = Update.de_json({"update_id": number, "message": message.to_json()}, bot)
            (incoming,) = await translator.read(update)
            assert isinstance(incoming, Incoming)
            payload = incoming.event.payload
            assert isinstance(payload, Command)
            found.append(payload)
        files = [c.file for c in found[:3] if c.file is not None]
        assert [(f.data, f.awaited) for f in files] == [(b"", True)] * 3
        assert [await platform.fetch(f.source, 100) for f in files] == [b"\xff\xd8 mine"] * 3
        with pytest.raises(FileTooBig):
            await platform.fetch(files[0].source, 3)
        assert found[3].file is None
        assert [c.rest for c in found] == ["at night", "at noon", "", ""]
