"""Lorebooks: kept with what they belong to, shown to those who see that, and read for prompts.

A book stays as it was added: another version of it is another book. What belongs to a person in a place is theirs
alone; a solo story's is its owner's; a persona's and the place's own are everybody's there. What was judged to be for
adults is shown only where that may be (``adults``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from db.connection import jsonb, row, rows, transaction
from db.errors import LimitReached, NotAllowed, NotFound
from db.memory.scopes import ArchiveScope
from db.moderation import Verdict
from db.records import Json, columns, fetch
from db.work import Allowance, JobParameters, Links

BookKind = Literal["persona", "story", "person", "place"]
MAX_BOOKS: Final = 20
"""Books of one persona, story, person or place: all of them are searched at every turn."""
MAX_BOOKS_BYTES: Final = 8_000_000
"""Bytes of their contents and keys: a worker holds all of them that count for a prompt."""
LISTED_BOOKS: Final = 10
"""Of a page of a list."""
SHOWN_ENTRIES: Final = 20
_OWNED: Final = """
SELECT $1::bigint AS account_id WHERE ($2::bigint IS NULL
        OR EXISTS (SELECT FROM personas p WHERE p.id = $2 AND coalesce(p.account_id, $1) = $1))
    AND ($3::bigint IS NULL OR EXISTS (SELECT FROM stories t WHERE t.id = $3 AND t.account_id = $1))"""
_SHOWN_TO: Final = (
    "lorebooks b LEFT JOIN stories t ON t.id = b.story_id LEFT JOIN personas p ON p.id = b.persona_id "
    "WHERE b.account_id = $1 AND (b.kind IN ('persona', 'place') OR b.kind = 'person' AND b.user_id = $2 "
    "OR b.kind = 'story' AND (t.mode <> 'solo' OR t.owner_id = $2)) AND ($3 OR b.rating <> 'nsfw')"
)


class ReadLorebook(JobParameters):
    """Read the file ``upload`` as a lorebook of ``persona``, of ``story``, or of the person or place (``owner``).

    ``title`` is empty for the name in the file; ``allowance`` is what may be kept there.
    """

    type: ClassVar[str] = "read_lorebook"
    upload: int
    title: str = ""
    owner: BookKind = "person"
    persona: int | None = None
    story: int | None = None
    allowance: Allowance = "sfw"

    def links(self) -> Links:
        """Return what it belongs to."""
        return Links(story_id=self.story, persona_id=self.persona)


@dataclass(frozen=True, slots=True)
class KeptLorebook:
    """A book. ``about`` is the name of the persona or story to which it belongs, empty for others.

    ``problems`` name regular expressions that cannot be used: ``entry``, ``key`` and ``problem``.
    """

    id: int
    kind: BookKind
    about: str
    author_id: int | None
    name: str
    entries: int
    problems: Json[list[dict[str, str]]]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """An entry of a book; ``rules`` are its other fields."""

    id: int
    book_id: int
    position: int
    name: str
    content: str
    keys: Json[list[str]]
    secondary_keys: Json[list[str]]
    rules: Json[dict[str, Any]]
    more: Json[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class BookSettings:
    """A book's own settings, as its file has them."""

    id: int
    name: str
    scan_depth: int | None
    token_budget: int | None
    recursive: bool
    more: Json[dict[str, Any]]


_BOOK: Final = (
    "SELECT b.id, b.kind, coalesce(p.name, nullif(t.title, ''), t.premise, '') AS about, b.author_id, b.name, "
    "(SELECT count(*) FROM lorebook_entries e WHERE e.book_id = b.id) AS entries, b.problems, b.created_at "
    f"FROM {_SHOWN_TO}"
)


