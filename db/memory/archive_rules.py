"""Owners and texts of the tables of the archive, and of the files that are read into it."""

from typing import Final

from db.schemas import Retention, TableRule, texts

LORE_TABLES: Final = (
    TableRule(
        "lorebooks",
        owner=("account_id",),
        texts=texts(words="name more problems", settings="kind rating", state="verdict"),
        author="author_id",
    ),
    TableRule(
        "lorebook_entries",
        owner=("book_id",),
        texts=texts(words="name content keys secondary_keys more", settings="rules"),
    ),
    TableRule("lore_calls", owner=("entry_id",)),  # each goes with its page or message, too
)
FEED_TABLES: Final = (
    # What a feed says is a document of whoever added it, and goes with them, too.
    TableRule(
        "feeds",
        owner=("account_id", "user_id"),
        texts=texts(words="url title", ids="etag modified", settings="allowance", state="problem"),
        author="user_id",
    ),
    TableRule(
        "feed_items",
        owner=("feed_id",),
        retention=Retention(30, "seen_at", "document_id IS NULL"),
        texts=texts(ids="digest"),
    ),
)
ARCHIVE_TABLES: Final = (
    *LORE_TABLES,
    *FEED_TABLES,
    # A job reads them within minutes; one that could not be started is given up within the hour.
    TableRule(
        "uploads",
        owner=("account_id", "user_id"),
        retention=Retention(1, "created_at"),
        texts=texts(words="name data found"),
        author="user_id",
    ),
    TableRule("archive_scopes", owner=("account_id",), texts=texts(settings="kind dictionaries")),
    TableRule(
        "archive_documents",
        owner=("scope_id",),
        texts=texts(words="title", ids="digest", settings="kind media_type verdict rating"),
        author="user_id",
    ),
    # What is derived from a message or a page goes when that changes (triggers of the migration), whoever changes it.
    TableRule(
        "archive_chunks",
        owner=("scope_id",),
        omit=("keys", "counts"),
        texts=texts(words="text", names="metadata", derived="keys", state="source counts"),
    ),
    TableRule("archive_vectors", owner=("chunk_id",), omit=("numbers",), texts=texts(derived="numbers", ids="model")),
)
