"""Documents of the archive as people see them: their own, those of the stories that they read, those of everybody here.

What belongs to a person in a place is theirs alone; a solo story's is its owner's; a persona's and the place's own are
everybody's there. What was judged to be for adults is shown only where that may be (``adults``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from db.connection import rows
from db.errors import NotAllowed, NotFound
from db.memory.scopes import ArchiveScope, ScopeKind
from db.records import build, columns, fetch

LISTED: Final = 10
"""Documents of a page of a list."""
_SHOWN_TO: Final = (
    "archive_documents d JOIN archive_scopes s ON s.id = d.scope_id "
    "LEFT JOIN stories t ON t.id = s.story_id LEFT JOIN personas p ON p.id = s.persona_id "
    "WHERE s.account_id = $1 AND (s.kind IN ('persona', 'place') OR s.kind = 'person' AND s.user_id = $2 "
    "OR s.kind = 'story' AND (t.mode <> 'solo' OR t.owner_id = $2)) AND ($3 OR d.rating <> 'nsfw')"
)


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A document. ``about`` is the name of the persona or story to which it belongs, empty for others."""

    id: int
    kind: ScopeKind
    about: str
    user_id: int | None
    title: str
    bytes: int
    passages: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage that a search has found; ``page`` is its number in a document of several pages.

    ``book`` is the lorebook of which it is an entry; ``feed`` is what the feed is called that said it, and ``said_at``
    when, None if none did.
    """

    id: int
    document_id: int
    title: str
    text: str
    page: int | None
    book: int | None
    feed: str | None
    said_at: datetime


_DOCUMENT: Final = (
    "SELECT d.id, s.kind, coalesce(p.name, nullif(t.title, ''), t.premise, '') AS about, d.user_id, d.title, d.bytes, "
    "(SELECT count(*) FROM archive_chunks c WHERE c.document_id = d.id) AS passages, d.created_at "
    f"FROM {_SHOWN_TO} AND d.kind NOT IN ('lore', 'feed')"
)


async def listed(
    account_id: int, user_id: int, *, adults: bool = False, search: str = "", most: int = 25, skip: int = 0
) -> list[KeptDocument]:
    """Return the documents that a person sees in an account, the newest first; ``search`` is part of the title."""
    return await fetch(
        KeptDocument,
        f"{_DOCUMENT} AND strpos(lower(d.title), lower($4)) > 0 ORDER BY d.id DESC LIMIT $5 OFFSET $6",
        account_id, user_id, adults, search, most, skip,
    )  # fmt: skip


async def get(account_id: int, user_id: int, document_id: int, *, adults: bool = False) -> KeptDocument:
    """Return a document that a person sees. Raises `NotFound`."""
    found = await fetch(KeptDocument, f"{_DOCUMENT} AND d.id = $4", account_id, user_id, adults, document_id)
    if not found:
        raise NotFound("archive.no_document", document=document_id)
    return found[0]


async def remove(account_id: int, user_id: int, document_id: int, *, moderate: bool) -> KeptDocument:
    """Delete a document that a person sees and has added, or any that they see if they may ``moderate``.

    Raises `NotFound`, `NotAllowed`.
    """
    found = await get(account_id, user_id, document_id, adults=True)
    if found.user_id != user_id and not moderate:
        raise NotAllowed("archive.not_yours")
    await rows("DELETE FROM archive_documents WHERE id = $1", found.id)
    return found


async def readable(account_id: int, user_id: int, *, adults: bool = False) -> list[ArchiveScope]:
    """Return the scopes of the documents and lorebooks that a person sees."""
    found = await rows(
        "SELECT DISTINCT s.kind, s.conversation_id, s.persona_id, s.epoch, s.story_id, s.user_id "
        f"FROM {_SHOWN_TO}",
        account_id, user_id, adults,
    )  # fmt: skip
    return [build(ArchiveScope, each) for each in found]


async def passages(account_id: int, user_id: int, chunks: Sequence[int], *, adults: bool = False) -> list[FoundPassage]:
    """Return passages of documents that a person sees, in the order given; those that are gone are left out."""
    found = await fetch(
        FoundPassage,
        f"SELECT {columns(FoundPassage)} FROM (SELECT c.id, d.id AS document_id, d.title, c.text, "
        "(c.metadata ->> 'page')::int AS page, d.book_id AS book, c.metadata ->> 'feed' AS feed, c.said_at "
        "FROM archive_chunks c JOIN "
        f"(SELECT d.id, d.title, d.book_id FROM {_SHOWN_TO}) d ON d.id = c.document_id "
        "WHERE c.id = ANY ($4::bigint[])) f",
        account_id, user_id, adults, list(chunks),
    )  # fmt: skip
    by_id = {passage.id: passage for passage in found}
    return [by_id[chunk] for chunk in chunks if chunk in by_id]


async def expire(user_id: int, days: int) -> None:
    """Delete the documents that a person added more than so many days ago."""
    await rows(
        "DELETE FROM archive_documents WHERE user_id = $1 AND created_at < now() - make_interval(days => $2)",
        user_id, days,
    )  # fmt: skip
