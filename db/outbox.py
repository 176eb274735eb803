"""The outbox: the messages to send, their order, their lease holders, and the outcome.

A row is unique by event and part. Parts of one event: ``reply`` (the answer), ``placeholder`` (a message that shows
progress and becomes the answer), ``mark`` (a change of the pressed message), ``picture`` (of a page, which was the
answer), ``notice``. States: pending → sending (one holder, a lease) → sent or dead; a placeholder that the answer
overtook is superseded. The content of a row is a payload (`db.payloads`): a kind and ids, never texts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from db.connection import jsonb, row, rows
from db.errors import LeaseLost
from db.payloads.base import Payload
from db.records import Json, build, columns, fetch, fetch_one

LEASE_SECONDS: Final = 10.0
UNKNOWN_KIND_DAYS: Final = 1
"""A row of a kind or part that this release does not know is left to a newer process for this long."""
CHATS: Final = 200
"""Chats with open messages that one claim looks at; the next claim continues with the next ones."""
NEWEST: Final = 64
"""A claim also looks at so many of the newest rows: whoever asks now need not wait until their chat's turn comes."""
DUE: Final = 256
"""A claim looks at so many rows whose time has come: retries, placeholders, expired leases."""
ROUND_SECONDS: Final = 0.1
"""Pause between the claims of one round over the chats, if there are more than `CHATS`."""
HOLD_SECONDS: Final = 20
"""A finished answer waits this long at most for one that was asked for earlier in its chat and is being written."""
MESSAGES_SEARCHED: Final = 1000
"""A message is looked for among so many of the newest rows of its chat."""
COUNTED: Final = 1000
"""Rows are counted up to this number."""
REPLY: Final = "reply"
PLACEHOLDER: Final = "placeholder"
MARK: Final = "mark"
NOTICE: Final = "notice"
PICTURE: Final = "picture"


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message to send or to change. ``payload`` is the content, ``destination`` the place, as JSON.

    ``attempts`` counts all claims, ``failures`` those that ended in a defect of ours, not in a platform's trouble.
    ``account_id`` is the conversation's, ``language`` that of the person it goes to (empty: unknown). ``closed``: the
    bot was removed from there, or blocked.
    """

    id: int
    event_key: str
    part: str
    platform: str
    conversation_id: int
    account_id: int
    language: str
    closed: bool
    kind: str
    payload: Json[dict[str, Any]]
    destination: Json[dict[str, Any]]
    ordered: bool
    state: str
    attempts: int
    failures: int
    message_ids: Json[list[str]]
    error: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed row. ``placeholder`` is the platform's id of its event's placeholder message, or empty.

    ``age`` counts the seconds since it was added. ``edits`` are the ids of the messages that the row rewrites.
    """

    row: OutboxMessage
    token: UUID
    placeholder: str
    age: float
    edits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claims:
    """The claimed rows, and the seconds until the next of the rows that wait for their time is due (None: none does).

    ``resume``: where the next claim continues.
    """

    rows: list[Claimed]
    due_s: float | None
    resume: int = 0


