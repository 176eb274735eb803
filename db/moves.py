"""A group that goes on under another id: what is stored for it follows, in one transaction."""

from typing import Final

from tortoise.connection import get_connection

from db import access
from db.connection import row, rows
from db.ownership import ACCOUNTS, Catalogue, read_catalogue
from db.schemas import quoted

_CONVERSATIONS: Final = "public.conversations"
_OPEN_JOBS: Final = "('queued', 'running', 'waiting')"
_OPEN_MESSAGES: Final = "('pending', 'sending')"


async def move_group(platform: str, old: str, new: str) -> None:
    """Move a group's account and conversations to the chat id ``new``. Call it in a transaction; safe to repeat.

    What was stored under ``new`` before the move was known joins the older rows; where both have a setting, an
    override or a pending form, the older one stays.
    """
    account = await _account(platform, old)
    if account is not None:
        async with get_connection("default").acquire_connection() as connection:
            catalogue = await read_catalogue(connection)
        if (younger := await _account(platform, new)) is not None:
            await _join_accounts(catalogue, account, younger)
        await rows("UPDATE accounts SET external_id = $2 WHERE id = $1", account, new)
        await _move_conversations(catalogue, platform, old, new)
    await access.follow(platform, old, new)
    await _redirect(platform, old, new)


async def _account(platform: str, key: str) -> int | None:
    found = await row(
        "SELECT id FROM accounts WHERE platform = $1 AND kind = 'group' AND external_id = $2 FOR UPDATE", platform, key
    )
    return None if found is None else found["id"]


async def _join_accounts(catalogue: Catalogue, kept: int, gone: int) -> None:
    await rows(
        "DELETE FROM prompt_overrides y USING prompt_overrides o WHERE y.account_id = $2 AND o.account_id = $1 "
        "AND coalesce(o.persona_id, 0) = coalesce(y.persona_id, 0) AND o.name = y.name",
        kept, gone,
    )  # fmt: skip
    await rows(
        "UPDATE personas y SET key = y.key || '-' || y.id FROM personas o WHERE y.account_id = $2 "
        "AND o.account_id = $1 AND o.key = y.key",
        kept, gone,
    )  # fmt: skip
    await _refer(catalogue, ACCOUNTS, kept, gone)
    await rows("DELETE FROM accounts WHERE id = $1", gone)


async def _move_conversations(catalogue: Catalogue, platform: str, old: str, new: str) -> None:
    found = await rows(
        "SELECT o.id AS kept, y.id AS gone FROM conversations o LEFT JOIN conversations y "
        "ON y.platform = o.platform AND y.chat_id = $3 AND y.thread_id = o.thread_id "
        "WHERE o.platform = $1 AND o.chat_id = $2 FOR UPDATE OF o",
        platform, old, new,
    )  # fmt: skip
    for pair in found:
        if pair["gone"] is not None:
            await rows(
                "DELETE FROM drafts y USING drafts o WHERE y.conversation_id = $2 AND o.conversation_id = $1 "
                "AND o.user_id = y.user_id",
                pair["kept"], pair["gone"],
            )  # fmt: skip
            await _refer(catalogue, _CONVERSATIONS, pair["kept"], pair["gone"])
            await rows("DELETE FROM conversations WHERE id = $1", pair["gone"])
        await rows("UPDATE conversations SET chat_id = $2 WHERE id = $1", pair["kept"], new)


async def _refer(catalogue: Catalogue, table: str, kept: int, gone: int) -> None:
    """Let everything that refers to the row ``gone`` of a table refer to the row ``kept``."""
    for key in catalogue.keys:
        if key.link.table == table and len(key.link.columns) == 1:
            (column,) = key.link.columns
            await rows(f'UPDATE {quoted(key.table)} SET "{column}" = $1 WHERE "{column}" = $2', kept, gone)


async def _redirect(platform: str, old: str, new: str) -> None:
    """Send what is still to be answered to the new place, where the old messages' ids mean nothing."""
    change = "destination = (destination - 'reply_to' - 'pressed_message') || jsonb_build_object('chat_id', $3::text)"
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
