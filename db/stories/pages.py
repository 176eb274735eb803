"""The states of a page: its job fills it, or it fails; unread pages written ahead are dropped."""

from collections.abc import Sequence

from db.connection import jsonb, rows
from db.memory.memories import Rating, noting_page
from db.records import columns, fetch_one
from db.stories import tree
from db.stories.records import Page, Story


async def set_job(page_id: int, job_id: int) -> None:
    """Record which job writes a page."""
    await rows("UPDATE pages SET job_id = $2 WHERE id = $1", page_id, job_id)


async def attach_page(
    page_id: int,
    *,
    title: str,
    text: str,
    ending: bool,
    choices: Sequence[tuple[str, str]],
    allowance: Rating | None = None,
) -> Page | None:
    """Fill a pending (or speculative) page with its text and its ``(text, kind)`` choices.

    With ``allowance``, what was allowed at most where it was written, the story's memory is told of it.

    Returns None and changes nothing if it is gone, or was filled or abandoned before.
    """
    if ending == bool(choices):
        raise ValueError("a page has choices or is an ending")
    story = await tree.lock(page_id)
    if story is None:
        return None
    offered = [{"position": n, "text": text, "kind": kind} for n, (text, kind) in enumerate(choices, start=1)]
    noted = "" if allowance is None else f"noted AS ({noting_page('(SELECT story_id FROM filled)', '$6::text')}), "
    page = await fetch_one(
        Page,
        "WITH filled AS (UPDATE pages SET title = $2, text = $3, ending = $4, "
        "state = CASE state WHEN 'pending' THEN 'ready' ELSE state END "
        "WHERE id = $1 AND state IN ('pending', 'speculative') RETURNING *), "
        f"{noted}offered AS (INSERT INTO choices (page_id, position, text, kind, verdict) "
        "SELECT f.id, o.position, o.text, o.kind, 'checked' "
        "FROM filled f, jsonb_to_recordset($5::jsonb) AS o (position int, text text, kind text)), "
        # What the page was written from has passed the gate. (Subqueries: a join may be planned over whole tables.)
        "own AS (UPDATE choices SET verdict = 'checked' WHERE id = (SELECT choice_id FROM filled) "
        "AND verdict = 'unchecked'), "
        "begun AS (UPDATE stories SET verdict = 'checked' WHERE id = (SELECT story_id FROM filled) "
        "AND verdict = 'unchecked') "
        f"SELECT {columns(Page)} FROM filled",
        page_id, title, text, ending, jsonb(offered), *([] if allowance is None else [allowance]),
    )  # fmt: skip
    if page is not None and not story.title and title:
        await rows("UPDATE stories SET title = $2 WHERE id = $1", story.id, title)
    return page


async def give_up(page_id: int) -> Story | None:
    """Mark a page as failed; if the story is there, it goes back to the previous page. None if it was deleted."""
    story = await tree.lock(page_id)
    if story is None:
        return None
    page = await fetch_one(
        Page,
        "UPDATE pages SET state = 'failed' WHERE id = $1 AND state IN ('pending', 'speculative') "
        f"RETURNING {columns(Page)}",
        page_id,
    )
    if page is None or story.cursor_id != page_id:
        return story
    target = await tree.page_before(page)
    if target is None:
        return story
    return await fetch_one(
        Story,
        "UPDATE stories SET cursor_id = $2, revision = revision + 1, updated_at = now() WHERE id = $1 "
        f"RETURNING {columns(Story)}",
        story.id, target,
    )  # fmt: skip


async def drop_unread(page_id: int) -> int:
    """Drop the pages written ahead for choices of a page that were not taken; return how many. Read pages stay."""
    # Without the story's lock: a page being shown right now has been read by the time this reaches it.
    return len(
        await rows(
            "DELETE FROM pages WHERE parent_id = $1 AND state = 'speculative' AND NOT chosen RETURNING id", page_id
        )
    )
