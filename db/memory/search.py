"""Searching the archive: by words, and by meaning where there are vectors.

By words: a query is the OR of its stems, each weighted by how rare it is in the scopes that are searched. What is found
is a place, not a chunk: a chunk is lifted by what stands around it, half as much for each step (`REACH` of them; a time
jump keeps them apart). The sum over the words is BM25's, of counts summed over the neighbourhood.

By meaning: likeness of vectors, of the chunk and of its neighbourhood, half each. Both ways are scaled to 0…1 and
added, half each. Ranks are not fused: that lets weak matches of one list hurt the other. The constants were chosen on
dialogues of a public benchmark (LoCoMo, ``benchmarks.memory --locomo``); none was held out.

The work is bounded, however large a scope is. How common a word is comes from a sample of the scope; only what is rare
there is counted. The rarest words choose `BUDGET` chunks at most, and the next ones those where two of them meet; the
others only count in these. Where all words are common, the newest chunks are looked through: nothing reads the index's
whole list of a word that stands in more than `READ` chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from db.connection import rows, transaction
from db.memory import scopes as archive_scopes
from db.memory.scopes import ArchiveScope
from db.memory.vectors import literal
from db.memory.words import words
from db.records import Json, build

REACH: Final = 3
BUDGET: Final = 1_000
READ: Final = 5_000
"""A word that stands in more chunks than this is never looked up in the index: it would be read as a whole."""
COMMON: Final = 2_000
"""A word is counted in so many chunks at most: what is as common says little, however common it is."""
COUNTED: Final = 5_000
"""A larger scope is taken to be as large as its positions say, and how common a word is there comes from a sample."""
BLOCKS: Final = 32
BLOCK: Final = 16
"""The sample: so many chunks in a row from each of so many places, all along a scope and kind of source."""
SEEN: Final = 8
"""What the sample has less often is counted."""
TERMS: Final = 12
"""The rarest words of a query; the others do not count."""
NEWEST: Final = 2_000
"""Where all words are common, so many of the newest chunks are looked through."""
CANDIDATES: Final = 100
EXACT: Final = 10_000
"""Up to so many vectors are compared one by one; beyond, the approximate index is asked."""
QUERY_WORDS: Final = 40
_K1: Final = 0.9
_B: Final = 0.3
_USUAL_LENGTH: Final = 12.0
_OWN: Final = "({c}.words / ({c}.words + 1::float8))"
"""What says little itself ("I see.") is not lifted as high by what stands around it."""

ChunkSource = Literal["message", "page", "document", "fact", "lore"]


@dataclass(frozen=True, slots=True)
class ArchiveFilter:
    """What of the archive counts: of messages those before one, of pages those on a path, kinds of sources, times.

    ``pages`` are the ids of the path: without it all branches count. ``metadata`` must be contained in a chunk's. Lore
    is only searched where it is named: writers are told it by its keys.
    """

    before_message: int | None = None
    pages: Sequence[int] | None = None
    sources: Sequence[ChunkSource] = ("message", "page", "document", "fact")
    since: datetime | None = None
    until: datetime | None = None
    metadata: str = "{}"


@dataclass(frozen=True, slots=True)
class ArchiveWeights:
    """What is added to the likeness (0…1).

    ``recency`` for the newest of what was found and nothing for the oldest, in proportion between; ``importance`` at
    most, up or down, for an importance other than 5.
    """

    recency: float = 0.05
    importance: float = 0.1


@dataclass(frozen=True, slots=True)
class QueryVector:
    """The vector of a query, and the model that it is from: chunks without a vector of that model count by words."""

    model: str
    numbers: Sequence[float] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ArchiveHit:
    """A chunk that was found. ``score`` compares the hits of one search; ``metadata`` may name a ``speaker``.

    ``later`` is what holds instead of something that was learnt from this message or page; empty: nothing was replaced.
    """

    id: int
    source: ChunkSource
    message_id: int | None
    page_id: int | None
    document_id: int | None
    fact_id: int | None
    part: int
    text: str
    said_at: datetime
    importance: int
    metadata: Json[dict[str, Any]]
    later: str
    score: float


# A fact counts where it holds: on the path, and no successor of it is there.
_ON_PATH: Final = "{f}.verdict <> 'refused' AND ($6::bigint[] IS NULL OR {f}.page_id IS NULL OR {f}.page_id = ANY ($6))"
_REPLACED: Final = (
    "EXISTS (SELECT FROM fact_successions s JOIN facts n ON n.id = s.successor_id "
    f"WHERE s.fact_id = {{f}}.id AND {_ON_PATH.format(f='n')})"
)
_CHOICE: Final = (
    "{c}.scope_id = ANY ($1::bigint[]) AND {c}.source = ANY ($4::text[]) "
    "AND ($5::bigint IS NULL OR {c}.message_id IS NULL OR {c}.message_id < $5) "
    "AND ($6::bigint[] IS NULL OR {c}.page_id IS NULL OR {c}.page_id = ANY ($6)) "
    "AND {c}.said_at >= coalesce($7::timestamptz, '-infinity') "
    "AND {c}.said_at < coalesce($8::timestamptz, 'infinity') AND {c}.metadata @> $9::jsonb"
)
_FITS: Final = (
    f"{_CHOICE} AND ({{c}}.fact_id IS NULL OR EXISTS (SELECT FROM facts f WHERE f.id = {{c}}.fact_id "
    f"AND {_ON_PATH.format(f='f')} AND NOT {_REPLACED.format(f='f')}))"
)
_COLUMNS: Final = "c.scope_id, c.source, c.position, c.words, c.keys, c.counts"
_BY_WORDS: Final = f"""
key AS MATERIALIZED (
    SELECT s.id AS scope, hashtextextended(stem COLLATE "C", s.id) AS key, min(w.n) AS n
    FROM archive_scopes s, unnest(s.dictionaries) dictionary, unnest($2::text[]) WITH ORDINALITY w (word, n),
        unnest(ts_lexize(dictionary::regdictionary, w.word)) stem
    WHERE s.id = ANY ($1) GROUP BY 1, 2),
