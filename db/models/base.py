"""The base of all tables."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from tortoise import fields
from tortoise.fields.db_defaults import Now
from tortoise.models import Model


class TableRow(Model):
    """A row with a database-given id and creation time (the database's clock)."""

    id = fields.BigIntField(primary_key=True)
    created_at = fields.DatetimeField(db_default=Now())

    class Meta:
        """Abstract: no table of its own."""

        abstract = True
