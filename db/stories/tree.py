"""The tree of pages: reading it, and the lock that every change takes first."""

import json
from typing import Any, Final

from db.connection import row, rows
from db.records import build, columns, fetch_one
from db.stories.records import Choice, Page, PathStep, Story

_PAGE: Final = """
SELECT to_jsonb(s) AS story, to_jsonb(p) AS page,
    (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.position) FROM choices c WHERE c.page_id = p.id) AS choices
FROM pages p JOIN stories s ON s.id = p.story_id WHERE """
_PATH: Final = """
WITH RECURSIVE up AS (
    SELECT id, parent_id, choice_id FROM pages WHERE id = $1
    UNION ALL SELECT p.id, p.parent_id, p.choice_id FROM pages p JOIN up ON p.id = up.parent_id)
SELECT to_jsonb(p) AS page, to_jsonb(c) AS choice, to_jsonb(s) AS story
FROM up JOIN pages p ON p.id = up.id JOIN stories s ON s.id = p.story_id LEFT JOIN choices c ON c.id = up.choice_id
ORDER BY p.number"""

PageInStory = tuple[Story, Page, list[Choice]]


async def page(account_id: int | None, page_id: int) -> PageInStory | None:
    """Return a page of an account with its story and its choices in order; None if there is none."""
    return _in_story(await row(_PAGE + "p.id = $1 AND s.account_id = $2", page_id, account_id))


async def current(account_id: int | None, story_id: int) -> PageInStory | None:
    """Return a story of an account with its current page and that page's choices; None if there is none."""
    return _in_story(await row(_PAGE + "p.id = s.cursor_id AND s.id = $1 AND s.account_id = $2", story_id, account_id))


async def path(page_id: int) -> list[PathStep]:
    """Return the pages from the first to this one, each with the choice that led to it."""
    return [_step(found) for found in await rows(_PATH, page_id)]


async def page_inputs(page_id: int) -> dict[str, Any] | None:
    """Return what is needed to write a page, as plain data: the story and the path to it. None if it is gone."""
    found = await rows(_PATH, page_id)
    if not found:
        return None
    story, steps = _from_json(Story, found[0]["story"]), [_step(f) for f in found]
    last = steps[-1].page
    return {
        "title": story.title,
        "premise": story.premise,
        "genre": story.genre,
        "language": story.language,
        "rating": story.rating,
        "seed": story.seed,
        "variant": last.variant_index,
        "page_number": last.number,
        "path": [{"text": s.choice.text, "kind": s.choice.kind} for s in steps if s.choice is not None],
        "pages": [{"title": s.page.title, "text": s.page.text} for s in steps[:-1]],
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


def _step(found: dict[str, Any]) -> PathStep:
    choice = None if found["choice"] is None else _from_json(Choice, found["choice"])
    return PathStep(_from_json(Page, found["page"]), choice)


def _from_json(kind: Any, text: str) -> Any:
    return build(kind, json.loads(text))
