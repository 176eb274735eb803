"""Pictures on Discord: once, described, hidden where they must be; files that people attach; where adults are."""

from typing import Literal

import pytest

from bot.events import Command
from bot.messages import Button, FileContent, Message, OutgoingPicture, Progress
from bot.platforms.base import FileTooBig, RetryLater
from bot.platforms.discord import api
from tests.bot.discord.conftest import Connected
from tests.doubles.discord import Fault
from tests.doubles.discord.invocation import Attached
from tests.doubles.discord.messages import Message as Sent

PNG = b"\x89PNG full"


def picture(*, alt: str = "A keeper at a door", hidden: bool = False) -> Message:
    async def load(form: Literal["full", "photo"]) -> FileContent:
        assert form == "full"
        return FileContent(PNG, "image/png", "picture-1.png")

    shown = OutgoingPicture(load, alt, hidden=hidden)
    return Message("", footer="Seed 7", buttons=((Button("Again", "1.redraw.1"),),), pictures=(shown,))


def check(message: Sent, name: str = "picture-1.png") -> None:
    (attachment,) = message.attachments
    assert (attachment.filename, attachment.data, attachment.description) == (name, PNG, "A keeper at a door")
    assert message.content == "-# Seed 7"
    assert [b.label for b in message.buttons] == ["Again"]


async def test_a_picture_fills_the_response(connected: Connected):
    ann = connected.server.person("ann")
    asked = await ann.slash(ann.dm(), "imagine", prompt="a door")
    event = await connected.notes.event()
    await asked.acknowledged()
    await connected.platform.show_progress(event.destination, "", Progress("Drawing: step 3 of 28 …", 10))
    await connected.platform.deliver(connected.delivery(event), picture())
    message = await asked.answered()
    check(message)
    await connected.platform.deliver(connected.delivery(event, attempt=2), picture())
    check(message)
    assert len(connected.server.log.bot_messages()) == 1


async def test_a_picture_for_adults_is_hidden(connected: Connected):
    ann = connected.server.person("ann")
    asked = await ann.slash(ann.dm(), "imagine", prompt="a door")
    event = await connected.notes.event()
    await connected.platform.deliver(connected.delivery(event), picture(hidden=True))
    check(await asked.answered(), "SPOILER_picture-1.png")


@pytest.mark.parametrize("kind", ["error_before", "error_after"])
async def test_a_picture_beside_the_answer_goes_to_the_channel_once(connected: Connected, kind: str):
    ann = connected.server.person("ann")
    await ann.slash(ann.dm(), "story new", premise="a door")
    event = await connected.notes.event()
    where = event.destination.model_copy(update={"handle": {}})
    connected.server.faults.add(Fault(kind, "POST /channels/*/messages"))
    for attempt in range(1, 4):
        try:
            await connected.platform.deliver(connected.delivery(event, destination=where, attempt=attempt), picture())
        except RetryLater:
            continue
        break
    found = [m for m in connected.server.log.bot_messages() if m.attachments]
    assert len(found) == 1
    check(found[0])


@pytest.mark.parametrize("size", [5, 11_000_000])
async def test_an_attached_file_comes_with_the_command(connected: Connected, size: int):
    ann = connected.server.person("ann")
    asked = await ann.slash(ann.dm(), "imagine", prompt="a door")
    first = await connected.notes.event()
    await connected.platform.deliver(connected.delivery(first), picture())
    shown = await asked.answered()
    url = shown.payload(base_url=connected.server.base_url)["attachments"][0]["url"]
    await ann.slash(ann.dm(), "imagine", prompt="at night", picture=Attached(900, "mine.png", url, size))
    payload = (await connected.notes.event()).payload
    assert isinstance(payload, Command)
    assert payload.values["prompt"] == "at night"
    assert payload.file is not None
    large = size > 10_000_000
    assert payload.file.data == b""
    assert (payload.file.source, payload.file.problem) == (("", "attachment.too_big") if large else (url, ""))
    if not large:
        assert await connected.platform.fetch(url, len(PNG)) == PNG
        with pytest.raises(FileTooBig):
            await connected.platform.fetch(url, len(PNG) - 1)
    assert payload.file.name == "mine.png"


async def test_a_file_that_is_not_there_is_an_error(connected: Connected):
    with pytest.raises(api.TROUBLE):
        await connected.platform.fetch(f"{connected.server.base_url}/attachments/1/2/mine.png", 100)


async def test_where_adults_are(connected: Connected):
    ann = connected.server.person("ann")
    guild = connected.server.guild("Readers")
    general = guild.text_channel("general")
    adults = guild.text_channel("adults")
    adults.nsfw = True
    adults.update()
    for channel, adult in ((ann.dm(), False), (general, False), (adults, True)):
        await ann.slash(channel, "imagine", prompt="a door")
        assert (await connected.notes.event()).conversation.adult is adult
