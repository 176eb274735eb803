"""What people think of what was written."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from tortoise import fields
from tortoise.fields.db_defaults import Now

from db.models.base import KeyedRow


class VoteRow(KeyedRow):
    """A thumb, up or down, of a person for a page or a reply."""

    id = fields.BigIntField(primary_key=True)
    user_id = fields.BigIntField()
    page_id = fields.BigIntField(null=True)
    message_id = fields.BigIntField(null=True)
    up = fields.BooleanField()
    voted_at = fields.DatetimeField(db_default=Now())

    class Meta:
        """Table name."""

        table = "votes"
