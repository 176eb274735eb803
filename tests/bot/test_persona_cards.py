"""`/persona import` and `/persona export`: a file becomes a job, and a job a file."""

from dataclasses import replace

import pytest

from bot.events import Command, IncomingFile
from bot.files import refusal
from db import outbox, personas, uploads
from db.connection import row
from db.models import JobRow
from db.outbox import OutboxMessage
from db.payloads.base import Payload
from db.payloads.cards import CardWritten, PersonaImported
from tests.bot.playing import words
from tests.bot.world import Bot, command

FILE = IncomingFile(name="mira.png", mime="image/png", data=b"x")


async def test_a_card_becomes_a_job_and_a_persona_a_file(bot: Bot) -> None:
    await bot.does(Command(name="persona import", file=FILE))
    job = await JobRow.get(id=1)
    assert (job.type, job.parameters) == (
        "import_persona", {"upload": 1, "visibility": "owner", "allowance": "sfw"},
    )  # fmt: skip
    await bot.does(Command(name="persona export", rest="Vex", values={"form": "charx"}))
    asked = await JobRow.get(id=2)
    assert (asked.type, asked.parameters["form"]) == ("export_persona", "charx")
    await bot.does(Command(name="persona import", file=FILE), group="club", role="admin")
    assert (await JobRow.get(id=3)).parameters["visibility"] == "place"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (Command(name="persona import"), "Attach the file"),
        (Command(name="persona import", file=refusal("card", "book.pdf", "application/pdf", 0)), "PNG"),
        (Command(name="persona import", file=refusal("card", "x.png", "image/png", 21_000_000)), "20"),
        (Command(name="persona export", rest="nobody"), "no persona"),
    ],
)
async def test_what_does_not_fit_is_told(bot: Bot, given: Command, says: str) -> None:
    assert says in await words(bot, await bot.does(given))
    assert await JobRow.all().count() == 0


def _row(row: OutboxMessage, payload: Payload) -> OutboxMessage:
    return replace(row, kind=payload.kind, payload=payload.model_dump(mode="json"))


async def test_people_are_told_what_became_of_a_card_and_get_its_file_once(bot: Bot) -> None:
    event = await bot.does(command("help"))
    made = await personas.create(1, 1, {"name": "Mira"}, verdict="checked")
    upload = await uploads.keep(1, 1, "Mira.png", b"png")
    (about,) = await outbox.of_event(event.key)
    said = PersonaImported(account=1, user=1, persona=made.id, entries=2, conflicts=("name", "tags"), newer=True)
    message = await bot.composer.compose(_row(about, said))
    assert message is not None
    assert "“Mira” is here." in message.body
    assert "2 entries" in message.body
    assert "name, tags" in message.body
    written = CardWritten(account=1, user=1, upload=upload)
    sent = await bot.composer.compose(_row(about, written))
    assert sent is not None
    file = await sent.attachments[0].load()
    assert (file.data, file.mime, file.name) == (b"png", "image/png", "Mira.png")
    await uploads.drop(upload)
    assert await bot.composer.compose(_row(about, written)) is None
    assert await row("SELECT FROM uploads") is None