line AS MATERIALIZED (
    SELECT scope, kind, scope * 8 + place AS line, (
        SELECT max(position) FROM archive_chunks c WHERE c.scope_id = scope AND c.source = kind) AS last
    FROM unnest($1::bigint[]) scope, unnest($4::text[]) WITH ORDINALITY k (kind, place)),
sample AS MATERIALIZED (
    SELECT l.last / count(*) OVER (PARTITION BY l.line)::float8 AS stands_for, c.keys
    FROM line l, generate_series(0, {BLOCKS - 1}) block, LATERAL (
        SELECT c.keys FROM archive_chunks c WHERE c.scope_id = l.scope AND c.source = l.kind
            AND c.position > l.last * block / {BLOCKS} ORDER BY c.position LIMIT {BLOCK}) c
    WHERE l.last >= {COUNTED}),
seen AS MATERIALIZED (
    SELECT k.key, sum(s.stands_for) AS df FROM sample s, unnest(s.keys) stem JOIN key k ON k.key = stem
    GROUP BY 1 HAVING count(*) >= {SEEN}),
counted AS MATERIALIZED (
    SELECT k.key, k.n, coalesce(s.df, (SELECT count(*) FROM (
        SELECT FROM archive_chunks c WHERE c.keys @> ARRAY[k.key] LIMIT {COMMON}) found)) AS df
    FROM key k LEFT JOIN seen s USING (key)),
size AS MATERIALIZED (
    SELECT CASE WHEN count(*) < {COUNTED} THEN count(*) ELSE (SELECT sum(last) FROM line) END AS n FROM (
        SELECT FROM archive_chunks c WHERE c.scope_id = ANY ($1) LIMIT {COUNTED}) found),
