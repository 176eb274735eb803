"""A story's plot as of a page: its outline, threads, and characters with their state and place."""

from dataclasses import dataclass
from typing import Any, Final

from db.connection import jsonb, row, rows
from db.records import Json, columns, fetch_one

_LATEST: Final = """
WITH RECURSIVE up AS (
    SELECT id, parent_id, EXISTS (SELECT FROM plots o WHERE o.page_id = p.id) AS found FROM pages p WHERE id = $1
    UNION ALL
    SELECT p.id, p.parent_id, EXISTS (SELECT FROM plots o WHERE o.page_id = p.id)
    FROM up JOIN pages p ON p.id = up.parent_id WHERE NOT up.found)
SELECT %s FROM plots WHERE page_id = (SELECT id FROM up WHERE found)"""


@dataclass(frozen=True, slots=True)
class Plot:
    """The notes as of ``page_id``; ``content`` has the fields ``outline``, ``threads`` and ``characters``."""

    id: int
    memory_id: int
    page_id: int
    content: Json[dict[str, Any]]
    version: str


async def latest(page_id: int) -> Plot | None:
    """Return the last notes on the way to a page, itself included; None if there are none."""
    return await fetch_one(Plot, _LATEST % columns(Plot), page_id)


async def before(page_id: int) -> Plot | None:
    """Return the last notes on the way to a page, those as of the page itself left out."""
    parent = await row("SELECT parent_id FROM pages WHERE id = $1", page_id)
    return None if parent is None or parent["parent_id"] is None else await latest(parent["parent_id"])


async def put(memory_id: int, page_id: int, content: dict[str, Any], version: str) -> None:
    """Store the notes as of a page, in place of those that are there."""
    await rows(
        "INSERT INTO plots (memory_id, page_id, content, version) VALUES ($1, $2, $3::jsonb, $4) "
        "ON CONFLICT (page_id) DO UPDATE SET content = excluded.content, version = excluded.version",
        memory_id, page_id, jsonb(content), version,
    )  # fmt: skip
