"""Updates of a platform that are kept, in the platform's own form, until they are committed as events.

A platform that counts up (Telegram's offset) can only be told that *all* updates so far are safe. An update whose chat
is slow is therefore kept here first. A row that is read twice does no harm: its events are in the inbox.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from db.connection import ids, jsonb, row, rows


@dataclass(frozen=True, slots=True)
class KeptUpdate:
    """A kept update and its id."""

    id: int
    content: dict[str, Any]


async def keep(platform: str, updates: Sequence[tuple[str, dict[str, Any]]]) -> list[int]:
    """Keep updates, each with its chat, and return their ids in the same order. Raises `Outage`."""
    # ASCII: NUL and lone surrogates stay escapes, which a text column takes.
    given = [{"chat": chat, "content": json.dumps(content)} for chat, content in updates]
    found = await rows(
        "INSERT INTO late_updates (platform, chat_id, content) SELECT $1, u ->> 'chat', u ->> 'content' "
        "FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS g (u, place) ORDER BY place RETURNING id",
        platform, jsonb(given),
    )  # fmt: skip
    return sorted(ids(found))


async def chats(platform: str, older_s: float = 0.0) -> list[str]:
    """Return the chats with updates that have been kept for at least ``older_s`` seconds, the oldest first."""
    found = await rows(
        "SELECT chat_id FROM late_updates WHERE platform = $1 AND created_at <= now() - make_interval(secs => $2) "
        "GROUP BY chat_id ORDER BY min(id)",
        platform, older_s,
    )  # fmt: skip
    return [r["chat_id"] for r in found]


async def oldest(platform: str, chat_id: str, limit: int, without: Sequence[int] = ()) -> list[KeptUpdate]:
    """Return the oldest updates kept for a chat, but for those ``without``."""
    found = await rows(
        "SELECT id, content FROM late_updates WHERE platform = $1 AND chat_id = $2 AND id <> ALL ($4::bigint[]) "
        "ORDER BY id LIMIT $3",
        platform, chat_id, limit, list(without),
    )  # fmt: skip
    return [KeptUpdate(r["id"], json.loads(r["content"])) for r in found]


async def count_failure(update_id: int) -> int:
    """Count a failure to commit an update while the database is well; returns how many there were."""
    found = await row(
        "UPDATE late_updates SET failures = least(failures + 1, 1000) WHERE id = $1 RETURNING failures", update_id
    )
    return 0 if found is None else found["failures"]


async def forget(update_ids: Sequence[int]) -> None:
    """Delete updates that are committed."""
    await rows("DELETE FROM late_updates WHERE id = ANY ($1::bigint[])", list(update_ids))
