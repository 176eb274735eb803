"""The archive: what was said, written and uploaded, in chunks that a search finds."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.db_defaults import Now

from db.models.base import KeyedRow, TableRow


class ArchiveScopeRow(TableRow):
    """To whom, and where, chunks belong; which of the ids are set depends on ``kind``."""

    account_id = fields.BigIntField()
    kind = fields.TextField()
    conversation_id = fields.BigIntField(null=True)
    persona_id = fields.BigIntField(null=True)
    epoch = fields.IntField(default=0)
    story_id = fields.BigIntField(null=True)
    user_id = fields.BigIntField(null=True)
    dictionaries = ArrayField("text")
    indexed_to = fields.BigIntField(default=0)

    class Meta:
        """Table name."""

        table = "archive_scopes"


class ArchiveDocumentRow(TableRow):
    """An upload, lore or a note, added by a person."""

    scope_id = fields.BigIntField()
    user_id = fields.BigIntField(null=True)
    book_id = fields.BigIntField(null=True)
    kind = fields.TextField(default="upload")
    title = fields.TextField()
    media_type = fields.TextField(default="text/plain")
    bytes = fields.IntField(default=0)
    digest = fields.TextField(default="")
    verdict = fields.TextField(default="unchecked")
    rating = fields.TextField(default="sfw")

    class Meta:
        """Table name."""

        table = "archive_documents"


class ArchiveChunkRow(TableRow):
    """A part of a message, page or document, or a fact (one of the four), with the hashes of its stems."""

    scope_id = fields.BigIntField()
    source = fields.TextField()
    message_id = fields.BigIntField(null=True)
    page_id = fields.BigIntField(null=True)
    document_id = fields.BigIntField(null=True)
    fact_id = fields.BigIntField(null=True)
    part = fields.IntField(default=0)
    start = fields.IntField(default=0)
    length = fields.IntField(default=0)
    text = fields.TextField(default="")
    position = fields.BigIntField()
    said_at = fields.DatetimeField(db_default=Now())
    importance = fields.SmallIntField(default=5)
    words = fields.IntField(default=0)
    keys = ArrayField("bigint")
    counts = ArrayField("smallint")
    metadata: dict[str, Any] = fields.JSONField()

    class Meta:
        """Table name."""

        table = "archive_chunks"


class ArchiveVectorRow(KeyedRow):
    """A chunk's vector by one model."""

    id = fields.BigIntField(primary_key=True)
    chunk_id = fields.BigIntField()
    scope_id = fields.BigIntField()
    model = fields.TextField()
    numbers = ArrayField("real")

    class Meta:
        """Table name."""

        table = "archive_vectors"
