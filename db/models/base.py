"""The base of all tables."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields
from tortoise.fields.db_defaults import Now
from tortoise.models import Model, ModelMeta


class _TableMeta(ModelMeta):
    """Models whose source is not searched for comments on columns: that takes a sixth of a bot's start.

    The ORM wants the comments for tables that it makes itself; ours are made by migrations.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> type:
        return super().__new__(cls, name, bases, {**attributes, "_no_comments": True})


class KeyedRow(Model, metaclass=_TableMeta):
    """A row whose key is its own."""

    class Meta:
        """Abstract: no table of its own."""

        abstract = True


class TableRow(KeyedRow):
    """A row with a database-given id and creation time (the database's clock)."""

    id = fields.BigIntField(primary_key=True)
    created_at = fields.DatetimeField(db_default=Now())

    class Meta:
        """Abstract: no table of its own."""

        abstract = True
