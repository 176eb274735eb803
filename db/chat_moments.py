"""Moments of chats that are drawn: what was said last, and what the persona answered."""

from dataclasses import dataclass
from typing import ClassVar

from db.connection import row
from db.work import JobParameters, Links, PictureTerms


class DrawMoment(JobParameters, PictureTerms):
    """Draw the moment of a chat that ``reply`` tells of."""

    type: ClassVar[str] = "draw_moment"
    reply: int
    style: str = ""
    size: str = ""
    quality: str = ""

    def links(self) -> Links:
        """Return the reply."""
        return Links(message_id=self.reply)


@dataclass(frozen=True, slots=True)
class ChatMoment:
    """A persona's reply and what it answers, "" if that was removed."""

    persona_id: int
    said: str
    reply: str


async def moment(account_id: int | None, reply_id: int) -> ChatMoment | None:
    """Return the moment of a reply that may be read; None if there is none in this account."""
    found = await row(
        "SELECT coalesce(m.speaker_id, m.persona_id) AS persona_id, m.text AS reply, "
        "(SELECT t.text FROM chat_messages s JOIN chat_messages t ON t.id = coalesce(s.turn_id, s.id) "
        "WHERE s.id = m.reply_to_id AND t.verdict <> 'refused') AS said "
        "FROM chat_messages m JOIN conversations c ON c.id = m.conversation_id "
        "WHERE m.id = $2 AND c.account_id = $1 AND m.role = 'persona' AND m.state = 'ready' AND m.verdict <> 'refused' "
        "AND m.text <> ''",
        account_id, reply_id,
    )  # fmt: skip
    return None if found is None else ChatMoment(found["persona_id"], found["said"] or "", found["reply"])
