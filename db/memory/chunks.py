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
        part int, start int, length int, text text, position bigint, said_at timestamptz, importance smallint,
        metadata jsonb, words text[], dictionary text)),
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
    INSERT INTO archive_chunks (scope_id, source, message_id, page_id, document_id, part, start, length, text, position,
        said_at, importance, metadata, words, keys, counts)
    SELECT $1, CASE WHEN message_id IS NOT NULL THEN 'message' WHEN page_id IS NOT NULL THEN 'page' ELSE 'document' END,
        message_id, page_id, document_id, part, start, length, text, position, said_at, importance, metadata,
        coalesce(k.words, 0), coalesce(k.keys, '{{}}'), coalesce(k.counts, '{{}}')
    FROM given LEFT JOIN keyed k USING (n) ON CONFLICT DO NOTHING RETURNING id),
known AS (
    UPDATE archive_scopes s SET dictionaries = s.dictionaries || new.names FROM (
        SELECT array_agg(DISTINCT t.dictionary) AS names FROM told t
        WHERE t.dictionary <> ALL (SELECT unnest(dictionaries) FROM archive_scopes WHERE id = $1)) new
    WHERE s.id = $1 AND new.names IS NOT NULL)
SELECT id FROM added ORDER BY id"""


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk to be stored, of one source. ``indexed`` are the words by which it is found; ``text`` is a document's."""

    indexed: str
    position: int
    said_at: datetime
    message_id: int | None = None
    page_id: int | None = None
    document_id: int | None = None
    part: int = 0
    start: int = 0
    length: int = 0
    text: str = ""
    importance: int = 5
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
