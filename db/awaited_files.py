"""Events that wait for a file: accepted with the platform's id of the file, handled when it has been fetched.

Whoever fetches a file holds its row under a lease. One file at a time per conversation, in order, and one at a time per
person and platform: nobody takes all the places for downloads by having many conversations.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from db.connection import jsonb, lock_name, row, rows
from db.errors import LeaseLost, LimitReached
from db.records import Json, columns, fetch

LEASE_SECONDS: Final = 10.0
PER_PERSON: Final = 5
"""Files of one person that may wait on a platform."""
_PERSON: Final = "%s.event -> 'user' ->> 'external_id'"
_DUE: Final = """%(f)s.not_before <= now() AND (%(f)s.lease_expires IS NULL OR %(f)s.lease_expires < now())
    AND NOT EXISTS (SELECT FROM awaited_files e WHERE e.conversation_id = %(f)s.conversation_id AND e.id < %(f)s.id)"""
_CLAIM: Final = f"""
UPDATE awaited_files SET attempts = least(attempts + 1, 1000), lease_token = gen_random_uuid(),
    lease_expires = now() + make_interval(secs => $3)
WHERE id IN (
    SELECT f.id FROM awaited_files f WHERE f.platform = $1 AND {_DUE % {"f": "f"}}
    AND NOT EXISTS (
        SELECT FROM awaited_files o
        WHERE o.platform = f.platform AND ({_PERSON % "o"}) = ({_PERSON % "f"}) AND o.id <> f.id
        AND (o.lease_expires >= now() OR o.id < f.id AND {_DUE % {"f": "o"}}))
    ORDER BY f.id LIMIT $2 FOR UPDATE SKIP LOCKED)"""


@dataclass(frozen=True, slots=True)
class AwaitedFile:
    """An event that waits for its file, and who fetches it.

    ``stored`` is the value of the command's parameter if the file is stored already. ``attempts`` counts from 1.
    """

    id: int
    event_key: str
    event: Json[dict[str, Any]]
    stored: str
    attempts: int
    lease_token: UUID


async def add(event_key: str, event: dict[str, Any], *, platform: str, account_id: int, conversation_id: int) -> None:
    """Let an event wait for its file. Call it in the transaction that records the event.

    Raises `LimitReached` if too many of the person's wait already.
    """
    person = str((event.get("user") or {}).get("external_id", ""))
    await lock_name(f"awaited_files:{platform}:{person}")
    waiting = await row(
        "SELECT count(*) AS n FROM awaited_files f "
        f"WHERE f.platform = $1 AND ({_PERSON % 'f'}) = $2 AND f.event_key <> $3",
        platform, person, event_key,
    )  # fmt: skip
    if waiting is not None and waiting["n"] >= PER_PERSON:
        raise LimitReached("limits.open_uploads", limit=PER_PERSON)
    await rows(
        "INSERT INTO awaited_files (event_key, platform, account_id, conversation_id, event) "
        "VALUES ($1, $2, $3, $4, $5::jsonb) ON CONFLICT (event_key) DO NOTHING",
        event_key, platform, account_id, conversation_id, jsonb(event),
    )  # fmt: skip


async def holds_text_of(conversation_id: int, user: str) -> bool:
    """Return whether a message of a person, by the platform's id, waits in a conversation for its file."""
    found = await row(
        "SELECT id FROM awaited_files WHERE conversation_id = $1 AND event->'payload'->>'type' = 'said' "
        "AND event->'user'->>'external_id' = $2 LIMIT 1",
        conversation_id, user,
    )  # fmt: skip
    return found is not None


async def claim(platform: str, limit: int) -> list[AwaitedFile]:
    """Claim the files of a platform that are due, up to ``limit``: the oldest of each conversation and person.

    Of somebody whose file is being fetched, none.
    """
    return await fetch(AwaitedFile, f"{_CLAIM} RETURNING {columns(AwaitedFile)}", platform, limit, LEASE_SECONDS)


async def renew(file_id: int, token: UUID) -> None:
    """Extend a lease. Raises `LeaseLost`."""
    await _change(file_id, token, "lease_expires = now() + make_interval(secs => $3)", LEASE_SECONDS)


async def note_stored(file_id: int, token: UUID, value: str) -> None:
    """Record that the file is stored. Raises `LeaseLost`."""
    await _change(file_id, token, "stored = $3", value)


async def retry(file_id: int, token: UUID, delay: float, *, counts: bool = True) -> None:
    """Leave a file to be fetched after ``delay`` seconds. Raises `LeaseLost`.

    Without ``counts`` this attempt is not counted: the platform was away.
    """
    counted = "attempts" if counts else "attempts - 1"
    change = f"attempts = {counted}, lease_token = NULL, lease_expires = NULL, "
    await _change(file_id, token, change + "not_before = now() + make_interval(secs => $3)", delay)


async def finish(file_id: int, token: UUID) -> bool:
    """End the wait, in the transaction that handles the event; False if another process holds it or has done so."""
    found = await row("DELETE FROM awaited_files WHERE id = $1 AND lease_token = $2 RETURNING id", file_id, token)
    return found is not None


async def _change(file_id: int, token: UUID, change: str, value: Any) -> None:
    found = await row(
        f"UPDATE awaited_files SET {change} WHERE id = $1 AND lease_token = $2 RETURNING id", file_id, token, value
    )
    if found is None:
        raise LeaseLost(f"awaited file {file_id}")
