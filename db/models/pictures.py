"""Pictures and their files."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from tortoise import fields

from db.models.base import TableRow


class PictureRow(TableRow):
    """A picture: its owner, subject and parameters. ``kind`` ``attached``: uploaded by a person to be redrawn."""

    account_id = fields.BigIntField()
    user_id = fields.BigIntField(null=True)
    conversation_id = fields.BigIntField(null=True)
    job_id = fields.BigIntField(null=True)
    page_id = fields.BigIntField(null=True)
    persona_id = fields.BigIntField(null=True)
    source_id = fields.BigIntField(null=True)
    kind = fields.TextField()
    prompt = fields.TextField(default="")
    negative = fields.TextField(default="")
    alt = fields.TextField(default="")
    style = fields.TextField(default="")
    size = fields.TextField(default="")
    quality = fields.TextField(default="")
    lora = fields.TextField(default="")
    typed = fields.TextField(default="")
    prompt_source = fields.TextField(default="")
    tokens = fields.IntField(default=0)
    strength = fields.FloatField(default=1.0)
    seed = fields.BigIntField(default=0)
    rating = fields.TextField(default="sfw")
    hidden = fields.BooleanField(default=False)
    width = fields.IntField(default=0)
    height = fields.IntField(default=0)
    engine = fields.TextField(default="")
    model = fields.TextField(default="")

    class Meta:
        """Table name."""

        table = "pictures"


class PictureFileRow(TableRow):
    """One file of a picture. ``form`` is ``full`` or ``photo``."""

    picture_id = fields.BigIntField()
    form = fields.TextField()
    mime = fields.TextField()
    data = fields.BinaryField()

    class Meta:
        """Table name."""

        table = "picture_files"
