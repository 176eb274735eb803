"""Drafts: the form that a person is being asked field by field, one for each person in a conversation.

`db.people.resolve` reads it with the person.
"""

from typing import Any

from db.connection import jsonb, rows


async def keep(conversation_id: int, user_id: int, content: dict[str, Any]) -> None:
    """Save a person's draft, replacing an earlier one."""
    await rows(
        "INSERT INTO drafts (conversation_id, user_id, content) VALUES ($1, $2, $3::jsonb) "
        "ON CONFLICT (conversation_id, user_id) DO UPDATE SET content = excluded.content, created_at = now()",
        conversation_id, user_id, jsonb(content),
    )  # fmt: skip


async def drop(conversation_id: int, user_id: int) -> None:
    """Drop a person's draft, if there is one."""
    await rows("DELETE FROM drafts WHERE conversation_id = $1 AND user_id = $2", conversation_id, user_id)
