"""A group that goes on under another id: what is stored for it follows, in one transaction."""

from typing import Final

from db import access
from db.connection import row, rows
from db.merging import Merger

_OPEN_JOBS: Final = "('queued', 'running', 'waiting')"
_OPEN_MESSAGES: Final = "('pending', 'sending')"


async def move_group(platform: str, old: str, new: str) -> None:
    """Move a group's account and conversations to the chat id ``new``. Call it in a transaction; safe to repeat.

    What was stored under ``new`` before the move was known joins the older rows; where both have a setting, an
    override or a pending form, the older one stays.
    """
    account = await _account(platform, old)
    if account is not None:
        merger = await Merger.read()
        if (younger := await _account(platform, new)) is not None:
            await merger.join_accounts(account, younger)
        await rows("UPDATE accounts SET external_id = $2 WHERE id = $1", account, new)
        await _move_anonymous(merger, platform, old, new)
        await _move_conversations(merger, platform, old, new)
    await access.follow(platform, old, new)
    await _redirect(platform, old, new)


async def _account(platform: str, key: str) -> int | None:
    found = await row(
        "SELECT id FROM accounts WHERE platform = $1 AND kind = 'group' AND external_id = $2 FOR UPDATE", platform, key
    )
    return None if found is None else found["id"]


async def _move_anonymous(merger: Merger, platform: str, old: str, new: str) -> None:
    """Move the identity for which the group's anonymous administrators act, and its person."""
    sql = "SELECT id FROM users WHERE platform = $1 AND external_id = $2 FOR UPDATE"
    found, younger = await row(sql, platform, old), await row(sql, platform, new)
    if found is None:
        return
    if younger is not None:
        await rows("DELETE FROM identities WHERE platform = $1 AND external_id = $2", platform, new)
        await merger.join_users(found["id"], younger["id"])
    for table in ("users", "identities"):
        await rows(f"UPDATE {table} SET external_id = $3 WHERE platform = $1 AND external_id = $2", platform, old, new)


async def _move_conversations(merger: Merger, platform: str, old: str, new: str) -> None:
    found = await rows(
        "SELECT o.id AS kept, y.id AS gone FROM conversations o LEFT JOIN conversations y "
        "ON y.platform = o.platform AND y.chat_id = $3 AND y.thread_id = o.thread_id "
        "WHERE o.platform = $1 AND o.chat_id = $2 FOR UPDATE OF o",
        platform, old, new,
    )  # fmt: skip
    for pair in found:
        if pair["gone"] is not None:
            await merger.join_conversations(pair["kept"], pair["gone"])
        await rows("UPDATE conversations SET chat_id = $2 WHERE id = $1", pair["kept"], new)


async def _redirect(platform: str, old: str, new: str) -> None:
    """Send what is still to be answered to the new place, where the old messages' ids mean nothing."""
    change = (
        "destination = (destination - 'reply_to' - 'pressed_message') || jsonb_build_object('chat_id', $3::text) || "
        "CASE destination ->> 'user_id' WHEN $2 THEN jsonb_build_object('user_id', $3::text) ELSE '{}' END"
    )
    await rows(
        f"UPDATE outbox SET {change} WHERE platform = $1 AND state IN {_OPEN_MESSAGES} "
        "AND destination ->> 'chat_id' = $2",
        platform, old, new,
    )  # fmt: skip
    await rows(
        f"UPDATE jobs j SET {change} FROM conversations c WHERE c.id = j.conversation_id AND c.platform = $1 "
        f"AND c.chat_id = $3 AND j.state IN {_OPEN_JOBS} AND j.destination ->> 'chat_id' = $2",
        platform, old, new,
    )  # fmt: skip