term AS MATERIALIZED (
    SELECT t.n, ln(1 + (greatest(size.n, t.df) - t.df + 0.5) / (t.df + 0.5))::float8 AS weight
    FROM (SELECT n, sum(df)::float8 AS df FROM counted GROUP BY n) t, size WHERE t.df > 0
    ORDER BY t.df, t.n LIMIT {TERMS}),
ranked AS MATERIALIZED (
    SELECT key, n, df, sum(df) OVER rarest AS total, row_number() OVER rarest AS place FROM counted JOIN term USING (n)
    WHERE df > 0 WINDOW rarest AS (ORDER BY df, key)),
rare AS MATERIALIZED (
    SELECT array_agg(key) AS keys FROM ranked WHERE total <= {BUDGET} OR place = 1 AND df <= {READ}),
next AS MATERIALIZED (
    SELECT array_agg(key ORDER BY place) AS keys FROM (
        SELECT * FROM ranked r WHERE df <= {READ} AND key <> ALL (SELECT unnest(keys) FROM rare)
        ORDER BY place LIMIT 3) few),
chosen AS MATERIALIZED (
    SELECT l.line, c.position, c.words, c.keys, c.counts FROM (
        (SELECT {_COLUMNS} FROM archive_chunks c WHERE c.keys && (SELECT keys FROM rare) AND {_CHOICE.format(c="c")}
            LIMIT {BUDGET})
        UNION ALL
        (SELECT {_COLUMNS} FROM archive_chunks c WHERE (
            c.keys @> (SELECT keys[1:2] FROM next WHERE cardinality(keys) > 1)
            OR c.keys @> (SELECT keys[2:3] FROM next WHERE cardinality(keys) > 2)
            OR c.keys @> (SELECT ARRAY[keys[1], keys[3]] FROM next WHERE cardinality(keys) > 2))
            AND NOT c.keys && (SELECT keys FROM rare) AND {_CHOICE.format(c="c")} LIMIT {BUDGET} / 2)
        UNION ALL
        (SELECT {_COLUMNS} FROM line l, LATERAL (
            SELECT * FROM archive_chunks c WHERE c.scope_id = l.scope AND c.source = l.kind
            ORDER BY c.position DESC LIMIT {NEWEST}) c
        WHERE (SELECT keys FROM rare) IS NULL AND c.keys && (SELECT array_agg(key) FROM ranked WHERE place <= 3)
            AND {_CHOICE.format(c="c")} LIMIT {BUDGET})) c
    JOIN line l ON l.scope = c.scope_id AND l.kind = c.source),
hit AS MATERIALIZED (
    SELECT c.line, c.position, r.n,
        stem.count / (1 - {_B}::float8 + {_B}::float8 / {_USUAL_LENGTH}::float8 * c.words) AS f
    FROM chosen c, unnest(c.keys, c.counts) stem (key, count) JOIN ranked r ON r.key = stem.key),
scored AS MATERIALIZED (
    SELECT line, position, sum(weight * f / (f + {_K1}::float8)) AS score FROM (
        SELECT h.line, h.position + d AS position, h.n, sum(h.f * power(0.5::float8, abs(d))) AS f
        FROM hit h, generate_series(-{REACH}, {REACH}) d GROUP BY 1, 2, 3) spread
    JOIN term USING (n) GROUP BY 1, 2),
