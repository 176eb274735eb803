"""Feeds and what was seen in them."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from tortoise import fields
from tortoise.models import Model

from db.models.base import TableRow


class FeedRow(TableRow):
    """A feed that a persona follows."""

    account_id = fields.BigIntField()
    persona_id = fields.BigIntField()
    user_id = fields.BigIntField(null=True)
    url = fields.TextField()
    title = fields.TextField(default="")
    allowance = fields.TextField(default="sfw")
    etag = fields.TextField(default="")
    modified = fields.TextField(default="")
    failures = fields.IntField(default=0)
    problem = fields.TextField(default="")
    checked_at = fields.DatetimeField(null=True)
    due_at = fields.DatetimeField(null=True)
    job_id = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "feeds"


class FeedItemRow(Model):
    """An item that was seen in a feed, and the document that is kept of it."""

    id = fields.BigIntField(primary_key=True)
    feed_id = fields.BigIntField()
    digest = fields.TextField()
    document_id = fields.BigIntField(null=True)
    posted_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()

    class Meta:
        """Table name."""

        table = "feed_items"
