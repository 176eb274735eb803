"""`/archive`: a file becomes a job, what is kept is listed, found and removed, and belongs to somebody."""

import pytest

from bot.events import ButtonPress, Command, IncomingFile
from bot.files import refusal, too_big
from bot.platforms.console import ConsolePlatform
from bot.platforms.discord.client import DiscordPlatform
from bot.platforms.telegram.client import TelegramPlatform
from db import lorebooks, stories
from db.connection import row, rows
from db.memory import archive
from db.memory.scopes import ArchiveScope
from db.models import JobRow, UploadRow
from db.work import Allowance
from tests.bot.playing import begun, words
from tests.bot.world import Bot, command, event_of

GUIDE = IncomingFile(name="The gate.md", mime="text/markdown", data=b"It opens at dawn.")


def add(file: IncomingFile | None = GUIDE, **values: str) -> Command:
    """The command; the parameter ``for`` is written ``whose`` here."""
    given = {name.replace("whose", "for"): value for name, value in values.items()}
    return Command(name="archive add", values=given, file=file)


async def job() -> JobRow:
    found = await JobRow.all().order_by("-id").first()
    assert found is not None
    return found


async def test_a_file_becomes_a_job_that_reads_it(bot: Bot):
    await bot.does(add())
    made = await job()
    assert made.type == "read_document"
    assert made.parameters == {
        "upload": 1, "title": "The gate", "owner": "person", "allowance": "sfw",
    }  # fmt: skip
    kept = await UploadRow.get(id=1)
    assert (kept.name, bytes(kept.data)) == ("The gate.md", b"It opens at dawn.")


async def test_it_belongs_to_a_persona_a_story_or_the_place(bot: Bot):
    await bot.does(add(persona="Vex", title="Of the sea"))
    made = await job()
    assert (made.parameters["owner"], made.persona_id, made.parameters["title"]) == ("persona", 2, "Of the sea")
    await bot.does(add(whose="persona"))
    assert (await job()).persona_id == 1
    story, _ = await begun(bot)
    await bot.does(add(whose="story"))
    assert (await job()).story_id == story.id
    await bot.does(add(whose="place"))
    assert (await job()).parameters["owner"] == "place"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (add(None), "Attach the file"),
        (Command(name="archive add", values={"file": "7"}), "Attach the file"),
        (add(too_big("document")), "at most 10 MB"),
        (add(refusal("document", "song.mp3", "audio/mpeg", 0)), "TXT, MD, PDF"),
        (add(persona="nobody"), "no persona"),
        (add(story="nowhere"), "no story"),
        (add(whose="story"), "No story is open"),
        (add(persona="Vex", story="x"), "belongs to one only"),
        (add(title="naked sex on the beach"), "beyond what may be shown"),
    ],
)
async def test_what_does_not_fit_is_told(bot: Bot, given: Command, says: str):
    said = await words(bot, await bot.does(given))
    assert says.casefold() in said.casefold()
    assert await JobRow.all().count() == 0
    assert await UploadRow.all().count() == 0, "the transaction is undone"


@pytest.mark.parametrize(("platform", "replies"), [("telegram", True), ("discord", False), ("console", False)])
async def test_only_where_a_reply_brings_a_file_it_is_told_so(bot: Bot, platform: str, replies: bool):
    bot.router._capabilities = {  # pyright: ignore[reportPrivateUsage]
        "telegram": TelegramPlatform.capabilities, "discord": DiscordPlatform.capabilities,
        "console": ConsolePlatform.capabilities,
    }  # fmt: skip
    for asked in (add(None), Command(name="lore add")):
        said = await words(bot, await bot.does(asked, platform=platform))
        assert said.startswith("Attach the file")
        assert ("as a reply" in said) == replies


async def test_in_a_place_only_some_add_for_everybody(bot: Bot):
    for asked in (add(whose="place"), add(persona="Vex")):
        assert "admin" in await words(bot, await bot.does(asked, group="club"))
    assert await JobRow.all().count() == 0
    await bot.does(add(whose="place"), group="club", role="admin")
    assert (await job()).parameters["owner"] == "place"
    await bot.does(add(), group="club")
    assert (await job()).parameters["owner"] == "person"


@pytest.mark.parametrize("what", ["archive add", "lore add"])
async def test_in_a_shared_story_its_owner_adds_and_who_keeps_order(bot: Bot, what: str):
    await begun(bot, "open", name="ann", group="club")
    asked = Command(name=what, values={"for": "story"}, file=GUIDE)
    before = await JobRow.all().count()
    assert "Only the person who started" in await words(bot, await bot.does(asked, name="ben", group="club"))
    assert await JobRow.all().count() == before
    await bot.does(asked, name="mod", group="club", role="moderator")
    await bot.does(asked, name="ann", group="club")
    assert await JobRow.all().count() == before + 2


