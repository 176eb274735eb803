"""What people do with a story: go back, retry, cancel, list and delete, also while a page is written."""

from bot import locales
from bot.text.cleaning import clean
from db import outbox
from db.connection import rows
from db.models import (
    ConversationRow,
    JobInteractionRow,
    JobRow,
    OutboxRow,
    PageRow,
    StoryRow,
)
from db.permissions import Role
from tests.bot.playing import PREMISE, begun, words
from tests.bot.world import Bot, command, press, write


async def test_back_is_answered_at_once(bot: Bot):
    story, first = await begun(bot)
    await bot.does(press("choose", first.id, 0, 2), pressed="m1")
    second = await PageRow.get(parent_id=first.id)
    await write(second, "Inside")
    event = await bot.does(press("back", second.id, 1), pressed="m2")
    shown = {row.kind: row for row in await outbox.of_event(event.key)}
    assert shown.keys() == {"mark", "page"}
    page = await bot.composer.compose(shown["page"])
    assert page is not None
    assert page.title == "The door"
    assert [b.word for b in page.buttons[0]] == ["1", "2", "3"]
    assert (await StoryRow.get(id=story.id)).revision == 2


async def test_the_pressed_message_shows_the_choice_taken(bot: Bot):
    _, first = await begun(bot)
    event = await bot.does(press("choose", first.id, 0, 3), pressed="m1")
    (mark,) = await bot.answers(event)
    assert (mark.taken, mark.buttons, mark.choices[2]) == (3, (), "Look around")


async def test_lists_and_deleting(bot: Bot):
    story, _ = await begun(bot)
    listed = await bot.answer(await bot.does(command("story list")))
    assert listed.choices == ("The door, page 1",)
    assert [b.word for b in listed.buttons[0]] == ["1"]
    asked = await bot.answer(await bot.does(command("story delete")))
    assert [b.word for b in asked.buttons[0]] == ["delete", "keep"]
    await bot.does(press("keep", story.id))
    assert await StoryRow.all().count() == 1
    await bot.does(press("delete", story.id))
    assert await StoryRow.all().count() == 0
    assert "/story new" in (await bot.answer(await bot.does(command("help: story")))).body
    status = await bot.answer(await bot.does(command("status")))
    assert "Stories of yours: 0" in status.body


async def test_cancelling_a_page_moves_the_story_back_and_says_so(bot: Bot):
    story, first = await begun(bot)
    choice = await bot.does(press("choose", first.id, 0, 1))
    job = await JobRow.filter(event_key=choice.key).get()
    await bot.does(press("cancel", job.id))
    assert (await StoryRow.get(id=story.id)).cursor_id == first.id
    (answer,) = await bot.answers(choice)
    assert "back where you were" in answer.body
    assert [b.word for b in answer.buttons[0]] == ["1", "2", "3"]


async def test_going_back_or_deleting_while_a_page_is_written_answers_the_earlier_press(bot: Bot):
    story, first = await begun(bot)
    pressed = await bot.does(press("choose", first.id, 0, 1))
    went = await bot.does(command("story back"))
    assert [m.body for m in await bot.answers(pressed)] == ["Cancelled."]
    assert [m.title for m in await bot.answers(went)] == ["The door"]
    revision = (await StoryRow.get(id=story.id)).revision
    pressed = await bot.does(press("choose", first.id, revision, 2))
    await bot.does(press("delete", story.id))
    assert [m.body for m in await bot.answers(pressed)] == ["Cancelled."]
    assert await JobRow.all().count() == 0


async def test_cancelling_a_retry_goes_back_to_the_page_that_was_there(bot: Bot):
    story, first = await begun(bot)
    retried = await bot.does(press("retry", first.id, 0))
    job = await JobRow.get(event_key=retried.key)
    await bot.does(press("cancel", job.id))
    assert (await StoryRow.get(id=story.id)).cursor_id == first.id


async def test_a_late_cancel_leaves_the_page_alone(bot: Bot):
    story, first = await begun(bot)
    job = await JobRow.get()
    await rows("UPDATE jobs SET state = 'waiting'")
    late = await bot.does(press("cancel", job.id))
    assert await words(bot, late) == locales.text("job.over")
    assert (await StoryRow.get(id=story.id)).cursor_id == first.id
    assert (await PageRow.get(id=first.id)).state == "ready"


async def test_back_pressed_while_a_page_is_written_answers_the_earlier_press(bot: Bot):
    _, first = await begun(bot)
    pressed = await bot.does(press("choose", first.id, 0, 1))
    second = await PageRow.get(parent_id=first.id)
    went = await bot.does(press("back", second.id, 1), pressed="m2")
    assert [m.body for m in await bot.answers(pressed)] == ["Cancelled."]
    assert [m.title for m in await bot.answers(went)] == ["The door"]
    assert (await JobRow.get(event_key=pressed.key)).state == "cancelled"


