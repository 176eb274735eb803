"""Stories: a permanent tree of pages; each page ends in choices or is an ending."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from tortoise import fields
from tortoise.fields.db_defaults import Now

from db.models.base import TableRow


class StoryRow(TableRow):
    """A story. ``cursor_id`` is its current page, ``revision`` counts the cursor's moves."""

    account_id = fields.BigIntField()
    owner_id = fields.BigIntField(null=True)
    conversation_id = fields.BigIntField()
    title = fields.TextField(default="")
    premise = fields.TextField()
    verdict = fields.TextField(default="unchecked")
    genre = fields.TextField(default="")
    language = fields.TextField(default="en")
    rating = fields.TextField(default="sfw")
    mode = fields.TextField(default="solo")
    illustrated = fields.BooleanField(default=False)
    picture_style = fields.TextField(default="")
    picture_size = fields.TextField(default="")
    picture_quality = fields.TextField(default="")
    picture_negative = fields.TextField(default="")
    seed = fields.BigIntField()
    cursor_id = fields.BigIntField(null=True)
    revision = fields.IntField(default=0)
    updated_at = fields.DatetimeField(db_default=Now())

    class Meta:
        """Table name."""

        table = "stories"


class PageRow(TableRow):
    """A page. ``variant_index`` numbers the variants of one place in the tree; ``chosen``: a cursor has been here."""

    story_id = fields.BigIntField()
    parent_id = fields.BigIntField(null=True)
    choice_id = fields.BigIntField(null=True)
    variant_index = fields.IntField(default=0)
    number = fields.IntField(default=1)
    state = fields.TextField()
    chosen = fields.BooleanField(default=False)
    title = fields.TextField(default="")
    text = fields.TextField(default="")
    ending = fields.BooleanField(default=False)
    job_id = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "pages"


class ChoiceRow(TableRow):
    """A choice on a page. ``kind`` is bold, careful, curious, or own (written by ``user_id``)."""

    page_id = fields.BigIntField()
    position = fields.IntField()
    text = fields.TextField()
    kind = fields.TextField()
    user_id = fields.BigIntField(null=True)
    verdict = fields.TextField(default="unchecked")

    class Meta:
        """Table name."""

        table = "choices"
