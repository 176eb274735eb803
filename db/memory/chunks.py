"""Chunks of the archive: reduced to stems in the database, and stored with the hashes of these."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from db.connection import ids, jsonb, rows
from db.memory.words import LATIN, dictionary_by_script, words

TOLD_BY: Final = 80
"""Words by which the language of a text is told."""
_ADD: Final = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($2::jsonb) AS g (n int, message_id bigint, page_id bigint, document_id bigint,
        fact_id bigint, part int, start int, length int, text text, position bigint, said_at timestamptz,
        importance smallint, metadata jsonb, lore boolean, words text[], dictionary text)),
told AS MATERIALIZED (
    -- The language is that with the most stop words among the text's; between equals, that of the scope.
    SELECT g.n, g.words, CASE WHEN g.dictionary <> '' THEN g.dictionary ELSE (
        SELECT l.name FROM unnest($3::text[]) WITH ORDINALITY l (name, place), LATERAL (
            SELECT count(*) AS n FROM unnest(g.words[:{TOLD_BY}]) w
            WHERE ts_lexize(l.name::regdictionary, w) = '{{}}') stops
        ORDER BY stops.n + CASE l.place WHEN 1 THEN 1 ELSE 0 END DESC, l.place LIMIT 1) END AS dictionary
    FROM given g),
stem AS (
    SELECT n, stem, count(*) AS count FROM (
        SELECT t.n, unnest(ts_lexize(t.dictionary::regdictionary, w)) AS stem FROM told t, unnest(t.words) w) s
    GROUP BY 1, 2),
keyed AS (
    SELECT n, array_agg(hashtextextended(stem COLLATE "C", $1::bigint)) AS keys,
        array_agg(least(count, 9999)::smallint) AS counts, sum(count)::int AS words
    FROM stem GROUP BY n),
added AS (
    INSERT INTO archive_chunks (scope_id, source, message_id, page_id, document_id, fact_id, part, start, length, text,
        position, said_at, importance, metadata, words, keys, counts)
    SELECT $1, CASE WHEN message_id IS NOT NULL THEN 'message' WHEN page_id IS NOT NULL THEN 'page'
            WHEN fact_id IS NOT NULL THEN 'fact' WHEN lore THEN 'lore' ELSE 'document' END,
        message_id, page_id, document_id, fact_id, part, start, length, text, position, said_at, importance, metadata,
        coalesce(k.words, 0), coalesce(k.keys, '{{}}'), coalesce(k.counts, '{{}}')
    FROM given LEFT JOIN keyed k USING (n) ON CONFLICT DO NOTHING RETURNING id),
known AS (
    UPDATE archive_scopes s SET dictionaries = s.dictionaries || new.names FROM (
        SELECT array_agg(DISTINCT t.dictionary) AS names FROM told t
        WHERE t.dictionary <> ALL (SELECT unnest(dictionaries) FROM archive_scopes WHERE id = $1)) new
    WHERE s.id = $1 AND new.names IS NOT NULL)
SELECT id FROM added ORDER BY id"""

OF_MEMORY: Final = (
    "c.scope_id IN (SELECT s.id FROM archive_scopes s JOIN memories m ON m.conversation_id = s.conversation_id "
    "AND m.persona_id = s.persona_id AND m.epoch = s.epoch WHERE s.kind = 'chat' AND m.id IN (SELECT id FROM mine) "
    "UNION ALL SELECT s.id FROM archive_scopes s JOIN memories m ON m.story_id = s.story_id "
    "WHERE s.kind = 'story' AND m.id IN (SELECT id FROM mine))"
)
"""What a memory's chat or story has in the archive, for a statement with that memory in ``mine``."""
ABOUT_A_WORD: Final = (
    f"{OF_MEMORY} AND c.words > 0 AND strpos(lower(coalesce("
    "(SELECT substr(t.text, c.start + 1, c.length) FROM chat_messages t WHERE t.id = c.message_id), "
    "(SELECT substr(t.text, c.start + 1, c.length) FROM pages t WHERE t.id = c.page_id), '')), lower($3)) > 0"
)
"""Of these, the passages of messages and pages that have the word ``$3``; a document stays until it is removed."""
BLANK: Final = "SET keys = '{}', counts = '{}', words = 0, length = 0, text = '', metadata = '{}'"
"""An empty chunk stays in its place: nothing finds it, and its text is not brought in again."""


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk to be stored, of one source. ``indexed`` are the words by which it is found; ``text`` is a document's.

    ``lore``: the document is a lorebook.
    """

    indexed: str
    position: int
    said_at: datetime
    message_id: int | None = None
    page_id: int | None = None
    document_id: int | None = None
    fact_id: int | None = None
    part: int = 0
    start: int = 0
    length: int = 0
    text: str = ""
    importance: int = 5
    lore: bool = False
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


async def add(scope_id: int, chunks: Sequence[NewChunk], preferred: str = "english_stem") -> list[int]:
    """Store chunks of a scope and return the ids of those that were not there yet.

    ``preferred`` is the dictionary that is taken where a text does not tell its language.
    """
    if not chunks:
        return []
    given: list[dict[str, Any]] = []
    for n, chunk in enumerate(chunks):
        plain: dict[str, Any] = asdict(chunk)
        del plain["indexed"]
        plain |= {"n": n, "said_at": chunk.said_at.isoformat()}
        plain |= {"words": words(chunk.indexed), "dictionary": dictionary_by_script(chunk.indexed)}
        given.append(plain)
    latin = [preferred, *(name for name in LATIN if name != preferred)]
    return ids(await rows(_ADD, scope_id, jsonb(given), latin))


async def blank(message_id: int | None, page_id: int | None) -> None:
    """Take a message or a page out of the archive: its text stays where it was said, and no search finds it."""
    await rows(
        f"WITH gone AS (UPDATE archive_chunks {BLANK} WHERE message_id = $1 OR page_id = $2 RETURNING id) "
        "DELETE FROM archive_vectors WHERE chunk_id IN (SELECT id FROM gone)",
        message_id, page_id,
    )  # fmt: skip
