"""What people think of what was written: one thumb, up or down, of each person for each page or reply."""

from typing import Final, Literal

from db.connection import row
from db.errors import NotFound

VotedText = Literal["page", "reply"]
_COLUMNS: Final[dict[VotedText, str]] = {"page": "page_id", "reply": "message_id"}
_FOUND: Final[dict[VotedText, str]] = {
    "page": "SELECT p.id FROM pages p JOIN stories s ON s.id = p.story_id "
    "WHERE p.id = $1 AND s.account_id = $2 AND p.state = 'ready'",
    "reply": "SELECT m.id FROM chat_messages m JOIN conversations c ON c.id = m.conversation_id "
    "WHERE m.id = $1 AND c.account_id = $2 AND m.role = 'persona' AND m.state = 'ready'",
}
"""SQL: a text ``$1`` of the account ``$2``."""


async def vote(account_id: int, user_id: int, text: VotedText, text_id: int, *, up: bool) -> None:
    """Record a person's vote on a page or reply of an account; a later one replaces it. Raises `NotFound`."""
    column = _COLUMNS[text]
    voted = await row(
        f"INSERT INTO votes (user_id, {column}, up) SELECT $3, id, $4 FROM ({_FOUND[text]}) found "
        f"ON CONFLICT ({column}, user_id) WHERE {column} IS NOT NULL "
        "DO UPDATE SET up = excluded.up, voted_at = now() RETURNING id",
        text_id, account_id, user_id, up,
    )  # fmt: skip
    if voted is None:
        raise NotFound("vote.unknown")
