"""What people and accounts have used of what is limited."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from tortoise import fields

from db.models.base import KeyedRow


class QuotaRow(KeyedRow):
    """What a person or an account has used lately of what is limited; all of it is available again at ``whole_at``."""

    id = fields.BigIntField(primary_key=True)
    account_id = fields.BigIntField(null=True)
    user_id = fields.BigIntField(null=True)
    name = fields.TextField()
    whole_at = fields.DatetimeField()

    class Meta:
        """Table name."""

        table = "quotas"


class SpentLimitRow(KeyedRow):
    """What somebody had used up who had their data deleted; ``digest`` is a keyed hash of platform and id."""

    id = fields.BigIntField(primary_key=True)
    digest = fields.TextField()
    name = fields.TextField()
    ends_at = fields.DatetimeField()

    class Meta:
        """Table name."""

        table = "spent_limits"
