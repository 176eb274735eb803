"""What precedes the inbox (updates that are late) and waits behind it (events whose file is still to be fetched)."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields
from tortoise.fields.db_defaults import Now

from db.models.base import TableRow


class LateUpdateRow(TableRow):
    """An update of a platform, kept until it is committed as an event."""

    platform = fields.TextField()
    chat_id = fields.TextField()
    content = fields.TextField()
    failures = fields.SmallIntField(default=0)

    class Meta:
        """Table name."""

        table = "late_updates"


class AwaitedFileRow(TableRow):
    """An event that waits for its file."""

    event_key = fields.TextField()
    platform = fields.TextField()
    account_id = fields.BigIntField()
    conversation_id = fields.BigIntField()
    event: dict[str, Any] = fields.JSONField()
    stored = fields.TextField(default="")
    attempts = fields.SmallIntField(default=0)
    not_before = fields.DatetimeField(db_default=Now())
    lease_token = fields.UUIDField(null=True)
    lease_expires = fields.DatetimeField(null=True)

    class Meta:
        """Table name."""

        table = "awaited_files"