async def test_documents_are_listed_found_and_removed(bot: Bot):
    assert "You see no documents" in await words(bot, await bot.does(command("archive list")))
    pages = ["The gate opens at dawn.", "Dragons sleep in the cellar."]
    one = await archive.add_document(1, ArchiveScope.person(1), "Guide", pages, user_id=1)
    listed = await bot.answer(await bot.does(command("archive list")))
    assert listed.private
    assert f"#{one} **Guide**, yours, 2 passages" in listed.body
    found = await words(bot, await bot.does(command("archive search: where do dragons sleep")))
    assert found.startswith("**Guide**, page 2 (#1)\nDragons sleep in the cellar.")
    assert "Nothing was found" in await words(bot, await bot.does(command("archive search: zebra")))
    book = await lorebooks.add(1, ArchiveScope.place(), "Stars", {}, [{"content": "Comets pass."}], author_id=1)
    await archive.add_document(1, ArchiveScope.place(), "Stars", ["Comets pass."], kind=archive.LORE, book_id=book)
    assert (await words(bot, await bot.does(command("archive search: comets")))).startswith(
        f"lorebook **Stars** (#{book})\nComets pass."
    )
    assert "Stars" not in await words(bot, await bot.does(command("archive list")))
    completed = await bot.router.complete(await bot.does(command("help")), "x", "")
    assert completed == []
    assert "is deleted" in await words(bot, await bot.does(command(f"archive remove: #{one}")))
    assert "You see no document" in await words(bot, await bot.does(command(f"archive remove: {one}")))
    for wrong in ("abc", "9" * 30, "-1", "²"):
        assert "You see no document" in await words(bot, await bot.does(command(f"archive remove: {wrong}")))


async def test_nobody_lists_finds_or_removes_what_is_anothers(bot: Bot):
    await bot.does(command("help"), group="club")
    await bot.does(command("help"), name="eve")
    place = await row("SELECT id FROM accounts WHERE external_id = 'club'")
    ann = await row("SELECT user_id AS id FROM identities WHERE external_id = 'ann'")
    assert place is not None
    assert ann is not None
    canary = ["The canary sings at noon."]
    diary = await archive.add_document(
        place["id"], ArchiveScope.person(ann["id"]), "Canary diary", canary, user_id=ann["id"]
    )
    rules = await archive.add_document(place["id"], ArchiveScope.place(), "Rules", ["No fire."], user_id=ann["id"])
    for name, group in (("eve", ""), ("ann", ""), ("ben", "club")):
        for asked in ("archive list", "archive search: canary sings noon", f"archive remove: {diary}"):
            said = await words(bot, await bot.does(command(asked), name=name, group=group))
            assert "anary" not in said, (name, asked)
    assert "Only the person who added" in await words(
        bot, await bot.does(command(f"archive remove: {rules}"), name="ben", group="club")
    )
    assert "is deleted" in await words(
        bot, await bot.does(command(f"archive remove: {rules}"), name="mod", group="club", role="moderator")
    )
    assert "anary" in await words(bot, await bot.does(command("archive list"), name="ann", group="club"))
    assert len(await rows("SELECT FROM archive_documents")) == 1


@pytest.mark.parametrize("asked", ["archive list", "archive search: gate dawn", "lore list", "lore show: #1"])
async def test_what_is_for_adults_is_shown_where_that_may_be(bot: Bot, asked: str):
    await bot.does(command("help"), group="club")
    place = await row("SELECT id FROM accounts WHERE external_id = 'club'")
    assert place is not None
    scope, text = ArchiveScope.place(), "Gate at dawn."
    await archive.add_document(place["id"], scope, "Dawn", [text], rating="nsfw")
    await lorebooks.add(place["id"], scope, "Dawn", {}, [{"content": text, "name": "Dawn"}], author_id=1, rating="nsfw")
    assert "awn" not in await words(bot, await bot.does(command(asked), group="club"))
    await rows("UPDATE archive_documents SET rating = 'suggestive'")
    await rows("UPDATE lorebooks SET rating = 'suggestive'")
    assert "awn" in await words(bot, await bot.does(command(asked), group="club"))


async def test_a_long_list_has_pages_of_which_everybody_turns_their_own(bot: Bot):
    await bot.does(command("help"))
    for n in range(12):
        await archive.add_document(1, ArchiveScope.person(1), f"Guide {n:02}", ["Text."], user_id=1)
    first = await bot.answer(await bot.does(command("archive list")))
    assert "Guide 11" in first.body
    assert "Guide 01" not in first.body
    [following] = first.actions()
    second = await bot.answer(await bot.does(ButtonPress(data=following)))
    assert [line.partition("**")[2][:8] for line in second.body.split("\n")] == ["Guide 01", "Guide 00"]
    [before] = second.actions()
    assert (await bot.answer(await bot.does(ButtonPress(data=before)))).body == first.body
    await bot.does(command("help"), name="eve")
    assert "Guide" not in await words(bot, await bot.does(ButtonPress(data=following), name="eve"))


@pytest.mark.parametrize(("rating", "offered"), [("suggestive", True), ("nsfw", False)])
async def test_titles_are_suggested_as_they_are_listed(bot: Bot, rating: Allowance, offered: bool):
    await bot.does(command("help"), group="club")
    place = await row("SELECT id FROM accounts WHERE external_id = 'club'")
    assert place is not None
    await archive.add_document(place["id"], ArchiveScope.place(), "Dawn", ["Text."], rating=rating)
    await lorebooks.add(
        place["id"], ArchiveScope.place(), "Dawn", {}, [{"content": "Text."}], author_id=1, rating=rating
    )
    for name, parameter in (("archive remove", "document"), ("lore show", "book"), ("lore remove", "book")):
        asked = event_of(command(name), group="club")
        adult = asked.model_copy(update={"conversation": asked.conversation.model_copy(update={"adult": True})})
        assert await bot.router.complete(asked, parameter, "daw") == ([("Dawn", "#1")] if offered else [])
        assert await bot.router.complete(adult, parameter, "daw") == [("Dawn", "#1")]


async def test_a_story_takes_its_documents_with_it(bot: Bot):
    story, _ = await begun(bot)
    await archive.add_document(1, ArchiveScope.story(story.id), "World", ["Two moons."], user_id=1)
    assert "for the story" in await words(bot, await bot.does(command("archive list")))
    await stories.delete(1, 1, story.id)
    assert "You see no documents" in await words(bot, await bot.does(command("archive list")))
