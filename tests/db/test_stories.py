"""The cursor moves once; the tree keeps everything."""

import asyncio

import pytest

from db import jobs, stories
from db.connection import rows, transaction
from db.errors import BadInput, Moved, NotAllowed, NotFound
from db.models import ChoiceRow, PageRow, StoryRow
from db.people import Who
from db.stories import Move
from db.work import BranchingPage
from tests.db.world import somebody

CHOICES = [("Open the door", "bold"), ("Listen first", "careful"), ("Look for the key", "curious")]


async def begun(who: Who, mode: str = "solo") -> Move:
    move = await stories.create(
        account_id=who.account.id,
        owner_id=who.user.id,
        conversation_id=who.conversation.id,
        premise="a keeper finds a door under the sea",
        seed=7,
        mode=mode,
    )
    await written(move)
    return move


async def written(move: Move, title: str = "The door") -> None:
    page = await stories.attach_page(move.page.id, title=title, text="It was there.", ending=False, choices=CHOICES)
    assert page is not None
    assert page.state == "ready"


async def choose(who: Who, move: Move, position: int = 1, revision: int | None = None) -> Move:
    async with transaction():
        return await stories.choose(
            who.account.id,
            who.user.id,
            move.page.id,
            move.story.revision if revision is None else revision,
            position,
        )


async def test_a_choice_grows_the_tree_and_moves_the_cursor(database: str):
    who = await somebody()
    first = await begun(who)
    second = await choose(who, first, 2)
    assert second.fresh
    assert (second.page.parent_id, second.page.number, second.page.state) == (first.page.id, 2, "pending")
    assert second.story.revision == first.story.revision + 1
    inputs = await stories.page_inputs(second.page.id)
    assert inputs is not None
    assert [choice["text"] for choice in inputs["path"]] == ["Listen first"]
    assert second.left is not None
    assert second.left.id == first.page.id


async def test_choosing_again_after_going_back_shows_the_same_page(database: str):
    who = await somebody()
    first = await begun(who)
    second = await choose(who, first, 1)
    await written(second)
    home = await stories.back(who.account.id, who.user.id, second.page.id, second.story.revision)
    assert (home.page.id, home.fresh) == (first.page.id, False)
    again = await choose(who, home, 1)
    assert (again.page.id, again.fresh) == (second.page.id, False)
    other_home = await stories.back(who.account.id, who.user.id, again.page.id, again.story.revision)
    other = await choose(who, other_home, 3)
    assert other.fresh
    assert other.page.id != second.page.id


async def test_retry_keeps_the_old_variant(database: str):
    who = await somebody()
    first = await begun(who)
    second = await choose(who, first, 1)
    await written(second, "One way")
    retried = await stories.retry(who.account.id, who.user.id, second.page.id, second.story.revision)
    assert (retried.page.choice_id, retried.page.variant_index, retried.fresh) == (second.page.choice_id, 1, True)
    assert (await PageRow.get(id=second.page.id)).title == "One way"
    await written(retried, "Another way")
    first_again = await stories.back(who.account.id, who.user.id, retried.page.id, retried.story.revision)
    root = await stories.retry(who.account.id, who.user.id, first_again.page.id, first_again.story.revision)
    assert (root.page.parent_id, root.page.variant_index) == (None, 1)


async def test_own_action_becomes_a_choice(database: str):
    who = await somebody()
    first = await begun(who)
    async with transaction():
        move = await stories.choose_own(who.account.id, who.user.id, first.page.id, 0, "  sing   to it ")
    choice = await ChoiceRow.get(id=move.page.choice_id)
    assert (choice.text, choice.kind, choice.position, choice.user_id) == ("sing to it", "own", 4, who.user.id)


@pytest.mark.parametrize("text", ["", "   ", "x" * 501])
async def test_own_action_refuses_what_does_not_fit(database: str, text: str):
    who = await somebody()
    first = await begun(who)
    with pytest.raises(BadInput):
        async with transaction():
            await stories.choose_own(who.account.id, who.user.id, first.page.id, 0, text)
    assert (await StoryRow.get(id=first.story.id)).revision == 0


async def test_an_old_button_says_that_the_story_has_moved_on(database: str):
    who = await somebody()
    first = await begun(who)
    await choose(who, first, 1)
    with pytest.raises(Moved) as being_written:
        await choose(who, first, 2)
    assert being_written.value.key == "story.being_written"
    second = await PageRow.get(parent_id=first.page.id)
    await stories.attach_page(second.id, title="", text="On.", ending=True, choices=[])
    with pytest.raises(Moved) as moved:
        await choose(who, first, 2)
    assert (moved.value.key, moved.value.story_id) == ("story.moved_on", first.story.id)


async def test_the_same_page_at_a_later_revision_is_not_the_same_button(database: str):
    who = await somebody()
    first = await begun(who)
    second = await choose(who, first, 1)
    await written(second)
    home = await stories.back(who.account.id, who.user.id, second.page.id, second.story.revision)
    with pytest.raises(Moved):
        await choose(who, home, 1, revision=0)


async def test_who_may_press(database: str):
    ann, ben = await somebody("ann", chat="c", kind="group"), await somebody("ben", chat="c", kind="group")
    eve = await somebody("eve", chat="elsewhere", kind="group")
    solo, shared = await begun(ann), await begun(ann, mode="open")
    with pytest.raises(NotAllowed):
        await choose(ben, solo)
    assert (await choose(ben, shared)).fresh
    with pytest.raises(NotFound):
        await choose(eve, shared)
    with pytest.raises(NotFound):
        await choose(ann, solo, 9)


