"""Galleries: the pictures of a person, a story or a persona, leafed through one by one, the newest first.

A gallery holds what the person has had drawn in the account, and what others have had drawn in the conversation that
they look from, where everybody has seen it; nothing beyond what may be shown there, and no uploads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from db.records import fetch_one

Shelf = Literal["mine", "story", "who"]
"""Whose pictures: the person's, those of a story's pages, those with a persona in them."""
_SHELVES: Final[dict[Shelf, str]] = {
    "mine": "p.user_id = $2 AND $4::bigint IS NOT NULL",
    "story": "p.page_id IN (SELECT id FROM pages WHERE story_id = $4)",
    "who": "p.persona_id = $4",
}


@dataclass(frozen=True, slots=True)
class Gallery:
    """Whose pictures (``of``: the story or the persona), who looks, where, and the ratings that may be shown there."""

    shelf: Shelf
    of: int
    account_id: int
    user_id: int
    conversation_id: int
    ratings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Hung:
    """A picture in a gallery of ``count``: its number, from 1, and its neighbours."""

    id: int
    number: int
    count: int
    newer: int | None
    older: int | None


async def at(gallery: Gallery, picture_id: int) -> Hung | None:
    """Return a picture of a gallery; the next older one if it is gone, else the newest; None if there are none."""
    return await fetch_one(
        Hung,
        "WITH hung AS (SELECT p.id, row_number() OVER newest AS number, count(*) OVER () AS count, "
        "lag(p.id) OVER newest AS newer, lead(p.id) OVER newest AS older FROM pictures p "
        "WHERE p.account_id = $1 AND p.kind <> 'attached' AND p.rating = ANY($5::text[]) "
        f"AND (p.user_id = $2 OR p.conversation_id = $3) AND {_SHELVES[gallery.shelf]} "
        "WINDOW newest AS (ORDER BY p.id DESC)) "
        "SELECT id, number, count, newer, older FROM hung ORDER BY id <= $6 DESC, id DESC LIMIT 1",
        gallery.account_id, gallery.user_id, gallery.conversation_id, gallery.of, list(gallery.ratings), picture_id,
    )  # fmt: skip
