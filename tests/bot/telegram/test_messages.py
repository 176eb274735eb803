"""What a message can hold besides text and buttons: files, albums, selects, links, tables; edits of earlier ones."""

import contextlib
from typing import Literal

import pytest

from bot.messages import (
    Attachment,
    Button,
    Field,
    FileContent,
    Message,
    OutgoingPicture,
    Progress,
    Select,
    SelectOption,
    Table,
)
from bot.platforms.attempts import parts_of
from bot.platforms.base import RetryLater, Unshowable
from bot.platforms.telegram import TelegramPlatform
from tests.bot.telegram.conftest import Outbox, RecordingInbound, to
from tests.bot.telegram.test_questions import delivered
from tests.doubles.telegram import Fault, Person, TelegramServer
from tests.doubles.telegram import Message as Shown

AGAIN = ((Button("Again", "1.again"),),)


def pictures(count: int, *, hidden: bool = False) -> tuple[OutgoingPicture, ...]:
    def one(number: int) -> OutgoingPicture:
        async def load(form: Literal["full", "photo"]) -> FileContent:
            return FileContent(f"{form} {number}".encode(), "image/jpeg", f"{number}.jpg")

        return OutgoingPicture(load, f"Panel {number}", hidden=hidden)

    return tuple(one(number) for number in range(count))


@pytest.fixture(autouse=True)
async def started(platform: TelegramPlatform, inbound: RecordingInbound, alice: Person) -> None:
    await alice.say(alice.chat(), "hi")
    await inbound.wait(1)


def standing(server: TelegramServer) -> list[Shown]:
    return [message for message in server.sent if not message.deleted]