async def test_of_fifty_clicks_at_once_one_wins(database: str):
    who = await somebody()
    move = await begun(who)
    for _ in range(5):
        outcomes = await asyncio.gather(*(choose(who, move, 1 + n % 3) for n in range(50)), return_exceptions=True)
        won = [o for o in outcomes if isinstance(o, Move)]
        assert len(won) == 1
        assert all(isinstance(o, Moved) for o in outcomes if o is not won[0])
        assert await PageRow.filter(parent_id=move.page.id).count() == 1
        move = won[0]
        await written(move)
    assert (await StoryRow.get(id=move.story.id)).revision == 5


async def test_a_failed_page_moves_the_cursor_back(database: str):
    who = await somebody()
    first = await begun(who)
    second = await choose(who, first, 1)
    story = await stories.give_up(second.page.id)
    assert story is not None
    assert (story.cursor_id, story.revision) == (first.page.id, 2)
    again = await choose(who, Move(story, first.page, fresh=False), 1)
    assert again.fresh
    assert again.page.variant_index == 1


async def test_a_page_is_filled_once(database: str):
    who = await somebody()
    first = await begun(who)
    assert await stories.attach_page(first.page.id, title="x", text="y", ending=True, choices=[]) is None
    with pytest.raises(ValueError, match="choices or is an ending"):
        second = await choose(who, first)
        await stories.attach_page(second.page.id, title="x", text="y", ending=False, choices=[])


async def test_going_back_gives_up_the_page_being_written(database: str):
    who = await somebody()
    first = await begun(who)
    second = await choose(who, first, 1)
    job = await jobs.add(BranchingPage(page=second.page.id))
    await stories.set_job(second.page.id, job)
    await stories.back(who.account.id, who.user.id, second.page.id, second.story.revision)
    assert (await PageRow.get(id=second.page.id)).state == "failed"
    cancelled = await jobs.get(job)
    assert cancelled is not None
    assert cancelled.state == "cancelled"
    assert await stories.attach_page(second.page.id, title="", text="late", ending=True, choices=[]) is None
    with pytest.raises(BadInput):
        story = await StoryRow.get(id=first.story.id)
        await stories.back(who.account.id, who.user.id, first.page.id, story.revision)


async def test_going_back_from_a_retry_being_written_returns_to_the_page_retried(database: str):
    who = await somebody()
    first = await begun(who)
    second = await choose(who, first, 1)
    await written(second)
    retried = await stories.retry(who.account.id, who.user.id, second.page.id, second.story.revision)
    job = await jobs.add(BranchingPage(page=retried.page.id))
    await stories.set_job(retried.page.id, job)
    home = await stories.back(who.account.id, who.user.id, retried.page.id, retried.story.revision)
    assert (home.page.id, home.fresh, home.cancelled and home.cancelled.job.id) == (second.page.id, False, job)
    again = await stories.back(who.account.id, who.user.id, second.page.id, home.story.revision)
    assert (again.page.id, again.cancelled) == (first.page.id, None)
    root = await stories.retry(who.account.id, who.user.id, first.page.id, again.story.revision)
    home = await stories.back(who.account.id, who.user.id, root.page.id, root.story.revision)
    assert home.page.id == first.page.id


async def test_deleting_waits_for_a_page_that_is_being_published(database: str):
    who = await somebody()
    first = await begun(who)
    second = await choose(who, first, 1)
    job = await jobs.add(BranchingPage(page=second.page.id))
    await stories.set_job(second.page.id, job)
    locked = asyncio.Event()

    async def publish() -> stories.Page | None:
        async with transaction():
            assert await stories.lock(second.page.id)
            locked.set()
            await asyncio.sleep(0.3)  # time for the other to take what it takes before the story's lock
            page = await stories.attach_page(second.page.id, title="", text="On.", ending=True, choices=[])
            await rows("UPDATE jobs SET state = 'done'")
            return page

    async def delete() -> list[jobs.Abandoned]:
        await locked.wait()
        async with transaction():
            return (await stories.delete(who.account.id, who.user.id, first.story.id))[1]

    published, cancelled = await asyncio.gather(publish(), delete())
    assert published is not None
    assert cancelled == []
    assert await PageRow.all().count() == 0
    assert await jobs.get(job) is None


async def test_list_and_delete_are_the_owners(database: str):
    ann, ben = await somebody("ann", chat="c", kind="group"), await somebody("ben", chat="c", kind="group")
    first, second = await begun(ann), await begun(ann)
    assert [s.id for s in await stories.list_owned(ann.account.id, ann.user.id)] == [second.story.id, first.story.id]
    assert await stories.list_owned(ann.account.id, ben.user.id) == []
    assert [s.id for s in await stories.list_owned(ann.account.id, ann.user.id, search="DOOR")] == [
        second.story.id,
        first.story.id,
    ]
    with pytest.raises(NotAllowed):
        await stories.delete(ann.account.id, ben.user.id, first.story.id)
    gone, cancelled = await stories.delete(ann.account.id, ann.user.id, first.story.id)
    assert (gone.id, cancelled) == (first.story.id, [])
    assert await PageRow.filter(story_id=first.story.id).count() == 0
    with pytest.raises(NotFound):
        await stories.at_cursor(ann.account.id, ann.user.id, first.story.id)
