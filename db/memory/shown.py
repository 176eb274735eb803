"""What people see of a memory: its summaries, and the messages and pages that something was learnt from.

The caller has looked up the memory by its account (`db.memory.memories.of_account`). What belongs to another memory is
not found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from db.connection import ids, row, rows
from db.errors import NotFound
from db.memory.memories import MemoryRecord
from db.memory.summaries import PastSummary
from db.payloads.memory import MemoryItemKind
from db.records import columns, fetch, fetch_one

CHUNK: Final = 4
"""Pages of a story in a summary of level 1 (`workers.context.history.PAGES`)."""
FANOUT: Final = 4
"""Summaries in one of the level above."""
_SUMMARIES: Final = f"""
WITH RECURSIVE way AS (
    SELECT id, parent_id FROM pages WHERE id = $2::bigint
    UNION ALL SELECT p.id, p.parent_id FROM way JOIN pages p ON p.id = way.parent_id)
SELECT {columns(PastSummary)} FROM summaries
WHERE memory_id = $1 AND NOT stale AND text <> '' AND (page_id IS NULL OR page_id IN (SELECT id FROM way))
ORDER BY last DESC, level DESC LIMIT $3 OFFSET $4"""
SPEAKER: Final = """coalesce(
    CASE m.role WHEN 'persona' THEN (SELECT name FROM personas WHERE id = coalesce(m.speaker_id, m.persona_id)) END,
    (SELECT i.name FROM identities i JOIN conversations c ON c.platform = i.platform
        WHERE i.user_id = m.user_id AND c.id = m.conversation_id LIMIT 1), '')"""
"""Who said the message ``m``, under the name of that platform."""
_PAGE: Final = """
SELECT p.id, 'page' AS kind, p.number, p.title, NULL::bigint AS user_id, '' AS speaker, p.text, p.created_at AS said_at
FROM pages p WHERE p.id = $2 AND p.story_id = $1 AND p.state = 'ready'"""
_OF_CHAT: Final = """m.conversation_id = $1 AND m.persona_id = $2 AND m.epoch = $3
    AND m.state = 'ready' AND m.verdict <> 'refused'"""
_MESSAGE: Final = f"""
SELECT m.id, 'msg' AS kind, 0 AS number, '' AS title, m.user_id, {SPEAKER} AS speaker, m.text, m.created_at AS said_at
FROM chat_messages m WHERE m.id = $4 AND {_OF_CHAT}"""
_PASSAGES_OF_STORY: Final = """
SELECT p.id, 'page' AS kind, p.number, p.title, NULL::bigint AS user_id, '' AS speaker,
    substr(p.text, c.start + 1, c.length) AS text, p.created_at AS said_at
FROM archive_chunks c JOIN pages p ON p.id = c.page_id WHERE c.id = ANY ($2::bigint[]) AND p.story_id = $1
    AND c.length > 0 ORDER BY array_position($2, c.id)"""
_PASSAGES_OF_CHAT: Final = f"""
SELECT m.id, 'msg' AS kind, 0 AS number, '' AS title, m.user_id, {SPEAKER} AS speaker,
    substr(m.text, c.start + 1, c.length) AS text, m.created_at AS said_at
FROM archive_chunks c JOIN chat_messages m ON m.id = c.message_id WHERE c.id = ANY ($4::bigint[]) AND {_OF_CHAT}
    AND c.length > 0 ORDER BY array_position($4, c.id)"""
_WAY: Final = """
WITH RECURSIVE way AS (
    SELECT id, parent_id FROM pages WHERE id = $1
    UNION ALL SELECT p.id, p.parent_id FROM way JOIN pages p ON p.id = way.parent_id)
SELECT id FROM way"""
_OF_ITEM: Final = {
    "fact": "SELECT user_id FROM facts WHERE id = $2 AND memory_id = $1 AND verdict <> 'refused'",
    "ask": "SELECT user_id FROM tracked_questions WHERE id = $2 AND memory_id = $1 AND verdict <> 'refused'",
    "pin": "SELECT user_id FROM pins WHERE id = $2 AND memory_id = $1 AND verdict <> 'refused'",
    "sum": "SELECT NULL::bigint AS user_id FROM summaries WHERE id = $2 AND memory_id = $1",
    "page": "SELECT NULL::bigint AS user_id FROM pages p JOIN memories m ON m.story_id = p.story_id "
    "WHERE p.id = $2 AND m.id = $1",
    "msg": "SELECT t.user_id FROM chat_messages t JOIN memories m ON m.conversation_id = t.conversation_id "
    "AND m.persona_id = t.persona_id AND m.epoch = t.epoch WHERE t.id = $2 AND m.id = $1",
}


@dataclass(frozen=True, slots=True)
class SourceText:
    """A page or message as it was written or said. ``speaker`` is empty for a page, and for whoever has left."""

    id: int
    kind: str
    number: int
    title: str
    user_id: int | None
    speaker: str
    text: str
    said_at: datetime


async def summaries(memory_id: int, page_id: int | None, *, most: int, skip: int = 0) -> list[PastSummary]:
    """Return the summaries that hold on the way to a page of a story, or of a chat, the newest and highest first."""
    return await fetch(PastSummary, _SUMMARIES, memory_id, page_id, most, skip)


async def page(memory: MemoryRecord, page_id: int) -> SourceText | None:
    """Return a page of a memory's story; None if it has none such."""
    return await fetch_one(SourceText, _PAGE, memory.story_id, page_id)


async def message(memory: MemoryRecord, message_id: int) -> SourceText | None:
    """Return a message of a memory's chat; None if it has none such."""
    return await fetch_one(SourceText, _MESSAGE, memory.conversation_id, memory.persona_id, memory.epoch, message_id)


async def passages(memory: MemoryRecord, chunk_ids: Sequence[int]) -> list[SourceText]:
    """Return passages of the archive that are of a memory's chat or story, in the order of their ids."""
    if memory.story_id is not None:
        return await fetch(SourceText, _PASSAGES_OF_STORY, memory.story_id, list(chunk_ids))
    chat = (memory.conversation_id, memory.persona_id, memory.epoch)
    return await fetch(SourceText, _PASSAGES_OF_CHAT, *chat, list(chunk_ids))


async def way(page_id: int) -> list[int]:
    """Return the ids of the pages on the way to one, itself included."""
    return ids(await rows(_WAY, page_id))


async def author(memory_id: int, item: MemoryItemKind, id_: int) -> int | None:
    """Return who said or added something of a memory; None: a persona or a model did.

    Raises `NotFound` if it is not of this memory.
    """
    found = await row(_OF_ITEM[item], memory_id, id_)
    if found is None:
        raise NotFound("memory.unknown")
    return found["user_id"]
