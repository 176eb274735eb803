"""What is loaded is what is shown: the last pages of a path, the chats that were active last."""

from db import conversations, stories
from db.connection import rows
from db.stories.tree import LAST_CHOICES
from tests.db.test_stories import begun, choose, written
from tests.db.world import somebody


async def test_a_page_is_written_from_all_choices_and_the_last_pages(database: str):
    who = await somebody()
    move = await begun(who)
    for number in range(2, 9):
        move = await choose(who, move, 1 + number % 2)
        await written(move)
        await rows("UPDATE pages SET text = $2 WHERE id = $1", move.page.id, f"page {number}")
    found = await stories.page_inputs(move.page.id, 18, 99)
    assert found is not None
    assert (len(found["path"]), found["page_number"]) == (7, 8)
    assert [page["text"] for page in found["pages"]] == ["page 5", "page 6", "page 7"]
    unsummarised = await stories.page_inputs(move.page.id, 18, 3)
    assert unsummarised is not None
    assert [page["text"] for page in unsummarised["pages"]] == ["page 4", "page 5", "page 6", "page 7"]
    assert found["path"][-1]["text"] == found["path"][-3]["text"] != found["path"][-2]["text"]


async def test_of_a_long_way_the_last_pages_and_choices_are_read(database: str):
    move = await begun(await somebody())
    await rows("UPDATE pages SET state = 'ready'")
    for number in range(2, 101):
        await rows(
            "WITH last AS (SELECT id FROM pages ORDER BY id DESC LIMIT 1), "
            "choice AS (INSERT INTO choices (page_id, position, text, kind) "
            "SELECT id, 9, 'to ' || $1::int, 'bold' FROM last RETURNING id) "
            "INSERT INTO pages (story_id, parent_id, choice_id, number, state, text, chosen) "
            "SELECT $2, last.id, choice.id, $1::int, 'ready', 'page ' || $1::int, true FROM last, choice",
            number, move.story.id,
        )  # fmt: skip
    ids = [page["id"] for page in await rows("SELECT id FROM pages ORDER BY number")]
    found = await stories.page_inputs(ids[-1], 7 * 20, 99)
    assert found is not None
    assert found["way"] == ids[:-1]
    assert [page["text"] for page in found["pages"]] == [f"page {n}" for n in range(80, 100)]
    assert [each["text"] for each in found["path"]] == [f"to {n}" for n in range(101 - LAST_CHOICES, 101)]
    assert found["before"] + len(found["path"]) == 99
    everything = await stories.page_inputs(ids[-1], 10_000)
    assert everything is not None
    assert (len(everything["pages"]), len(everything["path"]), everything["before"]) == (99, 99, 0)
    first = await stories.page_inputs(ids[0])
    assert first is not None
    assert (first["page_number"], first["path"], first["before"], first["way"], first["pages"]) == (1, [], 0, [], [])


async def test_the_chats_to_catch_up_are_those_that_were_active_last(database: str):
    old, gone, new = [(await somebody(name)).conversation.id for name in ("ann", "ben", "cleo")]
    await rows("UPDATE conversations SET active_at = now() - interval '3 days' WHERE id = $1", old)
    await rows("UPDATE conversations SET active_at = now() - interval '300 days' WHERE id = $1", gone)
    assert [c.id for c in await conversations.watched("console")] == [new, old]
    await conversations.note_said(gone, "m1")
    assert [c.id for c in await conversations.watched("console")] == [gone, new, old]
    await rows(
        "INSERT INTO conversations (account_id, platform, chat_id, kind) SELECT account_id, platform, 'x' || n, 'dm' "
        "FROM conversations, generate_series(1, $1) n WHERE id = $2",
        conversations.WATCHED, old,
    )  # fmt: skip
    assert len(await conversations.watched("console")) == conversations.WATCHED