async def test_back_from_a_retry_that_is_being_written_shows_the_page_retried(bot: Bot):
    story, first = await begun(bot)
    await bot.does(press("choose", first.id, 0, 1))
    second = await PageRow.get(parent_id=first.id)
    await write(second, "Inside")
    retried = await bot.does(press("retry", second.id, 1))
    went = await bot.does(command("story back"))
    assert [m.title for m in await bot.answers(went)] == ["Inside"]
    assert [m.body for m in await bot.answers(retried)] == ["Cancelled."]
    assert (await StoryRow.get(id=story.id)).cursor_id == second.id


async def test_a_failed_page_offers_no_choices_of_a_page_that_is_being_written(bot: Bot):
    story, first = await begun(bot)
    failed = await bot.does(press("choose", first.id, 0, 1))
    job = await JobRow.get(event_key=failed.key)
    await bot.does(press("cancel", job.id))
    await bot.does(press("choose", first.id, 2, 2))
    (answer,) = await bot.answers(failed)
    assert [[b.action for b in row] for row in answer.buttons] == [[press("current", story.id).data]]


async def test_a_first_page_that_failed_is_not_marked_with_nothing(bot: Bot):
    began = await bot.does(command(f"story new: {PREMISE}"))
    page = await PageRow.get()
    await bot.does(press("cancel", (await JobRow.get()).id))
    retried = await bot.does(press("retry", page.id, 0), pressed="m1")
    assert await OutboxRow.filter(event_key=retried.key, kind="mark").count() == 1
    assert await bot.answers(retried) == []
    assert [b.word for b in (await bot.answer(began)).buttons[0]] == ["current"]


async def test_without_a_name_a_group_means_ones_own_story(bot: Bot):
    mine, first = await begun(bot, name="ann", group="g")
    others, _ = await begun(bot, name="ben", group="g")
    assert (await ConversationRow.get()).story_id == others.id
    for typed in ("story delete", "story continue"):
        event = await bot.does(command(typed), name="ann", group="g")
        row = await OutboxRow.get(event_key=event.key)
        assert row.payload == ({"story": mine.id} if row.kind == "delete" else {"page": first.id})
        await rows("UPDATE conversations SET story_id = $1", others.id)
    nothing = await bot.does(command("story delete"), name="eve", group="g")
    assert await words(bot, nothing) == clean(locales.text("story.list_empty"))
    shared, page = await begun(bot, "open", name="ben", group="g")
    event = await bot.does(command("story continue"), name="ann", group="g")
    assert (await OutboxRow.get(event_key=event.key)).payload == {"page": page.id}
    event = await bot.does(command("story delete"), name="ann", group="g")
    assert (await OutboxRow.get(event_key=event.key)).payload == {"story": mine.id}
    event = await bot.does(command("story delete"), name="ben", group="g")
    assert (await OutboxRow.get(event_key=event.key)).payload == {"story": shared.id}


async def test_who_keeps_order_deletes_the_story_that_is_open(bot: Bot):
    open_here, _ = await begun(bot, name="ann", group="g")

    async def asked(text: str, role: Role = "moderator") -> object:
        event = await bot.does(command(text), name="mo", group="g", role=role)
        return (await OutboxRow.get(event_key=event.key)).payload.get("story")

    assert await asked("story delete") == await asked("story delete: the door") == open_here.id
    assert await asked("story delete", "member") is None
    assert await asked("story delete: the door", "member") is None
    assert await asked("story delete: another") is None
    own, _ = await begun(bot, name="mo", group="g")
    await rows("UPDATE conversations SET story_id = $1", open_here.id)
    assert await asked("story delete") == own.id, "one's own comes first"


async def test_deleting_a_story_deletes_all_its_jobs(bot: Bot):
    story, first = await begun(bot)
    await rows("UPDATE jobs SET state = 'waiting'")
    pressed = await bot.does(press("choose", first.id, 0, 1))
    settling = await JobRow.get(id=(await JobInteractionRow.get()).job_id)
    assert settling.state == "queued"
    await bot.does(press("delete", story.id))
    assert await JobRow.all().count() == 0
    assert [m.body for m in await bot.answers(pressed)] == ["Cancelled."]


async def test_a_page_whose_story_was_deleted_before_it_was_sent_is_answered_all_the_same(bot: Bot):
    story, _ = await begun(bot)
    asked = await bot.does(press("current", story.id))
    await bot.does(press("delete", story.id))
    assert await words(bot, asked) == locales.text("story.unknown")