async def add(
    account_id: int,
    scope: ArchiveScope,
    name: str,
    book: dict[str, Any],
    entries: Sequence[dict[str, Any]],
    *,
    author_id: int,
    problems: Sequence[dict[str, str]] = (),
    verdict: Verdict = "unchecked",
    rating: Allowance = "sfw",
) -> int:
    """Keep a book with its entries and return its id. Call it in a transaction.

    Raises `NotFound` if what it belongs to is not the account's, `LimitReached` if that has enough books or text.
    """
    if await row(_OWNED, account_id, scope.persona_id, scope.story_id) is None:
        raise NotFound("lore.unknown_owner")
    async with transaction():
        await rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"lorebooks:{account_id}")
        count = await row(
            "SELECT count(*) AS n FROM lorebooks WHERE account_id = $1 AND kind = $2 "
            "AND persona_id IS NOT DISTINCT FROM $3 AND story_id IS NOT DISTINCT FROM $4 "
            "AND user_id IS NOT DISTINCT FROM $5",
            account_id, scope.kind, scope.persona_id, scope.story_id, scope.user_id,
        )  # fmt: skip
        if count is not None and count["n"] >= MAX_BOOKS:
            raise LimitReached("lore.full", limit=MAX_BOOKS)
        held = await row(
            "SELECT coalesce(sum(octet_length(e.content) + octet_length(e.keys::text) "
            "+ octet_length(e.secondary_keys::text)), 0) AS n FROM lorebook_entries e JOIN lorebooks b "
            "ON b.id = e.book_id WHERE b.account_id = $1 AND b.kind = $2 AND b.persona_id IS NOT DISTINCT FROM $3 "
            "AND b.story_id IS NOT DISTINCT FROM $4 AND b.user_id IS NOT DISTINCT FROM $5",
            account_id, scope.kind, scope.persona_id, scope.story_id, scope.user_id,
        )  # fmt: skip
        if held is not None and held["n"] + sum(map(_size, entries)) > MAX_BOOKS_BYTES:
            raise LimitReached("lore.full_of_text")
        made = await row(
            "INSERT INTO lorebooks (account_id, kind, persona_id, story_id, user_id, author_id, name, scan_depth, "
            "token_budget, recursive, more, problems, verdict, rating) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12::jsonb, $13, $14) RETURNING id",
            account_id, scope.kind, scope.persona_id, scope.story_id, scope.user_id, author_id, name,
            book.get("scan_depth"), book.get("token_budget"), bool(book.get("recursive")),
            jsonb(book.get("more") or {}), jsonb(list(problems)), verdict, rating,
        )  # fmt: skip
        assert made is not None
        own = {"name", "content", "keys", "secondary_keys", "more"}
        given = [
            {
                "position": position,
                "name": entry.get("name", ""),
                "content": entry["content"],
                "keys": entry.get("keys", []),
                "secondary_keys": entry.get("secondary_keys", []),
                "rules": {field: value for field, value in entry.items() if field not in own},
                "more": entry.get("more", {}),
            }
            for position, entry in enumerate(entries)
        ]
        await rows(
            "INSERT INTO lorebook_entries (book_id, position, name, content, keys, secondary_keys, rules, more) "
            "SELECT $1, g.position, g.name, g.content, g.keys, g.secondary_keys, g.rules, g.more "
            "FROM jsonb_to_recordset($2::jsonb) AS g (position int, name text, content text, keys jsonb, "
            "secondary_keys jsonb, rules jsonb, more jsonb)",
            made["id"], jsonb(given),
        )  # fmt: skip
    return made["id"]


def _size(entry: Mapping[str, Any]) -> int:
    """Return the bytes of an entry's content and keys."""
    keys = (*entry.get("keys", []), *entry.get("secondary_keys", []))
    return sum(len(text.encode()) for text in (entry["content"], *keys))


