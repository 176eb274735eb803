"""Whose is it: what a member may do with stories, pictures, answers and jobs of others in a place; a moderator."""

import pytest

from bot.actions.packing import pack
from db import pictures
from db.connection import row
from db.models import ChatMessageRow, JobRow, PageRow, StoryRow
from db.permissions import Role
from tests.bot.playing import begun
from tests.bot.world import Bot, command, press, say

pytestmark = pytest.mark.usefixtures("bot")
NOT_YOURS = "Only the person who started this story acts in it"
NOT_DELETABLE = "Only the person who started this story may delete it"


async def told(bot: Bot, *args: object, name: str = "ben", role: Role = "member") -> str:
    event = await bot.does(press(*args), name=name, group="g", role=role)  # type: ignore[arg-type]
    answers = await bot.answers(event)
    return answers[0].body if answers else ""


async def test_a_solo_story_is_its_owners_until_somebody_may_choose_for_others(bot: Bot):
    story, page = await begun(bot, name="ann", group="g")
    at = (page.id, story.revision)
    for attempt in (
        ("choose", *at, 1),
        ("own", *at),
        ("retry", *at),
        ("back", *at),
        ("current", story.id),
        ("picture", page.id),
    ):
        assert (await told(bot, *attempt)).startswith(NOT_YOURS), attempt
    assert await JobRow.filter(type="illustrate_page").count() == 0
    assert (await told(bot, "delete", story.id)).startswith(NOT_DELETABLE)
    await told(bot, "picture", page.id, role="moderator")
    assert await JobRow.filter(type="illustrate_page").count() == 1
    await told(bot, "choose", *at, 1, role="moderator")
    assert (await StoryRow.get(id=story.id)).revision == story.revision + 1
    assert "deleted" in await told(bot, "delete", story.id, role="moderator")


async def test_a_picture_of_somebody_elses_story_and_an_upload_are_not_for_others(bot: Bot):
    story, page = await begun(bot, name="ann", group="g")
    found = await row("SELECT account_id, conversation_id, owner_id FROM stories WHERE id = $1", story.id)
    assert found is not None
    upload = await pictures.attach(found["account_id"], found["owner_id"], found["conversation_id"], b"mine")
    for verb in ("file", "prompt", "redraw", "vary", "upscale"):
        missing = await told(bot, verb, upload + 1000)
        assert await told(bot, verb, upload) == missing == "That picture is not here any more."
    drawn = await pictures.attach(found["account_id"], found["owner_id"], found["conversation_id"], b"drawn")
    await row("UPDATE pictures SET kind = 'page', page_id = $2 WHERE id = $1 RETURNING id", drawn, page.id)
    for verb in ("redraw", "vary", "upscale", "change"):
        assert (await told(bot, verb, drawn)).startswith(NOT_YOURS), verb
    assert "may delete it" in await told(bot, "erase", drawn)
    assert "deleted" in await told(bot, "erase", drawn, role="moderator")


async def test_an_answer_is_written_again_for_whom_it_was(bot: Bot):
    await bot.does(say("hello"), name="ann", group="g")
    reply = await ChatMessageRow.get(role="persona")
    await ChatMessageRow.filter(id=reply.id).update(state="ready", text="Hello.")
    assert "got this answer" in await told(bot, "variant", reply.id)
    await told(bot, "variant", reply.id, role="moderator")
    assert await ChatMessageRow.filter(role="persona").count() == 2


async def test_a_job_is_stopped_by_its_owner_or_who_moderates(bot: Bot):
    await begun(bot, name="ann", group="g")
    job = await JobRow.get()
    assert "can stop it" in await told(bot, "cancel", job.id)
    await told(bot, "cancel", job.id, role="moderator")
    assert (await JobRow.get()).state == "cancelled"


async def test_a_solo_story_in_a_group_leaves_others_their_chat(bot: Bot):
    _, _page = await begun(bot, name="ann", group="g")
    await bot.does(say("hello you"), name="ben", group="g")
    assert (await ChatMessageRow.get(role="user")).text == "hello you"
    assert await PageRow.all().count() == 1


async def test_a_moderator_deletes_a_story_by_its_number(bot: Bot):
    story, _ = await begun(bot, name="ann", group="g")
    for role, asked in (("member", False), ("moderator", True)):
        event = await bot.does(command(f"story delete: #{story.id}"), name="ben", group="g", role=role)  # type: ignore[arg-type]
        buttons = [b.action for m in await bot.answers(event) for line in m.buttons for b in line]
        assert (pack("delete", story.id) in buttons) is asked
