"""Moves of a story's cursor, and the new pages that they start.

Every move is one conditional update on (cursor, revision): of any number of concurrent clicks exactly one wins, the
others raise `Moved`. Locks are always taken in the order conversation, story, page, job.
"""

import json
from dataclasses import replace
from typing import Final

from db import jobs
from db.connection import row, rows
from db.errors import BadInput, Moved, NotAllowed, NotFound
from db.jobs import Abandoned
from db.moderation import Verdict
from db.records import build, columns, fetch_one
from db.stories import tree
from db.stories.records import Choice, Move, Page, Story
from db.stories.tree import PageInStory
from db.work import Failure, notice

OWN_ACTION_LENGTH: Final = 500
"""Maximum length of a person's own action, in characters: it is part of the page and of every later prompt."""

_MOVE: Final = """
WITH shown AS (
    UPDATE pages SET chosen = true, state = CASE state WHEN 'speculative' THEN 'ready' ELSE state END
    WHERE id = coalesce($5, (SELECT id FROM pages WHERE $6 AND choice_id = $3
        AND state IN ('ready', 'speculative', 'pending') ORDER BY variant_index DESC LIMIT 1))
    RETURNING *),
child AS (
    INSERT INTO pages (story_id, parent_id, choice_id, number, variant_index, state, chosen)
    SELECT $1, $2, $3, $4, coalesce(max(variant_index) + 1, 0), 'pending', true FROM pages
    WHERE story_id = $1 AND choice_id IS NOT DISTINCT FROM $3 HAVING NOT EXISTS (SELECT FROM shown)
    RETURNING *),
page AS (SELECT * FROM shown UNION ALL SELECT * FROM child),
story AS (UPDATE stories SET cursor_id = (SELECT id FROM page) WHERE id = $1 RETURNING *)
SELECT to_jsonb(story) AS story, to_jsonb(page) AS page, EXISTS (SELECT FROM child) AS fresh FROM story, page"""


async def choose(
    account_id: int,
    user_id: int,
    page_id: int,
    revision: int,
    position: int,
    *,
    acting_for: int | None = None,
    for_others: bool = False,
) -> Move:
    """Take a choice on the current page of the story.

    Shows the page that the choice led to before, if there is one, else starts a new one. ``acting_for``: somebody else
    whose stories the person may change: the group, for its administrators. ``for_others``: they may change everybody's.
    Raises `NotFound`, `NotAllowed`, `Moved`.
    """
    story, page, choices = await _at(account_id, page_id, (user_id, acting_for), for_others=for_others)
    choice = next((c for c in choices if c.position == position), None)
    if choice is None:
        raise NotFound("story.no_such_choice", number=position)
    await _leave(story, page_id, revision)
    return await _move(page, parent_id=page.id, choice_id=choice.id, number=page.number + 1, known=True)


async def choose_own(
    account_id: int,
    user_id: int,
    page_id: int,
    revision: int,
    text: str,
    verdict: Verdict = "unchecked",
    *,
    acting_for: int | None = None,
    for_others: bool = False,
) -> Move:
    """Take an action that the person wrote, with the verdict on it. Raises like `choose`, and `BadInput`."""
    text = " ".join(text.split())
    if not text:
        raise BadInput("story.own_empty")
    if len(text) > OWN_ACTION_LENGTH:
        raise BadInput("story.own_too_long", length=len(text), limit=OWN_ACTION_LENGTH)
    story, page, _ = await _at(account_id, page_id, (user_id, acting_for), for_others=for_others)
    if page.ending or page.state != "ready":
        raise BadInput("story.ended" if page.ending else "story.no_page")
    await _leave(story, page_id, revision)
    choice = await fetch_one(
        Choice,
        "INSERT INTO choices (page_id, position, text, kind, user_id, verdict) "
        "SELECT $1, coalesce(max(position), 0) + 1, $2, 'own', $3, $4 FROM choices WHERE page_id = $1 "
        f"RETURNING {columns(Choice)}",
        page_id, text, user_id, verdict,
    )  # fmt: skip
    assert choice is not None
    return await _move(page, parent_id=page.id, choice_id=choice.id, number=page.number + 1, known=True)


