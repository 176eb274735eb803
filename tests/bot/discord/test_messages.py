"""What a message can hold besides text and buttons: files, selects, links, tables, dialogs; edits of earlier ones."""

import asyncio
from contextlib import nullcontext
from typing import Literal

import pytest

from bot.events import ButtonPress, Event, Submit
from bot.messages import (
    Attachment,
    Button,
    Field,
    FileContent,
    Form,
    Message,
    OutgoingPicture,
    Select,
    SelectOption,
    Table,
)
from bot.platforms.base import Delivery, Outcome, RetryLater
from bot.platforms.discord.render import bodies
from tests.bot.discord.conftest import Connected, connecting
from tests.doubles.discord.messages import Message as Sent

AGAIN = ((Button("Again", "1.again"),),)


def pictures(count: int) -> tuple[OutgoingPicture, ...]:
    def one(number: int) -> OutgoingPicture:
        async def load(form: Literal["full", "photo"]) -> FileContent:
            return FileContent(b"picture", "image/png", f"{number}.png")

        return OutgoingPicture(load, f"Panel {number}")

    return tuple(one(number) for number in range(count))


async def asked(connected: Connected) -> Event:
    """The event of a command in Ann's direct messages."""
    ann = connected.server.person("ann")
    await ann.slash(ann.dm(), "help")
    return await connected.notes.event()


def seen(connected: Connected) -> list[Sent]:
    ann = connected.server.person("ann")
    return [m for m in ann.messages(ann.dm()) if m.author.bot]


async def test_ten_files_go_with_one_message_and_the_buttons_with_the_last(connected: Connected):
    files = (Attachment.of(b"ID3", "audio/mpeg", "page.mp3"),)
    message = Message("A comic", buttons=AGAIN, pictures=pictures(11), attachments=files)
    event = await asked(connected)
    await connected.platform.deliver(connected.delivery(event), message)
    first, second = seen(connected)
    assert first.content == "A comic"
    assert [a.filename for a in first.attachments] == [f"{n}.png" for n in range(10)]
    assert first.attachments[3].description == "Panel 3"
    assert second.content == ""
    assert [a.filename for a in second.attachments] == ["10.png", "page.mp3"]
    assert [[b.label for b in m.buttons] for m in (first, second)] == [[], ["Again"]]


async def test_files_that_exceed_a_request_are_spread(connected: Connected):
    files = tuple(Attachment.of(bytes(9_000_000), "application/zip", f"{n}.zip") for n in range(4))
    await connected.platform.deliver(connected.delivery(await asked(connected)), Message("", attachments=files))
    assert [[a.filename for a in m.attachments] for m in seen(connected)] == [["0.zip", "1.zip"], ["2.zip", "3.zip"]]


async def test_choosing_in_a_list_is_pressing_a_button(connected: Connected):
    options = tuple(SelectOption(f"Style {n}", f"1.style.{n}", "x" * 120) for n in range(30))
    link = Button("Read on", url="https://example.org/s/1")
    message = Message("Style?", selects=(Select("Which style?", options),), buttons=((link,),))
    await connected.platform.deliver(connected.delivery(await asked(connected)), message)
    (shown,) = seen(connected)
    assert [len(menu.options) for menu in shown.selects] == [25, 5]
    assert shown.selects[0].placeholder == "Which style?"
    assert [(b.label, b.url, b.custom_id) for b in shown.buttons] == [("Read on", "https://example.org/s/1", None)]
    ann = connected.server.person("ann")
    await ann.select(shown, shown.selects[1].custom_id, ["Style 27"])
    event = await connected.notes.event()
    assert event.payload == ButtonPress(data="1.style.27", offered=True)
    assert event.destination.pressed_message == str(shown.id)


async def test_a_table_is_monospaced_or_becomes_lines(connected: Connected):
    event = await asked(connected)
    table = Table(("Branch", "Votes"), (("Open ```", "12"), ("窓", "3")))
    await connected.platform.deliver(connected.delivery(event), Message("Result", table=table))
    (shown,) = seen(connected)
    assert shown.content == (
        "Result\n\n```\nBranch    Votes\n────────  ─────\nOpen `\u200b``     12\n窓            3\n```"
    )
    wide = Table(("Name", "What it is"), (("A door", "x" * 60), ("*B*", "")))
    assert bodies(Message("", table=wide))[0]["content"] == (
        f"**Name:** A door\n**What it is:** {'x' * 60}\n\n**Name:** \\*B\\*\n**What it is:** –"
    )


