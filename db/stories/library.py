"""Stories as a whole: starting, finding, opening and deleting them."""

from typing import Any, Final

from db import jobs
from db.connection import row, rows
from db.errors import NotAllowed, NotFound
from db.jobs import Abandoned
from db.moderation import Verdict
from db.records import build, columns, fetch, fetch_one
from db.stories import tree
from db.stories.records import Move, Page, Story, Summary
from db.work import Failure

SEED_LIMIT: Final = 2**31


async def create(
    *,
    account_id: int,
    owner_id: int,
    conversation_id: int,
    premise: str,
    genre: str = "",
    language: str = "en",
    mode: str = "solo",
    illustrated: bool = False,
    rating: str = "sfw",
    verdict: Verdict = "unchecked",
    seed: int,
) -> Move:
    """Start a story and open it in its conversation: its first page is pending. ``illustrated``: with pictures.

    ``verdict`` is the one on the premise.
    """
    made = await row(
        "INSERT INTO stories (account_id, owner_id, conversation_id, premise, genre, language, mode, illustrated, "
        "seed, rating, verdict) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
        account_id, owner_id, conversation_id, premise, genre, language, mode, illustrated, seed % SEED_LIMIT,
        rating, verdict,
    )  # fmt: skip
    assert made is not None
    page = await fetch_one(
        Page,
        f"INSERT INTO pages (story_id, state, chosen) VALUES ($1, 'pending', true) RETURNING {columns(Page)}",
        made["id"],
    )
    assert page is not None
    story = await fetch_one(
        Story, f"UPDATE stories SET cursor_id = $2 WHERE id = $1 RETURNING {columns(Story)}", made["id"], page.id
    )
    assert story is not None
    await open_in(conversation_id, story.id)
    return Move(story, page, fresh=True)


async def get(account_id: int, story_id: int) -> Story | None:
    """Return a story of an account; None if there is none."""
    return await fetch_one(
        Story, f"SELECT {columns(Story)} FROM stories WHERE id = $1 AND account_id = $2", story_id, account_id
    )


async def summary(account_id: int, story_id: int) -> Summary | None:
    """Return a story of an account with the number of its pages; None if there is none."""
    found = await row(
        f"SELECT {columns(Story, 's')}, (SELECT count(*) FROM pages WHERE story_id = s.id) AS pages, "
        "coalesce((SELECT number FROM pages WHERE id = s.cursor_id), 1) AS number "
        "FROM stories s WHERE s.id = $1 AND s.account_id = $2",
        story_id, account_id,
    )  # fmt: skip
    return None if found is None else _summary(found)


async def list_owned(account_id: int, owner_id: int, *, search: str = "", limit: int = 25) -> list[Story]:
    """Return a person's stories in an account, last played first; ``search`` is part of the title or premise."""
    return await fetch(
        Story,
        f"SELECT {columns(Story)} FROM stories WHERE account_id = $1 AND owner_id = $2 "
        "AND (strpos(lower(title), lower($3)) > 0 OR strpos(lower(premise), lower($3)) > 0) "
        "ORDER BY updated_at DESC, id DESC LIMIT $4",
        account_id, owner_id, search, limit,
    )  # fmt: skip


async def list_summaries(account_id: int, owner_id: int, *, limit: int = 25) -> list[Summary]:
    """Return a person's stories in an account, last played first, each with its numbers of pages."""
    found = await rows(
        f"SELECT {columns(Story, 's')}, (SELECT count(*) FROM pages WHERE story_id = s.id) AS pages, "
        "coalesce((SELECT number FROM pages WHERE id = s.cursor_id), 1) AS number "
        "FROM stories s WHERE account_id = $1 AND owner_id = $2 ORDER BY updated_at DESC, id DESC LIMIT $3",
        account_id, owner_id, limit,
    )  # fmt: skip
    return [_summary(f) for f in found]


async def count_owned(account_id: int, owner_id: int) -> int:
    """Return how many stories a person has in an account."""
    found = await row("SELECT count(*) AS n FROM stories WHERE account_id = $1 AND owner_id = $2", account_id, owner_id)
    assert found is not None
    return found["n"]


async def open_in(conversation_id: int, story_id: int) -> None:
    """Open a story in a conversation of its account, whose plain text then goes to the story."""
    await rows(
        "UPDATE conversations c SET story_id = s.id, mode = 'story', active_at = now() FROM stories s "
        "WHERE c.id = $1 AND s.id = $2 AND s.account_id = c.account_id",
        conversation_id, story_id,
    )  # fmt: skip


async def thread_of(page_id: int) -> str | None:
    """Return the chat id of the thread of a page's story; None if it has no thread of its own."""
    found = await row(
        "SELECT c.chat_id FROM pages p JOIN conversations c ON c.story_id = p.story_id AND c.kind = 'thread' "
        "AND c.thread_id = '' WHERE p.id = $1 ORDER BY c.id DESC LIMIT 1",
        page_id,
    )
    return None if found is None else found["chat_id"]


async def delete(
    account_id: int, user_id: int, story_id: int, *, acting_for: int | None = None, moderate: bool = False
) -> tuple[Story, list[Abandoned]]:
    """Delete a story with all its pages and jobs: its owner may, and who may ``moderate``.

    ``acting_for`` as in `choose`. Returns the jobs that were still open: their events must still be answered. Raises
    `NotFound`, `NotAllowed`.
    """
    await rows("SELECT id FROM conversations WHERE story_id = $1 ORDER BY id FOR NO KEY UPDATE", story_id)
    await tree.lock_story(story_id)
    story = await get(account_id, story_id)
    if story is None:
        raise NotFound("story.unknown")
    if (story.owner_id is None or story.owner_id not in (user_id, acting_for)) and not moderate:
        raise NotAllowed("story.not_deletable")
    abandoned = await jobs.abandon_about("story_id", story_id, Failure("job.cancelled"))
    await rows("DELETE FROM stories WHERE id = $1", story_id)
    return story, abandoned


def _summary(found: dict[str, Any]) -> Summary:
    return Summary(build(Story, found), found["pages"], found["number"])
