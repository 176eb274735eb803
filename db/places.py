"""Places that the bot was removed from, and private chats in which it was blocked: nothing is sent there."""

from collections.abc import Sequence
from typing import Final

from db import audit, channels
from db.connection import row, rows

REMOVED: Final = "the bot was removed from there"
"""Why what was still to be sent is a dead letter."""


async def leave(conversation_id: int, user_id: int | None = None, *, private: bool) -> bool:
    """Record that the bot was removed from a conversation's place, or blocked in a private chat; False if known.

    ``private``: a private chat is meant, which an answer to something asked in a group may go to. What is still to be
    sent there becomes a dead letter. ``user_id`` is who did it, if known. Call it in a transaction.
    """
    place = await row(
        "UPDATE accounts a SET left_at = now(), present_at = NULL FROM conversations c WHERE c.id = $1 "
        "AND a.id = c.account_id AND c.kind <> 'dm' AND NOT $2::boolean AND a.left_at IS NULL RETURNING a.id",
        conversation_id, private,
    )  # fmt: skip
    if place is not None:
        await _left(place["id"], user_id)
        return True
    chat = await row(
        "UPDATE conversations SET left_at = now() WHERE id = $1 AND kind = 'dm' AND $2::boolean AND left_at IS NULL "
        "RETURNING id, account_id",
        conversation_id, private,
    )  # fmt: skip
    if chat is None:
        return False
    await _drop("c.id = $1", chat["id"])
    await audit.note("bot_blocked", account_id=chat["account_id"], user_id=user_id)
    return True


async def name_of(conversation_id: int) -> str:
    """Return the name of the guild or group that a conversation is in; empty if it is private or without a name."""
    found = await row(
        "SELECT a.name FROM conversations c JOIN accounts a ON a.id = c.account_id "
        "WHERE c.id = $1 AND a.kind IN ('guild', 'group')",
        conversation_id,
    )
    return "" if found is None else found["name"]


async def back(conversation_id: int, user_id: int | None = None) -> None:
    """Record that the bot is in a conversation's place again."""
    found = await row(
        "WITH chat AS (UPDATE conversations SET left_at = NULL WHERE id = $1 AND left_at IS NOT NULL RETURNING id), "
        "place AS (UPDATE accounts a SET left_at = NULL FROM conversations c WHERE c.id = $1 AND a.id = c.account_id "
        "AND a.left_at IS NOT NULL RETURNING a.id) "
        "SELECT c.account_id FROM conversations c WHERE c.id = $1 AND (EXISTS (SELECT FROM chat) "
        "OR EXISTS (SELECT FROM place))",
        conversation_id,
    )
    if found is not None:
        await audit.note("bot_added", account_id=found["account_id"], user_id=user_id)


async def record(platform: str, present: Sequence[str]) -> list[str]:
    """Record the guilds, by the platform's ids, in which the bot is now, whatever was noted before.

    Returns those in which it was and that are missing now. Call it in a transaction.
    """
    again = await rows(
        "UPDATE accounts SET left_at = NULL, present_at = now() WHERE platform = $1 AND kind = 'guild' "
        "AND external_id = ANY ($2::text[]) AND left_at IS NOT NULL AND closed_at IS NULL RETURNING id",
        platform, list(present),
    )  # fmt: skip
    for account in again:
        await audit.note("bot_added", account_id=account["id"])
    await rows(
        "UPDATE accounts SET present_at = now() WHERE platform = $1 AND kind = 'guild' "
        "AND external_id = ANY ($2::text[]) AND present_at IS NULL AND closed_at IS NULL",
        platform, list(present),
    )  # fmt: skip
    missing = await rows(
        "SELECT external_id FROM accounts WHERE platform = $1 AND kind = 'guild' AND present_at IS NOT NULL "
        "AND left_at IS NULL AND closed_at IS NULL AND external_id <> ALL ($2::text[]) ORDER BY id",
        platform, list(present),
    )  # fmt: skip
    return [each["external_id"] for each in missing]


async def leave_place(platform: str, external_id: str) -> bool:
    """Record that the bot is not in a guild or group any more; False if that is known. Call it in a transaction."""
    place = await row(
        "UPDATE accounts SET left_at = now(), present_at = NULL WHERE platform = $1 AND external_id = $2 "
        "AND kind IN ('guild', 'group') AND left_at IS NULL AND closed_at IS NULL RETURNING id",
        platform, external_id,
    )  # fmt: skip
    if place is not None:
        await _left(place["id"], None)
    return place is not None


async def _left(account_id: int, user_id: int | None) -> None:
    await _drop("c.account_id = $1", account_id)
    await channels.end_listening(account_id)
    await audit.note("bot_removed", account_id=account_id, user_id=user_id)


async def _drop(whose: str, id_: int) -> None:
    await rows(
        "UPDATE outbox o SET state = 'dead', error = $2 FROM conversations c WHERE c.id = o.conversation_id "
        f"AND {whose} AND o.state = 'pending' AND NOT (o.destination ->> 'kind' = 'dm' AND c.kind <> 'dm')",
        id_, REMOVED,
    )  # fmt: skip
