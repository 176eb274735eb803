"""`/lore`: a lorebook becomes a job, what is kept is listed, shown, given back as a file, and removed."""

import json

import pytest

from bot.events import ButtonPress, Command, IncomingFile
from bot.files import refusal
from db import lorebooks
from db.connection import row
from db.memory.scopes import ArchiveScope
from db.models import JobRow
from tests.bot.playing import words
from tests.bot.world import Bot, command
from workers.cards.lorebook import read_lorebook

FILE = IncomingFile(name="city.json", mime="application/json", data=b"{}")
ENTRIES = [
    {"name": "The gate", "content": "It opens at dawn.", "keys": ["gate", "door"], "secondary_keys": ["dawn"],
     "selective": True, "priority": 3, "insertion_order": 7, "more": {"id": 12}},
    {"name": "", "content": "The city is old.", "keys": [], "constant": True},
]  # fmt: skip
PROBLEMS = [{"entry": "The gate", "key": "/(?=a)/", "problem": "invalid"}]


async def city(**more: object) -> int:
    return await lorebooks.add(
        1, ArchiveScope.place(), "The city", {"scan_depth": 4, "more": {"x": 1}, **more}, ENTRIES, author_id=1,
        problems=PROBLEMS,
    )  # fmt: skip


async def test_a_file_becomes_a_job(bot: Bot):
    await bot.does(Command(name="lore add", values={"title": " The  city "}, file=FILE))
    job = await JobRow.get(id=1)
    assert job.type == "read_lorebook"
    assert job.parameters == {"upload": 1, "title": "The city", "owner": "person", "allowance": "sfw"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (Command(name="lore add"), "Attach the file"),
        (Command(name="lore add", file=refusal("lore", "book.pdf", "application/pdf", 0)), "JSON, PNG"),
        (Command(name="lore add", file=FILE, values={"title": "naked sex on the beach"}), "beyond what may be shown"),
        (Command(name="lore add", file=FILE, values={"persona": "nobody"}), "no persona"),
        (Command(name="lore show", rest="7"), "You see no lorebook"),
        (Command(name="lore show", rest="x" * 90), "You see no lorebook"),
    ],
)
async def test_what_does_not_fit_is_told(bot: Bot, given: Command, says: str):
    assert says in await words(bot, await bot.does(given))
    assert await JobRow.all().count() == 0


async def test_in_a_place_only_some_add_for_everybody(bot: Bot):
    asked = Command(name="lore add", file=FILE, values={"for": "place"})
    assert "admin" in await words(bot, await bot.does(asked, group="club"))
    assert await JobRow.all().count() == 0
    await bot.does(asked, group="club", role="admin")
    assert (await JobRow.get(id=1)).parameters["owner"] == "place"


async def test_a_book_is_listed_shown_given_back_and_removed(bot: Bot):
    assert "You see no lorebooks" in await words(bot, await bot.does(command("lore list")))
    book = await city()
    assert f"#{book} **The city**, for everybody here, 2 entries" in await words(
        bot, await bot.does(command("lore list"))
    )
    shown = await bot.answer(await bot.does(command(f"lore show: #{book}")))
    assert shown.private
    assert "**The gate**: gate, door\n**without a name**: no keys" in shown.body
    assert "`/(?=a)/` of “The gate”" in shown.body
    file = await shown.attachments[0].load()
    written = json.loads(file.data)
    assert (written["spec"], written["data"]["scan_depth"], written["data"]["x"]) == ("lorebook_v3", 4, 1)
    gate, old = read_lorebook(written).book.entries
    assert (gate.name, gate.keys, gate.secondary_keys, gate.priority) == ("The gate", ("gate", "door"), ("dawn",), 3)
    assert (old.constant, old.content) == (True, "The city is old.")
    assert written["data"]["entries"][0]["id"] == 12
    assert "is deleted" in await words(bot, await bot.does(command(f"lore remove: {book}")))
    assert "You see no lorebook" in await words(bot, await bot.does(command(f"lore remove: {book}")))


async def test_a_long_list_has_pages(bot: Bot):
    await bot.does(command("help"))
    for n in range(12):
        await lorebooks.add(1, ArchiveScope.person(1), f"Book {n:02}", {}, ENTRIES, author_id=1)
    first = await bot.answer(await bot.does(command("lore list")))
    [following] = first.actions()
    second = await bot.answer(await bot.does(ButtonPress(data=following)))
    assert [line.partition("**")[2][:7] for line in second.body.split("\n")] == ["Book 01", "Book 00"]


async def test_nobody_sees_or_removes_what_is_anothers(bot: Bot):
    await bot.does(command("help"), group="club")
    place = await row("SELECT id FROM accounts WHERE external_id = 'club'")
    ann = await row("SELECT user_id AS id FROM identities WHERE external_id = 'ann'")
    assert place is not None
    assert ann is not None
    entries = [{"name": "Canary", "content": "Canary", "keys": ["canary"]}]
    mine = await lorebooks.add(place["id"], ArchiveScope.person(ann["id"]), "Canary", {}, entries, author_id=ann["id"])
    ours = await lorebooks.add(place["id"], ArchiveScope.place(), "Rules", {}, entries, author_id=ann["id"])
    for name, group in (("eve", ""), ("ann", ""), ("ben", "club")):
        for asked in ("lore list", f"lore show: {mine}", f"lore remove: {mine}"):
            assert "anary" not in await words(bot, await bot.does(command(asked), name=name, group=group))
    refused = await bot.does(command(f"lore remove: {ours}"), name="ben", group="club")
    assert "Only the person who added" in await words(bot, refused)
    allowed = await bot.does(command(f"lore remove: {ours}"), name="mod", group="club", role="moderator")
    assert "is deleted" in await words(bot, allowed)
    assert "Canary" in await words(bot, await bot.does(command("lore list"), name="ann", group="club"))
