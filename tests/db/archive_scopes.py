"""The part of `tests.db.scopes` that is about the archive, its documents, lorebooks, and files that are read."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from db import feeds, lorebooks, uploads
from db.memory import archive, documents, indexing, search
from db.memory import scopes as archive_scopes
from db.memory.scopes import ArchiveScope


def archives(c: Any) -> list[ArchiveScope]:
    """Every scope of somebody else's archive."""
    return [
        ArchiveScope.chat(c.other.conversation.id, c["personas"], c.other.conversation.epoch),
        ArchiveScope.story(c["stories"]),
        ArchiveScope.persona(c["personas"]),
        ArchiveScope.person(c.other.user.id),
        ArchiveScope.place(),
    ]


ARCHIVE_CALLS: Final[Mapping[str, Callable[[Any], Awaitable[Any]]]] = {
    "memory.archive.add_document": lambda c: archive.add_document(
        c.account, ArchiveScope.story(c["stories"]), "x", ["y"], user_id=c.user
    ),
    "memory.archive.documents": lambda c: archive.documents(c.account, archives(c)),
    "memory.archive.remove_document": lambda c: archive.remove_document(c.account, c["archive_documents"]),
    "memory.documents.listed": lambda c: documents.listed(c.account, c.user),
    "memory.documents.get": lambda c: documents.get(c.account, c.user, c["archive_documents"]),
    "memory.documents.remove": lambda c: documents.remove(c.account, c.user, c["archive_documents"], moderate=True),
    "memory.documents.readable": lambda c: documents.readable(c.account, c.user),
    "memory.documents.passages": lambda c: documents.passages(c.account, c.user, [c["archive_chunks"]]),
    "memory.indexing.index_chat": lambda c: indexing.index_chat(
        c.account, c.other.conversation.id, c["personas"], c.other.conversation.epoch
    ),
    "memory.indexing.index_story": lambda c: indexing.index_story(c.account, c["stories"]),
    "memory.indexing.index_facts": lambda c: indexing.index_facts(c.account, ArchiveScope.story(c["stories"])),
    "memory.scopes.of_documents": lambda c: archive_scopes.of_documents(c.account),
    "memory.scopes.find": lambda c: archive_scopes.find(c.account, archives(c)),
    "memory.scopes.make": lambda c: archive_scopes.make(c.account, ArchiveScope.story(c["stories"])),
    "memory.search.search": lambda c: search.search(c.account, archives(c), "What did zephyr say and find?"),
    "feeds.add": lambda c: feeds.add(c.account, c.user, c["personas"], "https://a.example/", "sfw"),
    "feeds.listed": lambda c: feeds.listed(c.account, c.user, adults=True, moderate=True),
    "feeds.get": lambda c: feeds.get(c.account, c.user, c["feeds"], adults=True, moderate=True),
    "feeds.remove": lambda c: feeds.remove(c.account, c.user, c["feeds"], moderate=True),
    "feeds.claim": lambda c: feeds.claim(c.account, c["feeds"]),
    "feeds.reads": lambda c: feeds.reads(c.account, c["feeds"], 1),
    "lorebooks.add": lambda c: lorebooks.add(
        c.account, ArchiveScope.story(c["stories"]), "x", {}, [{"content": "y"}], author_id=c.user
    ),
    "lorebooks.listed": lambda c: lorebooks.listed(c.account, c.user),
    "lorebooks.get": lambda c: lorebooks.get(c.account, c.user, c["lorebooks"]),
    "lorebooks.remove": lambda c: lorebooks.remove(c.account, c.user, c["lorebooks"], moderate=True),
    "lorebooks.names": lambda c: lorebooks.names(c.account, c.user, [c["lorebook_entries"]]),
    "lorebooks.contents": lambda c: lorebooks.contents(c.account, c.user, c["lorebooks"]),
    "uploads.keep": lambda c: uploads.keep(c.account, c.user, "map.txt", b"x"),
    "uploads.get": lambda c: uploads.get(c.account, c.user, c["uploads"]),
    "uploads.name_of": lambda c: uploads.name_of(c.account, c.user, c["uploads"]),
}