best AS MATERIALIZED (
    SELECT c.id, s.score * {_OWN.format(c="c")} AS score
    FROM (SELECT * FROM scored ORDER BY score DESC LIMIT 4 * {CANDIDATES}) s JOIN line l USING (line)
    JOIN archive_chunks c ON c.scope_id = l.scope AND c.source = l.kind AND c.position = s.position
    WHERE {_FITS.format(c="c")} AND c.length > 0
    ORDER BY 2 DESC LIMIT {CANDIDATES})"""
_RESULT: Final = f"""
SELECT c.id, c.source, c.message_id, c.page_id, c.document_id, c.fact_id, c.part, c.said_at, c.importance, c.metadata,
    CASE c.source WHEN 'message' THEN (SELECT substr(m.text, c.start + 1, c.length) FROM chat_messages m
            WHERE m.id = c.message_id)
        WHEN 'page' THEN (SELECT substr(p.text, c.start + 1, c.length) FROM pages p WHERE p.id = c.page_id)
        WHEN 'fact' THEN (SELECT CASE WHEN strpos(lower(f.text), lower(f.subject)) > 0 THEN f.text
            ELSE f.subject || ': ' || f.text END FROM facts f WHERE f.id = c.fact_id)
        ELSE c.text END AS text,
    coalesce((WITH RECURSIVE newer AS (
        SELECT f.id, '' AS text FROM facts f WHERE f.message_id = c.message_id OR f.page_id = c.page_id
        UNION SELECT n.id, n.text FROM newer o JOIN fact_successions s ON s.fact_id = o.id
            JOIN facts n ON n.id = s.successor_id WHERE {_ON_PATH.format(f="n")})
        SELECT f.text FROM newer f0 JOIN facts f ON f.id = f0.id WHERE f0.text <> '' AND NOT {_REPLACED.format(f="f")}
        ORDER BY f.id DESC LIMIT 1), '') AS later, r.score::float8 AS score
FROM (
    SELECT f.id, f.likeness + $11::float8 * (c.importance - 5) / 5 + $10::float8 * coalesce(
        extract(epoch FROM c.said_at - min(c.said_at) OVER ())::float8
        / nullif(extract(epoch FROM max(c.said_at) OVER () - min(c.said_at) OVER ())::float8, 0), 1) AS score
    FROM fused f JOIN archive_chunks c ON c.id = f.id ORDER BY 2 DESC, 1 LIMIT $3) r
JOIN archive_chunks c ON c.id = r.id
-- What was undone, or replaced by another variant, while it was being indexed is found no more.
WHERE c.message_id IS NULL OR EXISTS (SELECT FROM chat_messages m WHERE m.id = c.message_id AND m.chosen)
ORDER BY r.score DESC, r.id"""
_WORDS_ONLY: Final = f"""
WITH {_BY_WORDS},
fused AS (SELECT id, score / max(score) OVER () AS likeness FROM best)
{_RESULT}"""
_LIKE: Final = "-(v.numbers::vector <#> $12::real[]::vector)"
_NEAR_EXACT: Final = (
    f"SELECT v.chunk_id AS id FROM archive_vectors v {{joined}} ORDER BY {_LIKE} DESC LIMIT {CANDIDATES}"
)
_NEAR_INDEXED: Final = (
    "SELECT v.chunk_id AS id FROM archive_vectors v {joined} "
    f"ORDER BY v.numbers::halfvec({{dimensions}}) <#> $12::real[]::halfvec({{dimensions}}) LIMIT {CANDIDATES}"
)
_FUSED: Final = f"""
WITH {_BY_WORDS},
near AS MATERIALIZED ({{near}}),
candidate AS MATERIALIZED (SELECT id FROM best UNION SELECT id FROM near),
alike AS MATERIALIZED (
    SELECT c.id, 0.5 * max(v.likeness) FILTER (WHERE j.id = c.id)
        + 0.5 * sum(v.likeness * power(0.5::float8, abs(j.position - c.position)))
        / sum(power(0.5::float8, abs(j.position - c.position))) AS likeness
    FROM candidate JOIN archive_chunks c USING (id)
    JOIN archive_chunks j ON j.scope_id = c.scope_id AND j.source = c.source
        AND j.position BETWEEN c.position - {REACH} AND c.position + {REACH}
        AND ($6::bigint[] IS NULL OR j.page_id IS NULL OR j.page_id = ANY ($6))
    JOIN LATERAL (SELECT {_LIKE} AS likeness FROM archive_vectors v WHERE v.chunk_id = j.id AND v.model = $13) v ON true
    GROUP BY c.id),