async def retry(
    account_id: int,
    user_id: int,
    page_id: int,
    revision: int,
    *,
    acting_for: int | None = None,
    for_others: bool = False,
) -> Move:
    """Start another variant of the current page; the old one is kept. Raises like `choose`."""
    story, page, _ = await _at(account_id, page_id, (user_id, acting_for), for_others=for_others)
    await _leave(story, page_id, revision)
    return await _move(page, parent_id=page.parent_id, choice_id=page.choice_id, number=page.number)


async def back(
    account_id: int,
    user_id: int,
    page_id: int,
    revision: int,
    *,
    acting_for: int | None = None,
    for_others: bool = False,
) -> Move:
    """Go back to the previous page; a page that is still being written is abandoned. Raises like `choose`.

    From a variant that is still being written it goes back to the previous variant.
    """
    story, page, _ = await _at(account_id, page_id, (user_id, acting_for), for_others=for_others, pending=True)
    await _leave(story, page_id, revision)
    abandoned, job = await _abandon(page)
    target = await tree.page_before(page) if abandoned else page.parent_id
    if target is None:
        raise BadInput("story.at_start")
    move = await _move(page, parent_id=None, choice_id=None, number=0, to=target)
    return replace(move, cancelled=job)


def check_owner(story: Story, *owners: int | None, for_others: bool) -> None:
    """Raise `NotAllowed` unless one of ``owners`` may act in a story.

    In an open one everybody may, else its owner and those who may choose ``for_others``.
    """
    # A story without an owner is nobody's: its owner has left.
    if story.mode == "solo" and (story.owner_id is None or story.owner_id not in owners) and not for_others:
        raise NotAllowed("story.not_yours")


async def at_cursor(
    account_id: int, user_id: int, story_id: int, *, acting_for: int | None = None, for_others: bool = False
) -> tuple[Story, Page]:
    """Return a story and its current page, if the person may see it. Raises `NotFound`, `NotAllowed`."""
    found = await tree.current(account_id, story_id)
    if found is None:
        raise NotFound("story.unknown")
    story, page, _ = found
    check_owner(story, user_id, acting_for, for_others=for_others)
    return story, page


async def _at(
    account_id: int, page_id: int, owners: tuple[int | None, ...], *, for_others: bool, pending: bool = False
) -> PageInStory:
    """Return the page of a button, if one of ``owners`` may press it. A lost race is detected in `_leave`."""
    found = await tree.page(account_id, page_id)
    if found is None:
        raise NotFound("story.unknown")
    story, page, _ = found
    check_owner(story, *owners, for_others=for_others)
    if story.cursor_id == page_id and page.state == "pending" and not pending:
        raise Moved("story.being_written", story.id)
    return found


async def _leave(story: Story, page_id: int, revision: int) -> None:
    """Leave the page: the conditional update that decides a race. The caller then sets the new cursor."""
    found = await row(
        "UPDATE stories SET revision = revision + 1, updated_at = now() "
        "WHERE id = $1 AND cursor_id = $2 AND revision = $3 RETURNING revision",
        story.id, page_id, revision,
    )  # fmt: skip
    if found is None:
        current = await row(
            "SELECT p.state FROM stories s JOIN pages p ON p.id = s.cursor_id WHERE s.id = $1", story.id
        )
        writing = current is not None and current["state"] == "pending"
        raise Moved("story.being_written" if writing else "story.moved_on", story.id)


async def _move(
    left: Page, *, parent_id: int | None, choice_id: int | None, number: int, to: int | None = None, known: bool = False
) -> Move:
    """Set the cursor, in one statement: to the page ``to``, to one that the choice led to before (``known``), or to a
    new one at that place. Showing a page that was written ahead publishes it.
    """
    found = await row(_MOVE, left.story_id, parent_id, choice_id, number, to, known)
    assert found is not None
    story, page = build(Story, json.loads(found["story"])), build(Page, json.loads(found["page"]))
    return Move(story, page, fresh=found["fresh"], left=left)


async def _abandon(page: Page) -> tuple[bool, Abandoned | None]:
    """Abandon a page; return whether it was still being written, and its job if that is cancelled now."""
    if not await rows("UPDATE pages SET state = 'failed' WHERE id = $1 AND state = 'pending' RETURNING id", page.id):
        return False, None
    job = None if page.job_id is None else await jobs.get(page.job_id)
    if job is None or not await jobs.cancel(job.id):
        return True, None
    # The story has already moved: all that is left of abandoning the job is the notice.
    return True, Abandoned(job, await notice(job, None, Failure("job.cancelled")))