async def listed(
    account_id: int, user_id: int, *, adults: bool = False, search: str = "", most: int = 25, skip: int = 0
) -> list[KeptLorebook]:
    """Return the books that a person sees in an account, the newest first; ``search`` is part of the name."""
    return await fetch(
        KeptLorebook,
        f"{_BOOK} AND strpos(lower(b.name), lower($4)) > 0 ORDER BY b.id DESC LIMIT $5 OFFSET $6",
        account_id, user_id, adults, search, most, skip,
    )  # fmt: skip


async def get(account_id: int, user_id: int, book_id: int, *, adults: bool = False) -> KeptLorebook:
    """Return a book that a person sees. Raises `NotFound`."""
    found = await fetch(KeptLorebook, f"{_BOOK} AND b.id = $4", account_id, user_id, adults, book_id)
    if not found:
        raise NotFound("lore.no_book", book=book_id)
    return found[0]


async def remove(account_id: int, user_id: int, book_id: int, *, moderate: bool) -> KeptLorebook:
    """Delete a book that a person sees and has added, or any that they see if they may ``moderate``.

    Raises `NotFound`, `NotAllowed`.
    """
    found = await get(account_id, user_id, book_id, adults=True)
    if found.author_id != user_id and not moderate:
        raise NotAllowed("lore.not_yours")
    await rows("DELETE FROM lorebooks WHERE id = $1", found.id)
    return found


async def contents(
    account_id: int, user_id: int, book_id: int, *, adults: bool = False
) -> tuple[BookSettings, list[KeptEntry]]:
    """Return a book that a person sees, as it was added. Raises `NotFound`."""
    await get(account_id, user_id, book_id, adults=adults)
    books = await settings([book_id])
    if not books:
        raise NotFound("lore.no_book", book=book_id)
    return books[0], await entries([book_id])


async def names(
    account_id: int, user_id: int, entries: Sequence[int], *, adults: bool = False
) -> dict[int, tuple[str, str]]:
    """Return the names of books and their entries by the ids of these, of books that a person sees."""
    found = await rows(
        "SELECT e.id, b.name AS book, coalesce(nullif(e.name, ''), e.keys ->> 0, '') AS entry FROM lorebook_entries e "
        f"JOIN (SELECT b.id, b.name FROM {_SHOWN_TO}) b ON b.id = e.book_id WHERE e.id = ANY ($4::bigint[])",
        account_id, user_id, adults, list(entries),
    )  # fmt: skip
    return {each["id"]: (each["book"], each["entry"]) for each in found}


async def settings(books: Sequence[int]) -> list[BookSettings]:
    """Return the settings of books that were found for a prompt (`db.memory.told`)."""
    return await fetch(
        BookSettings,
        f"SELECT {columns(BookSettings)} FROM lorebooks WHERE id = ANY ($1::bigint[]) ORDER BY id",
        list(books),
    )


async def entries(books: Sequence[int]) -> list[KeptEntry]:
    """Return the entries of books that were found for a prompt, in order."""
    return await fetch(
        KeptEntry,
        f"SELECT {columns(KeptEntry)} FROM lorebook_entries WHERE book_id = ANY ($1::bigint[]) "
        "ORDER BY book_id, position",
        list(books),
    )


async def note_called(called: Sequence[int], *, page_id: int | None = None, message_id: int | None = None) -> None:
    """Note that entries were called up for a page or a reply; call it in the transaction that publishes that.

    Entries that are gone meanwhile are left out.
    """
    await rows(
        "INSERT INTO lore_calls (entry_id, page_id, message_id) SELECT e.id, $2, $3 FROM lorebook_entries e "
        "WHERE e.id = ANY ($1::bigint[]) FOR KEY SHARE ON CONFLICT DO NOTHING",
        list(called), page_id, message_id,
    )  # fmt: skip


async def expire(user_id: int, days: int) -> None:
    """Delete the books that a person added more than so many days ago."""
    await rows(
        "DELETE FROM lorebooks WHERE author_id = $1 AND created_at < now() - make_interval(days => $2)",
        user_id, days,
    )  # fmt: skip
