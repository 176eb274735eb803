"""Administrators of a Telegram group who hide behind it: they act as the group, and its administrators for it."""

from bot.events import Event, Payload
from db import moves, people, stories
from db.connection import row, rows, transaction
from db.models import PageRow, StoryRow
from db.permissions import Role
from tests.bot.world import Bot, command, event_of, press, say, write

GROUP = "-77"


async def hidden(bot: Bot, payload: Payload, group: str = GROUP) -> Event:
    """What somebody does in the name of the group."""
    event = event_of(payload, name=group, group=group, role="admin", platform="telegram")
    event = event.model_copy(update={"user": event.user.model_copy(update={"anonymous": True})})
    await bot.router.dispatch(event)
    return event


async def shown(bot: Bot, payload: Payload, name: str, role: Role = "member", group: str = GROUP) -> str:
    """What somebody is told who shows themselves."""
    event = await bot.does(payload, name=name, group=group, role=role, platform="telegram")
    return (await bot.reply(event)).body


async def begun(bot: Bot, group: str = GROUP) -> tuple[StoryRow, PageRow]:
    await hidden(bot, command("story new: a door"), group)
    story = await StoryRow.all().order_by("-id").first()
    assert story is not None
    page = await PageRow.get(id=story.cursor_id)
    await write(page)
    return story, page


async def test_they_go_on_with_the_story_of_the_group_by_words(bot: Bot):
    story, page = await begun(bot)
    assert story.mode == "solo"
    await hidden(bot, say("I knock"))
    moved = await StoryRow.get(id=story.id)
    assert moved.revision == 1
    await write(await PageRow.get(id=moved.cursor_id), "second")
    for text in ("story back", "story retry", "story list", "story continue"):
        answers = await bot.answers(await hidden(bot, command(text)))
        assert not [a.body for a in answers if "Only the person" in a.body], text
    assert (await bot.reply(await hidden(bot, command("story delete")))).body.startswith("Delete")
    assert page.story_id == story.id


async def test_an_administrator_who_presses_acts_for_the_group(bot: Bot):
    story, page = await begun(bot)
    assert "Only the person" in await shown(bot, press("choose", page.id, 0, 1), "mia")
    assert "Only the person" in await shown(bot, press("delete", story.id), "mia")
    await bot.does(press("choose", page.id, 0, 1), name="adam", group=GROUP, role="admin", platform="telegram")
    moved = await StoryRow.get(id=story.id)
    assert moved.revision == 1
    await write(await PageRow.get(id=moved.cursor_id), "second")
    await bot.does(press("back", moved.cursor_id or 0, 1), name="adam", group=GROUP, role="admin", platform="telegram")
    assert (await StoryRow.get(id=story.id)).cursor_id == page.id
    assert "is deleted" in await shown(bot, press("delete", story.id), "adam", "admin")


async def test_the_groups_are_not_one_person(bot: Bot):
    story, page = await begun(bot)
    other, _ = await begun(bot, "-88")
    assert story.owner_id != other.owner_id
    assert "not here any more" in await shown(bot, press("choose", page.id, 0, 1), "adam", "admin", "-88")
    own = await bot.does(command("story new: mine"), name="mia", group=GROUP, platform="telegram")
    assert own
    mine = await StoryRow.all().order_by("-id").first()
    assert mine is not None
    assert mine.owner_id not in (story.owner_id, other.owner_id)
    answers = await bot.answers(await hidden(bot, command("story list")))
    assert len(answers[0].choices) == 1, "a member's story is not the group's"


async def test_the_person_of_the_group_moves_with_it(bot: Bot):
    story, page = await begun(bot)
    await begun(bot, "-10077")  # before the move was known
    async with transaction():
        await moves.move_group("telegram", GROUP, "-10077")
    await bot.does(press("choose", page.id, 0, 1), name="adam", group="-10077", role="admin", platform="telegram")
    assert (await StoryRow.get(id=story.id)).revision == 1
    found = await rows("SELECT DISTINCT owner_id FROM stories")
    assert found == [{"owner_id": story.owner_id}]
    assert [i.external_id for i in await people.identities_of(story.owner_id or 0)] == ["-10077"]
    assert await row("SELECT external_id FROM users WHERE id = $1", story.owner_id) == {"external_id": "-10077"}
    assert len(await stories.list_owned(story.account_id, story.owner_id or 0)) == 2
