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
LAST_CHOICES: Final = 64
"""Of the choices on the way at least so many are read, the last."""
# One row: a row for each page of a long way costs more than walking it. Texts are read of the last pages only.
_INPUTS: Final = """
WITH RECURSIVE up AS (
    SELECT id, parent_id, choice_id, number, 0 AS back FROM pages WHERE id = $1
    UNION ALL SELECT p.id, p.parent_id, p.choice_id, p.number, up.back + 1 FROM up JOIN pages p ON p.id = up.parent_id),
sized AS (
    SELECT up.id, up.number, up.back, sum(octet_length(p.text)) OVER (ORDER BY up.back) AS bytes
    FROM up JOIN pages p ON p.id = up.id WHERE up.back BETWEEN 1 AND $4),
told AS (SELECT * FROM sized WHERE bytes <= $2 OR (bytes <= 4 * $2 AND number > $3))
SELECT p.number, to_jsonb(s) || jsonb_build_object('variant', p.variant_index) AS story,
    (SELECT array_agg(id ORDER BY back DESC) FROM up WHERE back > 0) AS way,
    (SELECT jsonb_agg(jsonb_build_object('text', c.text, 'kind', c.kind) ORDER BY up.back DESC)
        FROM up JOIN choices c ON c.id = up.choice_id
        WHERE up.back < greatest($5::bigint, (SELECT count(*) FROM told))) AS path,
    (SELECT jsonb_agg(jsonb_build_object('id', t.id, 'title', t.title, 'text', t.text) ORDER BY told.back DESC)
        FROM told JOIN pages t ON t.id = told.id) AS pages
FROM pages p JOIN stories s ON s.id = p.story_id WHERE p.id = $1"""

PageInStory = tuple[Story, Page, list[Choice]]


async def page(account_id: int | None, page_id: int) -> PageInStory | None:
    """Return a page of an account with its story and its choices in order; None if there is none."""
    return _in_story(await row(_PAGE + "p.id = $1 AND s.account_id = $2", page_id, account_id))


async def current(account_id: int | None, story_id: int) -> PageInStory | None:
    """Return a story of an account with its current page and that page's choices; None if there is none."""
    return _in_story(await row(_PAGE + "p.id = s.cursor_id AND s.id = $1 AND s.account_id = $2", story_id, account_id))


async def page_inputs(page_id: int, most_bytes: int = 50_000, after: int = 0) -> dict[str, Any] | None:
    """Return what is needed to write a page, as plain data: the story and the path to it. None if it is gone.

    ``pages`` are the last pages before this one: as many as have ``most_bytes`` together, and four times as much of
    those with numbers above ``after``, which no summary stands for; at most `MOST_PAGES`. ``path`` has the choices at
    their ends, and at least the `LAST_CHOICES` last, ``before`` is the number of those before. ``way`` are the ids of
    all pages before this one, oldest first.
    """
    found = await row(_INPUTS, page_id, most_bytes, after, MOST_PAGES, LAST_CHOICES)
    if found is None:
        return None
    story = json.loads(found["story"])
    path = json.loads(found["path"] or "[]")
    way: list[int] = found["way"] or []
    return {
        **{name: story[name] for name in ("title", "genre", "language", "rating", "seed", "variant")},
        "page_number": found["number"],
        "premise": story["premise"] or MARK,
        "path": [{**each, "text": each["text"] or MARK} for each in path],
        "before": max(0, len(way) - len(path)),
        "way": way,
        "pages": json.loads(found["pages"] or "[]"),
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