def test_a_long_table_is_cut_between_its_lines():
    made = bodies(Message("", table=Table(("Name", "Votes"), tuple((f"Reader {n}", str(n)) for n in range(300)))))
    assert len(made) > 1
    for body in made:
        assert len(body["content"]) <= 2000
        assert body["content"].startswith("```\n")
        assert body["content"].endswith("\n```")
    lines = [line for body in made for line in body["content"].splitlines() if line.startswith("Reader")]
    assert [line.split() for line in lines] == [["Reader", str(n), str(n)] for n in range(300)]


@pytest.mark.parametrize("length", [10, 4001])
async def test_a_dialog_shows_present_texts_and_keeps_what_it_cannot_show(connected: Connected, length: int):
    ann = connected.server.person("ann")
    fields = (
        Field("name", "Name", value="The Door"),
        Field("note", "Note", required=False),
        Field("body", "Text", multiline=True, value="w" * length, max_length=8000),
    )
    connected.notes.direct = Form("Edit", "1.edit.4", fields)
    opened = await ann.slash(ann.dm(), "help")
    await opened.acknowledged()
    assert opened.modal is not None
    await ann.submit(opened, {"Name": "The Red Door"})
    event = await connected.notes.event()
    kept = {"body": "w" * length} if length <= 4000 else {}
    assert event.payload == Submit(form="1.edit.4", values={"name": "The Red Door", "note": "", **kept})


async def test_an_earlier_row_is_rewritten_part_by_part(connected: Connected):
    event = await asked(connected)
    await connected.platform.deliver(connected.delivery(event, 1), Message("word " * 600))
    before = tuple(connected.recorded)
    assert len(before) == 2
    connected.recorded.clear()
    longer = connected.delivery(event, 2, edits=before)
    await connected.platform.deliver(longer, Message("term " * 1000, buttons=AGAIN, pictures=pictures(1)))
    assert connected.recorded[:2] == list(before)
    found = seen(connected)
    assert [str(m.id) for m in found] == connected.recorded
    assert [m.content[:4] for m in found] == ["term"] * 3
    assert [(len(m.buttons), len(m.attachments)) for m in found] == [(0, 0), (0, 0), (1, 1)]
    last = tuple(connected.recorded)
    connected.recorded.clear()
    for attempt in (1, 2):
        edit = connected.delivery(event, 3, edits=last, attempt=attempt, sent=list(connected.recorded))
        await connected.platform.deliver(edit, Message("short"))
    (left,) = seen(connected)
    assert (left.content, str(left.id), connected.recorded) == ("short", before[0], [before[0]])


async def test_pictures_go_with_an_edit_and_a_deleted_message_stays_deleted(connected: Connected):
    event = await asked(connected)
    await connected.platform.deliver(connected.delivery(event, 1), Message("a", pictures=pictures(2)))
    await connected.platform.deliver(connected.delivery(event, 2, edits=tuple(connected.recorded)), Message("b"))
    (shown,) = seen(connected)
    assert (shown.content, shown.attachments) == ("b", [])
    connected.server.world.delete_message(shown)
    await connected.platform.deliver(connected.delivery(event, 3, edits=tuple(connected.recorded[:1])), Message("c"))
    assert seen(connected) == []


async def delivered(sender: Connected, delivery: Delivery, message: Message) -> None:
    """Deliver once the sender has logged in."""
    for _ in range(100):
        try:
            await sender.platform.deliver(delivery, message)
        except RetryLater:
            await asyncio.sleep(0.1)
        else:
            return


@pytest.mark.parametrize(("late", "restarts"), [(False, False), (True, False), (True, True)])
async def test_a_press_whose_answer_is_an_edit_leaves_nothing_behind(connected: Connected, late: bool, restarts: bool):
    ann = connected.server.person("ann")
    connected.notes.outcome = Outcome("answered")
    event = await asked(connected)
    await connected.platform.deliver(connected.delivery(event, 1), Message("0 votes", buttons=AGAIN))
    (shown,) = seen(connected)
    pressed = await ann.click(shown, "Again")
    event = await connected.notes.event()
    if late:
        assert (await pressed.acknowledged()).type == 5
    async with connecting(connected.server) if restarts else nullcontext(connected) as sender:
        await delivered(sender, sender.delivery(event, 2, edits=(str(shown.id),)), Message("1 vote"))
    assert (await pressed.acknowledged()).type == (5 if late else 6)
    assert [m.content for m in seen(connected)] == ["1 vote"]
