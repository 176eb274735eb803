"""Messages in other conversations that still show something: they are rewritten when it changes."""

from dataclasses import dataclass
from typing import Final

from db.records import fetch

SEARCHED: Final = 200
"""A message is looked for among so many of the newest rows of each conversation."""
_SHOWING: Final = f"""
SELECT DISTINCT ON (c.id) c.id AS conversation_id, o.id AS row_id
FROM conversations c CROSS JOIN LATERAL (SELECT * FROM outbox l WHERE l.conversation_id = c.id
    ORDER BY l.conversation_id DESC, l.id DESC LIMIT {SEARCHED}) o
WHERE {{conversations}} AND o.platform = c.platform AND o.state = 'sent' AND o.kind = $2
    AND o.payload @> jsonb_build_object($3::text, $4::bigint)
ORDER BY c.id, o.id DESC"""
_OF_ACCOUNT: Final = _SHOWING.format(conversations="c.account_id = $1 AND c.id <> $5")
_IN_CONVERSATION: Final = _SHOWING.format(conversations="c.id = $1")


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
