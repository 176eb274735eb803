"""Exports of people's data, and files that they hand in."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields

from db.models.base import KeyedRow, TableRow


class DataExportRow(TableRow):
    """An export that a person asked for: of a place, or (without ``account_id``) of their own data."""

    user_id = fields.BigIntField()
    account_id = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "data_exports"


class DataExportPartRow(KeyedRow):
    """A part of an archive, until it is delivered."""

    id = fields.BigIntField(primary_key=True)
    export_id = fields.BigIntField()
    number = fields.IntField()
    data = fields.BinaryField()

    class Meta:
        """Table name."""

        table = "data_export_parts"


class UploadRow(TableRow):
    """A file that a person handed in, until a job has read it."""

    account_id = fields.BigIntField()
    user_id = fields.BigIntField()
    name = fields.TextField()
    data = fields.BinaryField()
    found: Any = fields.JSONField(null=True)

    class Meta:
        """Table name."""

        table = "uploads"
