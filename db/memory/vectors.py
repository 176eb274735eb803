"""Vectors of the archive's chunks: stored as plain numbers, compared by pgvector where the server has it.

No migration needs the extension: without it searches go by words. Vectors of different models are never compared; when
the model changes, a scope's chunks get new vectors in the background, and the old ones go when all have theirs.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from db.connection import jsonb, row, rows
from db.errors import Unstorable

BATCH: Final = 64
_TEXTS: Final = f"""
SELECT c.id, CASE c.source WHEN 'document' THEN c.text ELSE concat_ws(': ', c.metadata ->> 'speaker', (
    SELECT substr(m.text, c.start + 1, c.length) FROM chat_messages m WHERE m.id = c.message_id
    UNION ALL SELECT substr(p.text, c.start + 1, c.length) FROM pages p WHERE p.id = c.page_id
    UNION ALL SELECT concat_ws(': ', f.subject, f.text) FROM facts f WHERE f.id = c.fact_id)) END AS text
FROM archive_chunks c WHERE c.scope_id = $1 AND c.source <> 'lore' AND c.length > 0 AND c.id > $3
    AND NOT EXISTS (SELECT FROM archive_vectors v WHERE v.chunk_id = c.id AND v.model = $2)
ORDER BY c.id LIMIT {BATCH}"""
_log = logging.getLogger(__name__)


async def available() -> bool:
    """Return whether pgvector is installed in the connected database, or could be."""
    return await row("SELECT FROM pg_available_extensions WHERE name = 'vector'") is not None


async def prepare(model: str, dimensions: int) -> bool:
    """Make vectors of a model searchable; False if the server has no pgvector, or does not let us use it.

    Call it outside a transaction. May be repeated.
    """
    if not await available():
        return False
    digest = hashlib.sha256(model.encode()).hexdigest()[:12]
    try:
        await rows("CREATE EXTENSION IF NOT EXISTS vector")
        await rows(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS archive_vectors_{digest} ON archive_vectors "
            f"USING hnsw ((numbers::halfvec({int(dimensions)})) halfvec_ip_ops) WHERE model = {literal(model)}"
        )
    except (asyncpg.PostgresError, Unstorable) as e:
        _log.warning("vectors cannot be searched: %s", type(e).__name__)
        return False
    return True


async def missing(scope_id: int, model: str, after: int = 0) -> dict[int, str]:
    """Return the next chunks of a scope that have no vector of a model, with their texts by id, from ``after`` on."""
    return {r["id"]: r["text"] for r in await rows(_TEXTS, scope_id, model, after)}


async def put(model: str, vectors: Mapping[int, Sequence[float]]) -> None:
    """Store vectors by chunk; of chunks that are gone nothing is kept."""
    given: list[dict[str, Any]] = [{"id": chunk, "numbers": list(numbers)} for chunk, numbers in vectors.items()]
    await rows(
        "INSERT INTO archive_vectors (chunk_id, scope_id, model, numbers) SELECT c.id, c.scope_id, $1, g.numbers "
        "FROM jsonb_to_recordset($2::jsonb) AS g (id bigint, numbers real[]) JOIN archive_chunks c USING (id) "
        "ON CONFLICT DO NOTHING",
        model, jsonb(given),
    )  # fmt: skip


async def drop_others(scope_id: int, model: str) -> None:
    """Delete a scope's vectors of all other models."""
    await rows("DELETE FROM archive_vectors WHERE scope_id = $1 AND model <> $2", scope_id, model)


def literal(text: str) -> str:
    """Return a text as SQL writes it: an index for one model is only used by a statement that names it."""
    return "'" + text.replace("'", "''") + "'"
