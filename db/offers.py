"""The buttons that sent messages offered, for presses that the platform itself does not vouch for."""

import json
from collections.abc import Iterable
from typing import Final

from db.connection import rows

MESSAGES_SEARCHED: Final = 1000
"""A message is looked for among so many of the newest rows of its chat."""


async def offered(account_id: int, chat_id: str, message_id: str) -> frozenset[str] | None:
    """Return the packed data of all buttons that one of our messages in a chat has had.

    None if we did not send it, or not lately (`MESSAGES_SEARCHED`), or if an earlier release did.
    """
    found = await rows(
        "SELECT o.buttons FROM conversations c CROSS JOIN LATERAL (SELECT * FROM outbox l "
        f"WHERE l.conversation_id = c.id ORDER BY l.conversation_id DESC, l.id DESC LIMIT {MESSAGES_SEARCHED}) o "
        "WHERE c.account_id = $1 AND c.chat_id = $2 AND o.state = 'sent' AND (o.message_ids ? $3 "
        "OR (o.part = 'mark' AND o.destination ->> 'pressed_message' = $3))",
        account_id, chat_id, message_id,
    )  # fmt: skip
    if not found or any(each["buttons"] is None for each in found):
        return None
    return frozenset(button for each in found for button in _texts(json.loads(each["buttons"])))


def _texts(stored: object) -> Iterable[str]:
    return (str(each) for each in stored) if isinstance(stored, list) else ()
