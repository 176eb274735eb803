"""The tree of pages: reading it, and the lock that every change takes first."""

import json
from typing import Any, Final

from db.connection import row, rows
from db.quotes import MARK
from db.records import build, columns, fetch_one
from db.stories.records import Choice, Page, Story

MOST_PAGES: Final = 400
"""Pages that are read in full to write one."""
_PAGE: Final = """
SELECT to_jsonb(s) AS story, to_jsonb(p) AS page,
    (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.position) FROM choices c WHERE c.page_id = p.id) AS choices
FROM pages p JOIN stories s ON s.id = p.story_id WHERE """
_INPUTS: Final = """
WITH RECURSIVE up AS (
    SELECT id, parent_id, choice_id, number, 0 AS back, 0 AS size FROM pages WHERE id = $1
    UNION ALL SELECT p.id, p.parent_id, p.choice_id, p.number, up.back + 1, octet_length(p.text)
    FROM pages p JOIN up ON p.id = up.parent_id),
sized AS (SELECT *, sum(size) OVER (ORDER BY back) AS bytes FROM up)
SELECT up.id, up.number, up.back, c.text AS choice, c.kind,
    CASE WHEN up.back BETWEEN 1 AND $4 AND (up.bytes <= $2 OR (up.bytes <= 4 * $2 AND up.number > $3)) THEN
        (SELECT jsonb_build_object('id', p.id, 'title', p.title, 'text', p.text) FROM pages p WHERE p.id = up.id)
        END AS page,
    CASE up.back WHEN 0 THEN (SELECT to_jsonb(s) || jsonb_build_object('variant', p.variant_index)
        FROM pages p JOIN stories s ON s.id = p.story_id WHERE p.id = up.id) END AS story
FROM sized up LEFT JOIN choices c ON c.id = up.choice_id ORDER BY up.back DESC"""

PageInStory = tuple[Story, Page, list[Choice]]


async def page(account_id: int | None, page_id: int) -> PageInStory | None:
    """Return a page of an account with its story and its choices in order; None if there is none."""
    return _in_story(await row(_PAGE + "p.id = $1 AND s.account_id = $2", page_id, account_id))


async def current(account_id: int | None, story_id: int) -> PageInStory | None:
    """Return a story of an account with its current page and that page's choices; None if there is none."""
    return _in_story(await row(_PAGE + "p.id = s.cursor_id AND s.id = $1 AND s.account_id = $2", story_id, account_id))


async def page_inputs(page_id: int, most_bytes: int = 50_000, after: int = 0) -> dict[str, Any] | None:
    """Return what is needed to write a page, as plain data: the story and the path to it. None if it is gone.

    ``path`` has all choices on the way, ``pages`` the last pages before this one: as many as have ``most_bytes``
    together, and four times as much of those with numbers above ``after``, which no summary stands for; at most
    `MOST_PAGES`. ``way`` are the ids of all pages before this one, oldest first.
    """
    found = await rows(_INPUTS, page_id, most_bytes, after, MOST_PAGES)
    if not found:
        return None
    story = json.loads(found[-1]["story"])
    return {
        **{name: story[name] for name in ("title", "genre", "language", "rating", "seed", "variant")},
        "page_number": found[-1]["number"],
        "premise": story["premise"] or MARK,
        "path": [{"text": f["choice"] or MARK, "kind": f["kind"]} for f in found if f["choice"] is not None],
        "way": [f["id"] for f in found if f["back"]],
        "pages": [json.loads(f["page"]) for f in found if f["page"] is not None],
    }


async def lock(page_id: int) -> Story | None:
    """Lock a page's story for the rest of the transaction and return it; None if it was deleted."""
    return await fetch_one(
        Story,
        f"SELECT {columns(Story, 's')} FROM stories s JOIN pages p ON p.story_id = s.id WHERE p.id = $1 "
        "FOR UPDATE OF s",
        page_id,
    )


async def lock_story(story_id: int) -> None:
    """Lock a story for the rest of the transaction."""
    await rows("SELECT id FROM stories WHERE id = $1 FOR UPDATE", story_id)


async def page_before(page: Page) -> int | None:
    """Return the page to which the story returns from an abandoned one; None if there is no other page."""
    # A retry goes back to the previous variant, which is the only way back from a first page.
    variant = await row(
        "SELECT id FROM pages WHERE story_id = $1 AND choice_id IS NOT DISTINCT FROM $2 AND state = 'ready' "
        "ORDER BY variant_index DESC LIMIT 1",
        page.story_id, page.choice_id,
    )  # fmt: skip
    return page.parent_id if variant is None else variant["id"]


def _in_story(found: dict[str, Any] | None) -> PageInStory | None:
    if found is None:
        return None
    choices = json.loads(found["choices"] or "[]")
    return _from_json(Story, found["story"]), _from_json(Page, found["page"]), [build(Choice, c) for c in choices]


def _from_json(kind: Any, text: str) -> Any:
    return build(kind, json.loads(text))
