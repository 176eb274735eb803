"""Documents of the archive: uploads, lore and notes of a person, persona, story or place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from db.connection import row, rows, transaction
from db.errors import LimitReached
from db.memory import chunks
from db.memory.chunks import NewChunk
from db.memory.indexing import GAP, dictionary_of
from db.memory.passages import passages
from db.memory.scopes import ArchiveScope, find, make
from db.moderation import Verdict
from db.records import columns, fetch
from db.work import Allowance

MAX_DOCUMENTS: Final = 500
"""Of a scope; lorebooks and what feeds say have limits of their own."""
LORE: Final = "lore"
FEED: Final = "feed"
MAX_CHARACTERS: Final = 2_000_000
"""Of a document."""
_END: Final = (
    "SELECT coalesce(max(position), 0) AS last, now() AS said_at FROM archive_chunks "
    "WHERE scope_id = $1 AND source = CASE $2 WHEN 'lore' THEN 'lore' ELSE 'document' END"
)


@dataclass(frozen=True, slots=True)
class ArchiveDocument:
    """A document. ``user_id`` added it; ``digest`` is the SHA-256 of what was uploaded, ``bytes`` its size."""

    id: int
    user_id: int | None
    kind: str
    title: str
    media_type: str
    bytes: int
    digest: str
    verdict: str
    created_at: datetime


async def add_document(
    account_id: int,
    scope: ArchiveScope,
    title: str,
    texts: Sequence[str],
    *,
    found_by: Sequence[str] = (),
    user_id: int | None = None,
    kind: str = "upload",
    media_type: str = "text/plain",
    size: int = 0,
    digest: str = "",
    verdict: Verdict = "unchecked",
    language: str = "",
    importance: int = 5,
    rating: Allowance = "sfw",
    book_id: int | None = None,
    posted_at: datetime | None = None,
    feed: str = "",
) -> int:
    """Keep a document of ``texts`` (its pages) in a scope of an account and return its id.

    What has the ``kind`` lore is the lorebook ``book_id`` as people search it, and its texts are entries; of the kind
    feed is what a feed, called ``feed``, said when it was ``posted_at`` (None: now). ``found_by``
    are more words for each text, by which its beginning is found. Of all texts together at most `MAX_CHARACTERS` are
    kept. Raises `NotFound` if the scope is not the account's, and `LimitReached` if it is full.
    """
    scope_id = await make(account_id, scope)
    async with transaction():
        await rows("SELECT id FROM archive_scopes WHERE id = $1 FOR UPDATE", scope_id)
        count = await row(
            "SELECT count(*) AS n FROM archive_documents WHERE scope_id = $1 AND kind NOT IN ('lore', 'feed')", scope_id
        )
        if kind not in {LORE, FEED} and count is not None and count["n"] >= MAX_DOCUMENTS:
            raise LimitReached("archive.full", count=MAX_DOCUMENTS)
        added = await row(
            "INSERT INTO archive_documents "
            "(scope_id, user_id, kind, title, media_type, bytes, digest, verdict, rating, book_id) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
            scope_id, user_id, kind, title, media_type, size, digest, verdict, rating, book_id,
        )  # fmt: skip
        end = await row(_END, scope_id, kind)
        assert added is not None
        assert end is not None
        new: list[NewChunk] = []
        position, left = end["last"] + GAP, MAX_CHARACTERS
        for number, text in enumerate(texts, start=1):
            others = " ".join(found_by[number - 1 : number])
            for passage in passages(text[:left]):
                before = (title if not new else "", others)
                others = ""
                new.append(
                    NewChunk(
                        " ".join((*filter(None, before), passage.text)),
                        position,
                        end["said_at"] if posted_at is None else min(posted_at, end["said_at"]),
                        document_id=added["id"],
                        part=len(new),
                        start=passage.start,
                        length=len(passage.text),
                        text=passage.text,
                        importance=importance,
                        lore=kind == LORE,
                        metadata=_metadata(kind, number, len(texts), feed),
                    )
                )
                position += 1
            # One entry does not lift another.
            position += GAP if kind == LORE else 0
            left = max(0, left - len(text))
        for first in range(0, len(new), 200):
            await chunks.add(scope_id, new[first : first + 200], dictionary_of(language))
    return added["id"]


def _metadata(kind: str, number: int, texts: int, feed: str) -> dict[str, Any]:
    """Return what is to be said with a passage: which feed it is from, or the number of its page."""
    if kind == FEED:
        return {"feed": feed}
    return {"page": number} if texts > 1 and kind != LORE else {}


async def documents(account_id: int, scopes: Sequence[ArchiveScope]) -> list[ArchiveDocument]:
    """Return the documents of an account's scopes, the newest first."""
    return await fetch(
        ArchiveDocument,
        f"SELECT {columns(ArchiveDocument)} FROM archive_documents WHERE scope_id = ANY ($1::bigint[]) "
        "ORDER BY id DESC",
        await find(account_id, scopes),
    )


async def remove_document(account_id: int, document_id: int) -> bool:
    """Delete a document of an account with its chunks; False if there is none."""
    gone = await rows(
        "DELETE FROM archive_documents d USING archive_scopes s "
        "WHERE d.id = $2 AND s.id = d.scope_id AND s.account_id = $1 RETURNING d.id",
        account_id, document_id,
    )  # fmt: skip
    return bool(gone)