@dataclass(frozen=True, slots=True)
class SentRow:
    """A row whose message was sent: its id (`add` can rewrite it), kind and payload."""

    id: int
    kind: str
    payload: Json[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation as a destination of messages."""

    platform: str
    destination: dict[str, Any]


_RELEASE: Final = "lease_token = NULL, lease_expires = NULL"
# The fields of payloads that may repeat what people wrote: titles, what they typed, previous values of a form, a line
# that was suggested to them once they have sent it.
_FORGET: Final = (
    "payload = CASE WHEN payload @> '{\"sent\": true}' THEN payload - 'text' ELSE payload END - 'values' - 'present'"
)
_OPEN: Final = "state IN ('pending', 'sending')"
_COLUMNS: Final = (
    columns(OutboxMessage, "o", without=("account_id", "language", "closed")) + ", c.account_id, "
    "coalesce((SELECT i.language FROM identities i WHERE i.platform = o.platform "
    "AND i.external_id = o.destination ->> 'user_id'), '') AS language, "
    # An answer of a group may go to a person's private chat instead.
    "(c.left_at IS NOT NULL OR (SELECT a.left_at FROM accounts a WHERE a.id = c.account_id) IS NOT NULL) "
    "AND NOT (o.destination ->> 'kind' = 'dm' AND c.kind <> 'dm') AS closed"
)
_KNOWN: Final = (
    f"(o.created_at < now() - make_interval(days => {UNKNOWN_KIND_DAYS}) OR $3::text[] IS NULL OR o.kind = ANY($3))"
)
_HEAD: Final = f"""SELECT o.conversation_id, o.id FROM outbox o
    WHERE o.platform = $1 AND o.ordered AND o.{_OPEN} AND o.conversation_id > %s
    ORDER BY o.conversation_id, o.asked_at, o.id LIMIT 1"""
_REPLY_OF: Final = "(SELECT true FROM outbox r WHERE r.event_key = %s.event_key AND r.part = 'reply') IS %s"
# What is read grows neither with the history nor with what is open: candidates come from partial indexes, a bounded
# number from each. Conditions on other rows are scalar subqueries, which the planner cannot turn into a join that reads
# all of them, whatever its statistics say; CASE keeps it from reading all open rows by way of a partial index.
#
# A finished answer waits for earlier ones of its chat that are being written, not for jobs in line: it was their turn
# later than its own, as they are other people's (`db.jobs.turns`).
#
# A placeholder that may have been sent is finished before its answer, which then replaces it: otherwise it would stay
# next to the answer for ever. One that certainly was not sent (it failed just as the answer was written) is dropped.
# Every row that rewrites a message records all of its parts, so the last such row has them.
_CLAIM: Final = f"""
WITH RECURSIVE chats AS (
    (SELECT h.conversation_id, h.id, 1 AS n FROM ({_HEAD % "$4"}) h)
    UNION ALL
    SELECT h.conversation_id, h.id, chats.n + 1 FROM chats, LATERAL ({_HEAD % "chats.conversation_id"}) h
    WHERE chats.n < {CHATS}),
candidates AS (
    SELECT id FROM chats
    UNION ALL (SELECT o.id FROM outbox o WHERE o.platform = $1 AND o.state = 'pending' AND o.attempts = 0 AND o.ordered
        AND {_KNOWN} ORDER BY o.asked_at DESC LIMIT {NEWEST})
    UNION ALL (SELECT o.id FROM outbox o WHERE o.platform = $1 AND o.state = 'pending'
        AND (o.attempts > 0 OR NOT o.ordered) AND o.not_before <= now() AND {_KNOWN} ORDER BY o.not_before LIMIT {DUE})
    UNION ALL (SELECT o.id FROM outbox o WHERE o.platform = $1 AND o.state = 'sending' AND o.lease_expires < now()
        ORDER BY o.lease_expires LIMIT {DUE})),
overtaken AS (
    UPDATE outbox SET state = 'superseded' WHERE id = ANY (ARRAY (
        SELECT p.id FROM outbox p WHERE p.id = ANY (ARRAY (SELECT id FROM candidates))
        AND CASE p.state WHEN 'pending' THEN p.part = 'placeholder' AND {_REPLY_OF % ("p", "NOT NULL")} END
        FOR UPDATE SKIP LOCKED))),
claimed AS (
    UPDATE outbox SET state = 'sending', attempts = least(attempts, 1000000000) + 1, lease_token = gen_random_uuid(),
        lease_expires = now() + make_interval(secs => {LEASE_SECONDS})
    WHERE id = ANY (ARRAY (
        SELECT o.id FROM outbox o
        WHERE o.id = ANY (ARRAY (SELECT id FROM candidates)) AND {_KNOWN}
          AND CASE o.state WHEN 'pending' THEN o.not_before <= now() WHEN 'sending' THEN o.lease_expires < now() END
          AND (NOT o.ordered OR o.id = (
              SELECT e.id FROM outbox e WHERE e.platform = $1 AND e.conversation_id = o.conversation_id
              AND e.ordered AND e.{_OPEN} ORDER BY e.conversation_id, e.asked_at, e.id LIMIT 1))
          AND (o.part <> 'reply' OR (SELECT p.state FROM outbox p WHERE p.event_key = o.event_key
              AND p.part = 'placeholder') IS DISTINCT FROM 'sending')
          AND (o.part <> 'placeholder' OR o.state = 'sending' OR {_REPLY_OF % ("o", "NULL")})
          AND (o.part <> 'reply' OR NOT o.ordered OR o.created_at <= o.asked_at
              OR o.created_at < now() - make_interval(secs => {HOLD_SECONDS}) OR (
              SELECT true FROM jobs j WHERE j.conversation_id = o.conversation_id AND j.state IN ('queued', 'running')
              AND j.queue = 'cpu' AND j.run_after <= now() AND j.event_key <> o.event_key
              AND NOT j.lined
              AND (SELECT i.received_at FROM inbox i WHERE i.event_key = j.event_key) < o.asked_at
              AND {_REPLY_OF % ("j", "NULL")} LIMIT 1) IS NULL)
        ORDER BY o.asked_at, o.id LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING *)
SELECT state.*, {_COLUMNS}, o.lease_token, extract(epoch FROM now() - o.created_at)::float8 AS age,
    CASE WHEN o.part IN ('reply', 'notice') THEN
        (SELECT p.message_ids ->> 0 FROM outbox p WHERE p.event_key = o.event_key AND p.part = 'placeholder' LIMIT 1)
    END AS placeholder,
    (SELECT e.message_ids FROM outbox e WHERE (e.id = o.edits_row OR e.edits_row = o.edits_row)
        AND e.id < o.id AND e.state = 'sent' ORDER BY e.id DESC LIMIT 1) AS edits
FROM (SELECT
    extract(epoch FROM least(
        (SELECT o.not_before FROM outbox o WHERE o.platform = $1 AND o.state = 'pending'
            AND (o.attempts > 0 OR NOT o.ordered) AND o.not_before > now() ORDER BY o.not_before LIMIT 1),
        (SELECT o.lease_expires FROM outbox o WHERE o.platform = $1 AND o.state = 'sending'
            ORDER BY o.lease_expires LIMIT 1)) - now())::float8 AS due_s,
    (SELECT c.conversation_id FROM chats c WHERE c.n = {CHATS}) AS resume) state
LEFT JOIN (claimed o JOIN conversations c ON c.id = o.conversation_id) ON true ORDER BY o.asked_at, o.id"""


async def place_of(conversation_id: int, user_id: int | None) -> Place | None:
    """Return where messages to a conversation go, addressed to a person there; None if it was deleted."""
    found = await row(
        "SELECT c.platform, c.chat_id, c.thread_id, c.kind, coalesce((SELECT i.external_id FROM identities i "
        "WHERE i.user_id = $2 AND i.platform = c.platform ORDER BY i.id LIMIT 1), '') AS user_key "
        "FROM conversations c WHERE c.id = $1",
        conversation_id, user_id,
    )  # fmt: skip
    if found is None:
        return None
    names = {"chat_id": "chat_id", "thread_id": "thread_id", "kind": "kind", "user_id": "user_key"}
    return Place(found["platform"], {name: found[column] for name, column in names.items()})


async def add(
    event_key: str,
    part: str,
    *,
    platform: str,
    conversation_id: int,
    payload: Payload,
    destination: dict[str, Any],
    ordered: bool = True,
    delay: float = 0.0,
    edits_row: int | None = None,
) -> int | None:
    """Add a row to send after ``delay`` seconds; None if the event has that part already.

    ``edits_row``: it rewrites the message of that earlier row of the account, or of the row that that one rewrote.

    A reply supersedes an unsent placeholder of its event.
    """
    found = await row(
        "WITH overtaken AS (UPDATE outbox SET state = 'superseded' "
        "WHERE event_key = $1 AND part = 'placeholder' AND state = 'pending' AND $2 = 'reply') "
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, ordered, "
        "not_before, edits_row, asked_at) "
        "VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8, now() + make_interval(secs => $9), "
        "(SELECT coalesce(first.edits_row, first.id) FROM outbox first JOIN conversations there "
        "ON there.id = first.conversation_id JOIN conversations here ON here.account_id = there.account_id "
        "WHERE first.id = $10 AND here.id = $4), "
        "coalesce((SELECT i.received_at FROM inbox i WHERE i.event_key = $1), now())) "
        "ON CONFLICT (event_key, part) DO NOTHING RETURNING id",
        event_key, part, platform, conversation_id, payload.kind, payload.model_dump_json(), jsonb(destination),
        ordered, delay, edits_row,
    )  # fmt: skip
    return None if found is None else found["id"]


async def claim(platform: str, limit: int, kinds: Sequence[str] | None = None, *, after: int = 0) -> Claims:
    """Claim the due rows of a platform, in order per conversation, up to ``limit``.

    ``kinds``: those that the caller can compose; other rows are left to a newer process. None: all. ``after`` is the
    last claim's ``resume``. The order in a conversation is that in which the events came; an answer waits up to
    `HOLD_SECONDS` for earlier ones.
    """
    found_rows = await rows(_CLAIM, platform, limit, None if kinds is None else list(kinds), after)
    claimed = [
        Claimed(
            row=build(OutboxMessage, found),
            token=found["lease_token"],
            placeholder=found["placeholder"] or "",
            age=found["age"],
            edits=tuple(json.loads(found["edits"] or "[]")),
        )
        for found in found_rows
        if found["id"] is not None
    ]
    due_s, resume = found_rows[0]["due_s"], found_rows[0]["resume"] or 0
    if resume or after:
        due_s = ROUND_SECONDS if due_s is None else min(due_s, ROUND_SECONDS)
    return Claims(claimed, due_s, resume)


async def of_event(event_key: str) -> list[OutboxMessage]:
    """Return an event's rows in the order in which they were added."""
    return await fetch(
        OutboxMessage,
        f"SELECT {_COLUMNS} FROM outbox o JOIN conversations c ON c.id = o.conversation_id WHERE o.event_key = $1 "
        "ORDER BY o.id",
        event_key,
    )


async def renew(claims: list[tuple[int, UUID]]) -> None:
    """Extend the leases of claimed rows."""
    await rows(
        "UPDATE outbox o SET lease_expires = now() + make_interval(secs => $2) "
        "FROM jsonb_to_recordset($1::jsonb) AS held (id bigint, token uuid) "
        "WHERE o.id = held.id AND o.lease_token = held.token",
        jsonb([{"id": row_id, "token": str(token)} for row_id, token in claims]), LEASE_SECONDS,
    )  # fmt: skip


async def record_message(row_id: int, token: UUID, message_id: str) -> None:
    """Record a message just sent for a row. Raises `LeaseLost`: then send nothing more."""
    await _change(row_id, token, "message_ids = message_ids || to_jsonb($3::text)", message_id)


async def sent(row_id: int, token: UUID, buttons: Sequence[str] = ()) -> None:
    """Mark a row as delivered; what it said besides ids is dropped. ``buttons``: the packed data of those it offers.

    Raises `LeaseLost`.
    """
    change = f"state = 'sent', sent_at = now(), error = '', buttons = $3::jsonb, {_FORGET}, {_RELEASE}"
    await _change(row_id, token, change, jsonb(list(buttons)))


async def supersede(row_id: int, token: UUID) -> None:
    """Mark a row as no longer needed: its subject is gone, or it was overtaken. Raises `LeaseLost`."""
    await _change(row_id, token, f"state = 'superseded', {_FORGET}, {_RELEASE}")


async def retry(row_id: int, token: UUID, delay: float, error: str, *, failed: bool = False) -> None:
    """Leave a row open, to be sent after ``delay`` seconds; a placeholder whose answer is there is superseded.

    ``failed``: because of a defect of ours.
    """
    await _change(
        row_id, token,
        "state = CASE WHEN part = 'placeholder' AND EXISTS (SELECT 1 FROM outbox r "
        "WHERE r.event_key = outbox.event_key AND r.part = 'reply') THEN 'superseded' ELSE 'pending' END, "
        f"error = $4, {_RELEASE}, not_before = now() + make_interval(secs => $3), failures = failures + $5::int",
        delay, error, int(failed),
    )  # fmt: skip


async def bury(row_id: int, token: UUID, error: str) -> None:
    """Make a row a dead letter. Raises `LeaseLost`."""
    await _change(row_id, token, f"state = 'dead', error = $3, {_FORGET}, {_RELEASE}", error)


async def placeholder_of(event_key: str) -> tuple[str, dict[str, Any], str] | None:
    """Return message id, destination and platform of an event's sent placeholder, if there is no answer yet."""
    found = await fetch_one(
        OutboxMessage,
        f"SELECT {_COLUMNS} FROM outbox o JOIN conversations c ON c.id = o.conversation_id "
        "WHERE o.event_key = $1 AND o.part = 'placeholder' "
        "AND NOT EXISTS (SELECT FROM outbox r WHERE r.event_key = $1 AND r.part = 'reply')",
        event_key,
    )
    if found is None or not found.message_ids:
        return None
    return found.message_ids[0], found.destination, found.platform


async def row_of_message(account_id: int, chat_id: str, message_id: str) -> SentRow | None:
    """Return the row whose message this is in a chat of the account.

    None if we did not send it, or not lately: see `MESSAGES_SEARCHED`.
    """
    return await fetch_one(
        SentRow,
        f"SELECT {columns(SentRow, 'o')} FROM conversations c CROSS JOIN LATERAL (SELECT * FROM outbox l "
        f"WHERE l.conversation_id = c.id ORDER BY l.conversation_id DESC, l.id DESC LIMIT {MESSAGES_SEARCHED}) o "
        "WHERE c.account_id = $1 AND c.chat_id = $2 AND o.part NOT LIKE 'mark%' AND o.message_ids ? $3 "
        "ORDER BY o.id DESC LIMIT 1",
        account_id, chat_id, message_id,
    )  # fmt: skip


async def counts() -> dict[str, int]:
    """Return how many rows are pending, sending and dead, each counted up to `COUNTED`; without those that are none."""
    found = await row(
        # In two halves, each of which an index counts without reading a row.
        "SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE state = 'pending' AND attempts = 0 AND ordered "
        "UNION ALL SELECT FROM outbox WHERE state = 'pending' AND (attempts > 0 OR NOT ordered) LIMIT $1) p) "
        "AS pending, "
        "(SELECT count(*) FROM (SELECT FROM outbox WHERE state = 'sending' LIMIT $1) s) AS sending, "
        "(SELECT count(*) FROM (SELECT FROM outbox WHERE state = 'dead' LIMIT $1) d) AS dead",
        COUNTED,
    )
    assert found is not None
    return {state: n for state, n in found.items() if n}


async def _change(row_id: int, token: UUID, change: str, *values: Any) -> None:
    found = await row(
        f"UPDATE outbox SET {change} WHERE id = $1 AND lease_token = $2 AND state = 'sending' RETURNING id",
        row_id, token, *values,
    )  # fmt: skip
    if found is None:
        raise LeaseLost(f"outbox row {row_id}")
