"""Owners and texts of the tables of pictures; `db.privacy` has those of all others."""

from typing import Final

from db.schemas import Quotes, Retention, TableRule, texts

_DESCRIBED: Final = ("prompt", "negative", "alt", "typed")


def _drawn_from(those: str) -> str:
    """SQL: a picture is one of ``those``, or was drawn from one of them."""
    return (
        f"id IN (WITH RECURSIVE drawn AS (SELECT id FROM pictures WHERE {those} "
        "UNION SELECT p.id FROM pictures p JOIN drawn d ON p.source_id = d.id) SELECT id FROM drawn)"
    )


PICTURE_TABLES: Final = (
    # A portrait, and what was drawn again from one, holds the persona's description: it is deleted with the persona, as
    # are the jobs that drew it. What somebody described in their own words, from a portrait or not, stays with them.
    TableRule(
        "pictures",
        owner=("account_id",),
        # Attached files that were never redrawn, or whose redrawn pictures are all deleted.
        retention=Retention(
            1,
            "created_at",
            "kind = 'attached' AND (SELECT true FROM pictures p WHERE p.source_id = pictures.id LIMIT 1) IS NULL",
        ),
        texts=texts(
            words="prompt negative alt lora typed", settings="kind style size quality rating engine model prompt_source"
        ),
        author="user_id",
        # Whoever has a picture drawn again takes over its description.
        quotes=(
            Quotes("picture", _drawn_from("source_id = $1"), _DESCRIBED),
            Quotes("story", "page_id IN (SELECT id FROM pages WHERE story_id = $1)", _DESCRIBED),
            Quotes("conversation", _drawn_from("conversation_id = $1 AND kind = 'moment'"), _DESCRIBED),
        ),
    ),
    TableRule("picture_files", owner=("picture_id",), texts=texts(words="data", settings="form mime")),
)
