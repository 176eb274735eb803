"""What the ids in a receipt stand for, as far as they are of one memory and there still."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from db.memory.memories import MemoryRecord
from db.memory.shown import SPEAKER
from db.records import fetch

ElementKind = Literal["page", "message", "summary", "fact", "tracked", "pin", "archive"]
MOST: Final = 500
"""Elements of a kind that are looked up."""


@dataclass(frozen=True, slots=True)
class ToldElement:
    """Something that a writer was told.

    ``number`` of a page, or of the page of a passage; ``first`` and ``last`` of a summary, counted from 0; ``name`` is
    who said it, or what a fact is about.
    """

    id: int
    number: int
    first: int
    last: int
    name: str
    text: str
    verdict: str
    said_at: datetime | None


_NOWHERE: Final = "0 AS number, 0 AS first, 0 AS last"
_STORY: Final = "SELECT story_id FROM memories WHERE id = $1"
_CHAT: Final = (
    "EXISTS (SELECT FROM memories w WHERE w.id = $1 AND w.conversation_id = m.conversation_id "
    "AND w.persona_id = m.persona_id AND w.epoch = m.epoch)"
)
_OF: Final[dict[ElementKind, str]] = {
    "page": "SELECT id, number, 0 AS first, 0 AS last, title AS name, '' AS text, 'checked' AS verdict, "
    f"created_at AS said_at FROM pages WHERE story_id = ({_STORY}) AND id = ANY ($2::bigint[])",
    "message": f"SELECT m.id, {_NOWHERE}, {SPEAKER} AS name, '' AS text, 'checked' AS verdict, "
    f"m.created_at AS said_at FROM chat_messages m WHERE {_CHAT} AND m.id = ANY ($2::bigint[])",
    "summary": "SELECT id, 0 AS number, first, last, '' AS name, text, 'checked' AS verdict, NULL AS said_at "
    "FROM summaries WHERE memory_id = $1 AND id = ANY ($2::bigint[])",
    "fact": f"SELECT id, {_NOWHERE}, subject AS name, text, verdict, NULL AS said_at FROM facts "
    "WHERE memory_id = $1 AND id = ANY ($2::bigint[]) AND verdict <> 'refused'",
    "tracked": f"SELECT id, {_NOWHERE}, subject AS name, question AS text, verdict, NULL AS said_at "
    "FROM tracked_questions WHERE memory_id = $1 AND id = ANY ($2::bigint[]) AND verdict <> 'refused'",
    "pin": f"SELECT p.id, {_NOWHERE}, '' AS name, coalesce(f.subject || ': ' || f.text, p.text) AS text, "
    "coalesce(f.verdict, p.verdict) AS verdict, NULL AS said_at FROM pins p LEFT JOIN facts f ON f.id = p.fact_id "
    "WHERE p.memory_id = $1 AND p.id = ANY ($2::bigint[]) AND p.verdict <> 'refused' "
    "AND f.verdict IS DISTINCT FROM 'refused'",
    "archive": "SELECT c.id, g.number, 0 AS first, 0 AS last, g.title AS name, substr(g.text, c.start + 1, c.length) "
    "AS text, 'checked' AS verdict, g.created_at AS said_at FROM archive_chunks c JOIN pages g ON g.id = c.page_id "
    f"WHERE g.story_id = ({_STORY}) AND c.id = ANY ($2::bigint[]) AND c.length > 0 UNION ALL "
    f"SELECT c.id, {_NOWHERE}, {SPEAKER} AS name, substr(m.text, c.start + 1, c.length) AS text, "
    "'checked' AS verdict, m.created_at AS said_at FROM archive_chunks c JOIN chat_messages m ON m.id = c.message_id "
    f"WHERE {_CHAT} AND c.id = ANY ($2::bigint[]) AND c.length > 0",
}


async def known(memory: MemoryRecord, element_ids: Sequence[str]) -> dict[str, ToldElement]:
    """Return what ids such as ``fact:9`` stand for, those of this memory only."""
    wanted: dict[ElementKind, list[int]] = {}
    for element_id in element_ids:
        name, _, number = element_id.partition(":")
        for kind in get_args(ElementKind):
            if kind == name and number.isascii() and number.isdecimal() and len(number) < 19:
                wanted.setdefault(kind, []).append(int(number))
    found: dict[str, ToldElement] = {}
    for kind, ids in wanted.items():
        for each in await fetch(ToldElement, _OF[kind], memory.id, ids[:MOST]):
            found[f"{kind}:{each.id}"] = each
    return found
