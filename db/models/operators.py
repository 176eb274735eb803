"""What the operators decide, and the audit log."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields
from tortoise.fields.db_defaults import Now

from db.models.base import KeyedRow, TableRow


class AccessRuleRow(TableRow):
    """A person or a place that is banned, or that may use the bot in allow-list mode."""

    verdict = fields.TextField()
    subject = fields.TextField()
    platform = fields.TextField()
    external_id = fields.TextField()
    user_id = fields.BigIntField(null=True)
    reason = fields.TextField(default="")
    ends_at = fields.DatetimeField(null=True)
    told_at = fields.DatetimeField(null=True)
    created_by = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "access_rules"


class ServiceSwitchRow(KeyedRow):
    """A command that is switched off, or maintenance mode with its message."""

    name = fields.CharField(max_length=200, primary_key=True)
    message = fields.TextField(default="")
    changed_by = fields.BigIntField(null=True)
    changed_at = fields.DatetimeField(db_default=Now())

    class Meta:
        """Table name."""

        table = "service_switches"


class AnnouncementRow(TableRow):
    """An announcement of the operators; accounts are gone through by id up to ``last_account``."""

    text = fields.TextField()
    state = fields.TextField(default="draft")
    listed_only = fields.BooleanField(default=False)
    last_account = fields.BigIntField(default=0)
    placed = fields.IntField(default=0)
    created_by = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "announcements"


class AuditRow(TableRow):
    """Who did what: ids, names of settings and numbers."""

    action = fields.TextField()
    account_id = fields.BigIntField(null=True)
    user_id = fields.BigIntField(null=True)
    subject = fields.TextField(default="")
    details: dict[str, Any] = fields.JSONField(default=dict)

    class Meta:
        """Table name."""

        table = "audit"
