"""The inbox (accepted events), the outbox (messages to send), who sends, and the clock that they go by."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields
from tortoise.fields.db_defaults import Now

from db.models.base import KeyedRow, TableRow


class InboxEventRow(KeyedRow):
    """An event that was committed; its key makes a replay a no-op. With an ``error`` it is a dead letter."""

    event_key = fields.CharField(max_length=200, primary_key=True)
    received_at = fields.DatetimeField(db_default=Now())
    error = fields.TextField(default="")

    class Meta:
        """Table name."""

        table = "inbox"


class OutboxRow(TableRow):
    """One message to send or to change. ``payload`` refers to the content by kind and ids."""

    event_key = fields.TextField()
    part = fields.TextField()
    platform = fields.TextField()
    conversation_id = fields.BigIntField()
    kind = fields.TextField()
    payload: dict[str, Any] = fields.JSONField(default=dict)
    destination: dict[str, Any] = fields.JSONField()
    ordered = fields.BooleanField(default=True)
    state = fields.TextField(default="pending")
    attempts = fields.IntField(default=0)
    failures = fields.IntField(default=0)
    not_before = fields.DatetimeField(db_default=Now())
    asked_at = fields.DatetimeField(db_default=Now())
    lease_token = fields.UUIDField(null=True)
    lease_expires = fields.DatetimeField(null=True)
    message_ids: list[str] = fields.JSONField(default=list)
    error = fields.TextField(default="")
    sent_at = fields.DatetimeField(null=True)
    edits_row = fields.BigIntField(null=True)
    buttons: list[str] | None = fields.JSONField(null=True)

    class Meta:
        """Table name."""

        table = "outbox"


class LeaderRow(KeyedRow):
    """Which process leads a platform, or a group of its shards; ``holder`` is empty if none does."""

    name = fields.CharField(max_length=200, primary_key=True)
    holder = fields.TextField(default="")
    beat = fields.BigIntField(default=0)
    host = fields.TextField(default="")
    problem = fields.TextField(default="")
    renewed_at = fields.DatetimeField(db_default=Now())
    standby_at = fields.DatetimeField(null=True)

    class Meta:
        """Table name."""

        table = "leaders"


class ClockRow(KeyedRow):
    """What the server's clock last showed, and when it was last seen to have gone far ahead; one row."""

    id = fields.BooleanField(primary_key=True, default=True)
    seen_at = fields.DatetimeField(db_default=Now())
    leapt_at = fields.DatetimeField(db_default=Now())

    class Meta:
        """Table name."""

        table = "clock"


class BotRow(KeyedRow):
    """The bot of a platform that the database belongs to."""

    platform = fields.CharField(max_length=200, primary_key=True)
    bot = fields.TextField()
    since = fields.DatetimeField(db_default=Now())
    start_link = fields.TextField(default="")

    class Meta:
        """Table name."""

        table = "bots"
