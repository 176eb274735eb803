"""The past as it was said and written: pages on the way to one, messages of a chat, from a place on.

Only what is settled: read pages, and exchanges that are over. The positions of `db.memory.summaries` count these.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from db.connection import row
from db.quotes import MARK
from db.records import columns, fetch, fetch_one

MOST: Final = 400
"""Pages or messages that are read at a time."""


@dataclass(frozen=True, slots=True)
class PastText:
    """A page or message. ``said`` is the message of a person that begins its exchange, ``choice`` led to the page.

    ``speaker`` is the name of the person who said it, or of another persona than the chat's own; else empty.
    """

    id: int
    said: int
    role: str
    user_id: int | None
    speaker: str
    choice: str
    text: str
    created_at: datetime


_PAGES: Final = f"""
WITH RECURSIVE up AS (
    SELECT id, parent_id, choice_id, number FROM pages WHERE id = $1
    UNION ALL SELECT p.id, p.parent_id, p.choice_id, p.number FROM up JOIN pages p ON p.id = up.parent_id
    WHERE p.number > $2)
SELECT {columns(PastText)} FROM (
    SELECT p.id, p.id AS said, 'page' AS role, NULL::bigint AS user_id, '' AS speaker,
        coalesce(nullif(c.text, ''), CASE WHEN c.id IS NULL THEN '' ELSE '{MARK}' END) AS choice, p.text, p.created_at,
        up.number
    FROM up JOIN pages p ON p.id = up.id LEFT JOIN choices c ON c.id = up.choice_id
    WHERE up.number > $2 AND p.state = 'ready' ORDER BY up.number LIMIT $3) found ORDER BY number"""
_MESSAGES: Final = f"""
SELECT {columns(PastText)} FROM (
    SELECT m.id, coalesce(m.reply_to_id, m.id) AS said, m.role, u.id AS user_id,
        coalesce((SELECT i.name FROM identities i JOIN conversations c ON c.platform = i.platform
            WHERE i.user_id = u.id AND c.id = m.conversation_id LIMIT 1), u.name,
            CASE m.role WHEN 'persona' THEN (SELECT p.name FROM personas p WHERE p.id = m.speaker_id) END, '')
            AS speaker,
        '' AS choice, coalesce(nullif(m.text, ''), '{MARK}') AS text, m.created_at
    -- What a person has put into a persona's mouth is said by the persona.
    FROM chat_messages m LEFT JOIN users u ON u.id = m.user_id AND m.role = 'user'
    WHERE m.conversation_id = $1 AND m.persona_id = $2 AND m.epoch = $3 AND m.id > $4 AND m.state = 'ready' AND m.chosen
        AND m.verdict <> 'refused' AND m.role IN ('user', 'persona') AND coalesce(m.reply_to_id, m.id) < (
            -- The last exchange may be answered anew, and one that is being answered is not over.
            SELECT min(id) FROM (
                (SELECT id FROM chat_messages l WHERE l.conversation_id = $1 AND l.persona_id = $2 AND l.epoch = $3
                    AND l.role = 'user' AND l.chosen ORDER BY id DESC LIMIT 1)
                UNION ALL (SELECT reply_to_id FROM chat_messages w WHERE w.conversation_id = $1 AND w.persona_id = $2
                    AND w.epoch = $3 AND w.id > $4 AND w.state = 'pending' ORDER BY id LIMIT 1)) o)
    ) found
WHERE (said, id) > ($4, $5) ORDER BY said, id LIMIT $6"""


async def pages(page_id: int, after: int, most: int = MOST) -> list[PastText]:
    """Return the pages on the way to a page, itself included, whose number is above ``after``, in order."""
    return await fetch(PastText, _PAGES, page_id, after, most)


async def messages(
    conversation_id: int, persona_id: int, epoch: int, after: tuple[int, int] = (0, 0), most: int = MOST
) -> list[PastText]:
    """Return the messages of a chat after a place in their order, the last exchange and unfinished ones left out.

    ``after`` is the message of a person that begins an exchange, and the message in it.
    """
    return await fetch(PastText, _MESSAGES, conversation_id, persona_id, epoch, *after, most)


async def said_at(message_id: int) -> datetime | None:
    """Return when a message of a chat was said; None if it is gone."""
    found = await row("SELECT created_at FROM chat_messages WHERE id = $1", message_id)
    return None if found is None else found["created_at"]


async def last_pages(page_id: int, most: int) -> list[PastText]:
    """Return the last pages on the way to a page, itself included, in order."""
    found = await row("SELECT number FROM pages WHERE id = $1", page_id)
    return [] if found is None else await pages(page_id, found["number"] - most, most)


async def last_messages(conversation_id: int, persona_id: int, epoch: int, most: int) -> list[PastText]:
    """Return the last messages of a chat in order, without the last exchange and unfinished ones."""
    found = await row(
        "SELECT min(id) AS first FROM (SELECT id FROM chat_messages WHERE conversation_id = $1 AND persona_id = $2 "
        "AND epoch = $3 ORDER BY id DESC LIMIT $4) m",
        conversation_id, persona_id, epoch, 2 * most,
    )  # fmt: skip
    if found is None or found["first"] is None:
        return []
    return (await messages(conversation_id, persona_id, epoch, (found["first"] - 1, 2**62), 4 * most))[-most:]


@dataclass(frozen=True, slots=True)
class StoryTip:
    """The last page of a story that has been read, and the language of the story."""

    page_id: int
    number: int
    language: str


async def tip(story_id: int) -> StoryTip | None:
    """Return where a story stands: its current page, or the one before if that is being written. None: nowhere yet."""
    return await fetch_one(
        StoryTip,
        "SELECT t.id AS page_id, t.number, s.language FROM stories s JOIN pages p ON p.id = s.cursor_id "
        "JOIN pages t ON t.id = CASE p.state WHEN 'ready' THEN p.id ELSE p.parent_id END WHERE s.id = $1",
        story_id,
    )


async def persona_name(persona_id: int) -> str:
    """Return the name of a persona; "" if it is gone."""
    found = await row("SELECT name FROM personas WHERE id = $1", persona_id)
    return "" if found is None else found["name"]
