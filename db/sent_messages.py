"""Messages that still show something: they are rewritten when it changes, or something is done with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from db.connection import rows
from db.outbox import MESSAGES_SEARCHED, SentRow
from db.records import columns, fetch, fetch_one

SEARCHED: Final = 200
"""A message is looked for among so many of the newest rows of each conversation."""
_SHOWING: Final = f"""
SELECT DISTINCT ON (c.id) c.id AS conversation_id, o.id AS row_id
FROM conversations c CROSS JOIN LATERAL (SELECT * FROM outbox l WHERE l.conversation_id = c.id
    ORDER BY l.conversation_id DESC, l.id DESC LIMIT {SEARCHED}) o
WHERE {{conversations}} AND o.platform = c.platform AND o.state IN ({{states}}) AND o.kind = $2
    AND o.payload @> jsonb_build_object($3::text, $4::bigint)
ORDER BY c.id, o.id DESC"""
_OF_ACCOUNT: Final = _SHOWING.format(conversations="c.account_id = $1 AND c.id <> $5", states="'sent'")
# One that is being sent may be there already, as somebody has seen who pressed it.
_IN_CONVERSATION: Final = _SHOWING.format(conversations="c.id = $1", states="'sending', 'sent'")


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that stands in a conversation; `db.outbox.add` rewrites it by the id of its row."""

    conversation_id: int
    row_id: int


async def showing(account_id: int, kind: str, name: str, value: int, *, without: int) -> list[SentMessage]:
    """Return the newest message in each conversation of an account but one whose payload has this value."""
    return await fetch(SentMessage, _OF_ACCOUNT, account_id, kind, name, value, without)


async def shown_in(conversation_id: int, kind: str, name: str, value: int) -> list[SentMessage]:
    """Return the newest message of a kind in a conversation whose payload has this value, if there is one."""
    return await fetch(SentMessage, _IN_CONVERSATION, conversation_id, kind, name, value)


async def last_sent(conversation_id: int, kinds: Sequence[str]) -> SentRow | None:
    """Return the newest row of some kinds whose message stands in a conversation.

    None if there is none among the newest: see `db.outbox.MESSAGES_SEARCHED`.
    """
    return await fetch_one(
        SentRow,
        f"SELECT {columns(SentRow, 'o')} FROM (SELECT * FROM outbox l WHERE l.conversation_id = $1 "
        f"ORDER BY l.conversation_id DESC, l.id DESC LIMIT {MESSAGES_SEARCHED}) o "
        "WHERE o.state = 'sent' AND o.part NOT LIKE 'mark%' AND o.kind = ANY ($2) ORDER BY o.id DESC LIMIT 1",
        conversation_id, list(kinds),
    )  # fmt: skip


async def rows_showing(conversation_id: int, kinds: Sequence[str], message_ids: Sequence[int]) -> dict[int, int]:
    """Return the ids of the rows whose messages in a conversation show answers of chats, by the answer."""
    found = await rows(
        "SELECT (o.payload ->> 'message')::bigint AS message, max(o.id) AS row FROM (SELECT * FROM outbox l "
        f"WHERE l.conversation_id = $1 ORDER BY l.conversation_id DESC, l.id DESC LIMIT {SEARCHED}) o "
        "WHERE o.state = 'sent' AND o.kind = ANY ($2) AND o.payload ->> 'message' = ANY ($3) GROUP BY 1",
        conversation_id, list(kinds), [str(each) for each in message_ids],
    )  # fmt: skip
    return {each["message"]: each["row"] for each in found}


async def forget_text(conversation_id: int, row_id: int) -> None:
    """Drop the text that a message of a conversation holds until it is used: a line that was suggested."""
    await rows(
        "UPDATE outbox SET payload = payload - 'text' WHERE conversation_id = $1 AND id = $2", conversation_id, row_id
    )
