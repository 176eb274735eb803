"""Lorebooks and their entries."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields

from db.models.base import KeyedRow, TableRow


class LorebookRow(TableRow):
    """A book; which of the ids are set depends on ``kind``."""

    account_id = fields.BigIntField()
    kind = fields.TextField()
    persona_id = fields.BigIntField(null=True)
    story_id = fields.BigIntField(null=True)
    user_id = fields.BigIntField(null=True)
    author_id = fields.BigIntField(null=True)
    name = fields.TextField()
    scan_depth = fields.IntField(null=True)
    token_budget = fields.IntField(null=True)
    recursive = fields.BooleanField(default=False)
    more: Any = fields.JSONField()
    problems: Any = fields.JSONField()
    verdict = fields.TextField(default="unchecked")
    rating = fields.TextField(default="sfw")

    class Meta:
        """Table name."""

        table = "lorebooks"


class LorebookEntryRow(KeyedRow):
    """An entry of a book, at its position in the file."""

    id = fields.BigIntField(primary_key=True)
    book_id = fields.BigIntField()
    position = fields.IntField()
    name = fields.TextField()
    content = fields.TextField()
    keys: Any = fields.JSONField()
    secondary_keys: Any = fields.JSONField()
    rules: Any = fields.JSONField()
    more: Any = fields.JSONField()

    class Meta:
        """Table name."""

        table = "lorebook_entries"


class LoreCallRow(KeyedRow):
    """An entry was called up for a page or a reply."""

    id = fields.BigIntField(primary_key=True)
    entry_id = fields.BigIntField()
    page_id = fields.BigIntField(null=True)
    message_id = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "lore_calls"
