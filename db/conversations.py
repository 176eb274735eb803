"""Conversations: chats and threads, and what is open in them."""

from dataclasses import dataclass
from typing import Final

from db.connection import rows
from db.records import columns, fetch

DEFAULT_MODE: Final = "chat"
"""The mode of a conversation in which nothing was opened."""
WATCHED: Final = 500
"""Chats that are caught up after a restart: each costs at least one request to the platform."""
WATCHED_DAYS: Final = 30
"""A chat in which nobody wrote or opened anything for this long is not caught up."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat, or a thread of one. ``mode`` says where plain text goes (bot.routes); ``epoch`` counts chat resets.

    ``welcomed``: the first screen was shown, or was not needed.
    """

    id: int
    account_id: int
    platform: str
    chat_id: str
    thread_id: str
    kind: str
    mode: str
    story_id: int | None
    persona_id: int | None
    epoch: int
    last_said: str
    welcomed: bool


async def open_thread(conversation_id: int, chat_id: str, page_id: int) -> None:
    """Record the thread in which the story of a page continues; does nothing if the page is gone."""
    await rows(
        "INSERT INTO conversations (account_id, platform, chat_id, kind, mode, story_id) "
        "SELECT c.account_id, c.platform, $2, 'thread', 'story', s.id FROM conversations c "
        "JOIN stories s ON s.account_id = c.account_id JOIN pages p ON p.story_id = s.id WHERE c.id = $1 AND p.id = $3 "
        "ON CONFLICT (platform, chat_id, thread_id) DO UPDATE SET mode = 'story', story_id = excluded.story_id, "
        "active_at = now()",
        conversation_id, chat_id, page_id,
    )  # fmt: skip


async def set_mode(conversation_id: int, mode: str) -> None:
    """Route the plain text of a conversation to a mode, until a story or a persona is opened there."""
    await rows("UPDATE conversations SET mode = $2, active_at = now() WHERE id = $1", conversation_id, mode)


async def note_said(conversation_id: int, event_id: str) -> None:
    """Record the last plain text that was committed from a conversation, for catching up after a restart."""
    await rows("UPDATE conversations SET last_said = $2, active_at = now() WHERE id = $1", conversation_id, event_id)


async def note_welcomed(conversation_id: int) -> None:
    """Record that the people of a conversation need no welcome any more."""
    await rows("UPDATE conversations SET welcomed = true WHERE id = $1", conversation_id)


async def watched(platform: str) -> list[Conversation]:
    """Return the conversations to catch up after a restart: DMs, and threads with a story, the last active first."""
    return await fetch(
        Conversation,
        f"SELECT {columns(Conversation)} FROM conversations WHERE platform = $1 "
        "AND (kind = 'dm' OR (kind = 'thread' AND story_id IS NOT NULL)) "
        "AND left_at IS NULL AND active_at > now() - make_interval(days => $2) ORDER BY active_at DESC LIMIT $3",
        platform, WATCHED_DAYS, WATCHED,
    )  # fmt: skip