async def test_several_pictures_are_albums_and_the_buttons_stand_below(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.place(outbox.row(to(alice), 1), Progress("Drawing"))
    (placed,) = outbox.recorded[1]
    message = Message("A comic", buttons=AGAIN, pictures=pictures(11, hidden=True))
    await platform.deliver(outbox.row(to(alice), 2, placeholder=placed), message)
    found = standing(server)
    assert [m.file.content if m.file else b"" for m in found] == [*(f"photo {n}".encode() for n in range(11)), b""]
    assert len({m.album for m in found[:10]}) == 1
    assert [m.text for m in found] == [*(f"Panel {n}" for n in range(11)), "A comic"]
    assert all(m.hidden for m in found[:11])
    assert [m.labels for m in found] == [[]] * 11 + [["Again"]]
    await platform.deliver(outbox.row(to(alice), 2, placeholder=placed, attempt=2), message)
    assert standing(server) == found


async def test_an_album_that_was_not_taken_is_sent_again(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    server.faults.add(Fault("flood", "sendMediaGroup", retry_after=1))
    with pytest.raises(RetryLater):
        await platform.deliver(outbox.row(to(alice), 3), Message("", pictures=pictures(2)))
    await platform.deliver(outbox.row(to(alice), 3), Message("", pictures=pictures(2)))
    assert [m.text for m in standing(server)] == ["Panel 0", "Panel 1"]


@pytest.mark.parametrize("kind", ["error_after", "drop_after", "error_before", "drop_before"])
async def test_after_a_lost_answer_an_albums_pictures_follow_one_by_one_and_never_again(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person, kind: str
) -> None:
    """Telegram lets a bot look up nothing: they stand twice at most, whatever becomes of further answers."""
    message = Message("A comic", buttons=AGAIN, pictures=pictures(11))
    server.faults.add(Fault(kind, "sendMediaGroup", times=3))  # pyright: ignore[reportArgumentType]
    server.faults.add(Fault("drop_after", "editMessageMedia"))
    await delivered(platform, outbox, alice, message)
    assert len(server.calls("sendMediaGroup")) == 1
    panels = [f"Panel {n}" for n in range(11)]
    album = panels[:10] if kind.endswith("after") else []
    found = standing(server)
    assert [m.text for m in found] == [*album, *panels, "A comic"]
    assert [m.file.content if m.file else b"" for m in found[len(album) :]] == [
        *(f"photo {n}".encode() for n in range(11)), b"",
    ]  # fmt: skip
    assert found[-1].labels == ["Again"]
    await platform.deliver(outbox.row(to(alice), 1, attempt=9), message)
    assert standing(server) == found


async def test_an_album_in_place_of_another_message_follows_one_by_one_too(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.deliver(outbox.row(to(alice), 7), Message("Drawing", buttons=AGAIN))
    server.faults.add(Fault("drop_before", "sendMediaGroup"))
    message = Message("A comic", buttons=AGAIN, pictures=pictures(2))
    for attempt in (1, 2, 3):
        with contextlib.suppress(RetryLater):
            await platform.deliver(outbox.row(to(alice), 8, attempt=attempt, edits=tuple(outbox.recorded[7])), message)
    assert [m.text for m in standing(server)] == ["Panel 0", "Panel 1", "A comic"]


async def test_files_of_any_type_come_with_the_text(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    files = (Attachment.of(b"ID3", "audio/mpeg", "page.mp3"), Attachment.of(b"%PDF", "application/pdf", "story.pdf"))
    await platform.deliver(outbox.row(to(alice)), Message("Your story", buttons=AGAIN, attachments=files))
    found = [(m.file.kind, m.file.filename) if m.file else m.text for m in standing(server)]
    assert found == [("audio", "page.mp3"), ("document", "story.pdf"), "Your story"]
    await platform.deliver(outbox.row(to(alice)), Message("Alone", buttons=AGAIN, attachments=files[:1]))
    (*_, alone) = standing(server)
    assert (alone.text, alone.labels, alone.file is not None) == ("Alone", ["Again"], True)


async def test_what_is_refused_for_its_content_is_told_from_a_closed_place(
    platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    message = Message("Your story", attachments=(Attachment.of(b"", "application/pdf", "story.pdf"),))
    with pytest.raises(Unshowable, match="non-empty"):
        await platform.deliver(outbox.row(to(alice)), message)


async def test_text_that_is_too_long_for_a_caption_stands_below(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.deliver(outbox.row(to(alice)), Message("word " * 400, buttons=AGAIN, pictures=pictures(1)))
    picture, text = standing(server)
    assert (picture.text, picture.labels, text.labels) == ("Panel 0", [], ["Again"])
    assert text.text.startswith("word word")


async def test_options_are_buttons_and_links_are_links(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    select = Select("Which style?", (SelectOption("Ink", "1.style.a"), SelectOption("Oil", "1.style.b", "thick")))
    row = (Button("Read on", url="https://example.org/s/1"), Button("Back", "1.back"))
    await platform.deliver(outbox.row(to(alice)), Message("Style?", selects=(select,), buttons=(row,)))
    (message,) = standing(server)
    shown = [[(b.text, b.data, b.url) for b in line] for line in message.buttons]
    assert shown == [
        [("Ink", "1.style.a", None), ("Oil", "1.style.b", None)],
        [("Read on", None, "https://example.org/s/1"), ("Back", "1.back", None)],
    ]


async def test_a_table_is_monospaced_or_becomes_lines(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    narrow = Table(("Branch", "Votes"), (("Open", "12"), ("窓", "3")))
    wide = Table(("Name", "What it is"), (("A door", "x" * 60), ("*B*", "")))
    await platform.deliver(outbox.row(to(alice)), Message("Result", table=narrow, footer="Page 3"))
    await platform.deliver(outbox.row(to(alice)), Message("", table=wide))
    first, second = standing(server)
    table = "Branch  Votes\n──────  ─────\nOpen       12\n窓          3"
    assert first.text == f"Result\n\n{table}\n\nPage 3"
    (code,) = [e for e in first.entities if e.type == "pre"]
    assert first.formatted.of(code) == table
    assert second.text == f"Name: A door\nWhat it is: {'x' * 60}\n\nName: *B*\nWhat it is: –"
    assert {e.type for e in second.entities} == {"bold"}


PREFILLED = Field("name", "What is it called?", placeholder="A name", value="The Door")
KEEP = (Button("Keep", "1.keep_field.note", role="keep"),)


async def test_a_prefilled_question_shows_the_text_with_a_copy_button(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    question = Message(PREFILLED.label, title="Rename", asks=PREFILLED, buttons=(KEEP,))
    await platform.deliver(outbox.row(to(alice)), question)
    (message,) = standing(server)
    assert message.text == "Rename\n\nWhat is it called?\n\nThe Door"
    assert [(b.text, b.copies, b.data) for row in message.buttons for b in row] == [
        ("📋", "The Door", None),
        ("Keep", None, "1.keep_field.note"),
    ]
    assert message.force_reply is None


async def test_in_a_group_the_question_asks_for_a_reply_below(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    group = server.group("Readers", [alice])
    there = to(alice).model_copy(update={"chat_id": str(group.id), "kind": "group", "handle": {"name": "Alice"}})
    await platform.deliver(outbox.row(there), Message(PREFILLED.label, asks=PREFILLED, buttons=(KEEP,)))
    shown, asked = standing(server)
    assert shown.labels == ["📋", "Keep"]
    assert asked.force_reply is not None
    assert (asked.force_reply.placeholder, asked.text) == ("A name", "Alice, What is it called?")


@pytest.mark.parametrize(("length", "copied", "file"), [(257, False, False), (5000, False, True)])
async def test_long_present_texts_lose_the_copy_button_and_become_files(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person,
    length: int, copied: bool, file: bool,
) -> None:  # fmt: skip
    field = Field("body", "The text", value="w" * length)
    await platform.deliver(outbox.row(to(alice)), Message("The text", asks=field, buttons=(KEEP,)))
    *before, message = standing(server)
    assert ("📋" in message.labels) is copied
    assert [m.file.filename for m in before if m.file] == (["body.txt"] if file else [])
    assert [m.file.content for m in before if m.file] == ([b"w" * length] if file else [])
    assert message.labels[-1] == "Keep"


async def test_an_earlier_row_is_rewritten_part_by_part(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.deliver(outbox.row(to(alice), 1), Message("word " * 1500))
    assert len(outbox.recorded[1]) == 2
    longer = outbox.row(to(alice), 2, edits=tuple(outbox.recorded[1]))
    await platform.deliver(longer, Message("term " * 2200, buttons=AGAIN))
    assert outbox.recorded[2][:2] == outbox.recorded[1]
    assert [m.text[:4] for m in standing(server)] == ["term"] * 3
    assert [m.labels for m in standing(server)] == [[], [], ["Again"]]
    await platform.deliver(outbox.row(to(alice), 3, edits=tuple(outbox.recorded[2])), Message("short"))
    assert [m.text for m in standing(server)] == ["short"]
    assert outbox.recorded[3] == outbox.recorded[1][:1]
    await platform.deliver(outbox.row(to(alice), 3, edits=tuple(outbox.recorded[2]), attempt=2), Message("short"))
    assert [m.text for m in standing(server)] == ["short"]


async def test_what_cannot_be_edited_into_the_new_state_is_sent_anew(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.deliver(outbox.row(to(alice), 1), Message("Two", pictures=pictures(2)))
    await platform.deliver(
        outbox.row(to(alice), 2, edits=tuple(outbox.recorded[1])), Message("2", pictures=pictures(2))
    )
    assert [m.text for m in standing(server)] == ["Panel 0", "Panel 1", "2"]
    assert outbox.recorded[2] == parts_of(outbox.recorded[1])
    edit = outbox.row(to(alice), 3, edits=tuple(outbox.recorded[2]))
    await platform.deliver(edit, Message("Three", pictures=pictures(3)))
    assert [m.text for m in standing(server)] == ["Panel 0", "Panel 1", "Panel 2", "Three"]
    await platform.deliver(outbox.row(to(alice), 4, edits=tuple(outbox.recorded[3])), Message("None"))
    assert [(m.text, m.file) for m in standing(server)] == [("None", None)]


async def test_a_part_that_the_person_deleted_stays_deleted(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.deliver(outbox.row(to(alice), 1), Message("before"))
    server.sent[0].deleted = True
    await platform.deliver(outbox.row(to(alice), 2, edits=tuple(outbox.recorded[1])), Message("after"))
    assert standing(server) == []