span AS MATERIALIZED (
    SELECT (SELECT min(likeness) FROM (SELECT {_LIKE} AS likeness FROM archive_vectors v
            WHERE v.scope_id = ANY ($1) AND v.model = $13 LIMIT 300) sample) AS low,
        (SELECT max(likeness) FROM alike) AS high),
-- A join of the two would be planned as if there were few rows.
placed AS (
    SELECT p.id, p.score * {_OWN.format(c="c")} AS score FROM (
        SELECT unnest(array_agg(id) FILTER (WHERE id IS NOT NULL)) AS id, coalesce(max(score), 0) AS score FROM (
            SELECT l.line, c.position, c.id, NULL AS score FROM candidate JOIN archive_chunks c USING (id)
                JOIN line l ON l.scope = c.scope_id AND l.kind = c.source
            UNION ALL SELECT line, position, NULL, score FROM scored) places
        GROUP BY line, position) p
    JOIN archive_chunks c ON c.id = p.id),
fused AS (
    SELECT id, CASE WHEN alike IS NULL THEN by_words ELSE 0.5 * by_words + 0.5 * alike END AS likeness FROM (
        SELECT p.id, coalesce(p.score / nullif(max(p.score) OVER (), 0), 0) AS by_words,
            (a.likeness - span.low) / nullif(span.high - span.low, 0) AS alike
        FROM placed p LEFT JOIN alike a USING (id), span) both_ways)
{_RESULT}"""


async def search(
    account_id: int,
    scopes: Sequence[ArchiveScope],
    query: str,
    *,
    limit: int = 8,
    vector: QueryVector | None = None,
    only: ArchiveFilter | None = None,
    weights: ArchiveWeights | None = None,
) -> list[ArchiveHit]:
    """Return the chunks of an account's scopes that fit a query best, the best first.

    ``vector`` needs pgvector (`db.memory.vectors.prepare`). Nothing is found in scopes that are not the account's.
    """
    found = await archive_scopes.find(account_id, scopes)
    asked = list(dict.fromkeys(words(query)))[:QUERY_WORDS]
    if not found or not (asked or vector):
        return []
    only, weights = only or ArchiveFilter(), weights or ArchiveWeights()
    values: list[Any] = [
        found, asked, limit, list(only.sources), only.before_message, None if only.pages is None else list(only.pages),
        only.since, only.until, only.metadata, weights.recency, weights.importance,
    ]  # fmt: skip
    if vector is None:
        return [build(ArchiveHit, each) for each in await rows(_WORDS_ONLY, *values)]
    return await _search_both(found, values, vector)


async def _search_both(found: Sequence[int], values: Sequence[Any], vector: QueryVector) -> list[ArchiveHit]:
    joined = (
        "JOIN archive_chunks c ON c.id = v.chunk_id "
        f"WHERE v.scope_id = ANY ($1) AND v.model = {literal(vector.model)} AND {_FITS.format(c='c')}"
    )
    numbers = list(vector.numbers)
    many = await rows(
        "SELECT FROM archive_vectors WHERE scope_id = ANY ($1::bigint[]) AND model = $2 OFFSET $3 LIMIT 1",
        list(found), vector.model, EXACT,
    )  # fmt: skip
    if not many:
        sql = _FUSED.replace("{near}", _NEAR_EXACT.replace("{joined}", joined))
        return [build(ArchiveHit, each) for each in await rows(sql, *values, numbers, vector.model)]
    near = _NEAR_INDEXED.replace("{dimensions}", str(len(numbers))).replace("{joined}", joined)
    sql = _FUSED.replace("{near}", near)
    async with transaction():
        await rows("SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true)")
        return [build(ArchiveHit, each) for each in await rows(sql, *values, numbers, vector.model)]
