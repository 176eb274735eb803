"""What was refused, without its text, and what people reported."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from tortoise import fields

from db.models.base import TableRow


class IncidentRow(TableRow):
    """A refusal. ``digest`` is a keyed hash of the text, ``source`` the event or job, ``stage`` where it was found."""

    source = fields.TextField()
    rule = fields.TextField()
    stage = fields.TextField()
    field = fields.TextField(default="")
    digest = fields.TextField()
    account_id = fields.BigIntField(null=True)
    user_id = fields.BigIntField(null=True)
    conversation_id = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "incidents"


class ReportRow(TableRow):
    """What a person reported: a page, a chat message or a picture. ``reason`` is in their own words."""

    account_id = fields.BigIntField()
    conversation_id = fields.BigIntField(null=True)
    reporter_id = fields.BigIntField(null=True)
    subject_user_id = fields.BigIntField(null=True)
    page_id = fields.BigIntField(null=True)
    message_id = fields.BigIntField(null=True)
    picture_id = fields.BigIntField(null=True)
    reason = fields.TextField(default="")
    state = fields.TextField(default="open")
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        """Table name."""

        table = "reports"
