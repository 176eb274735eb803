"""Accounts, which own data; users, who act; conversations, where they act."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields
from tortoise.fields.db_defaults import Now

from db.models.base import TableRow


class AccountRow(TableRow):
    """A Discord guild, a DM user, a Telegram chat, the console's user."""

    platform = fields.TextField()
    kind = fields.TextField()
    external_id = fields.TextField()
    name = fields.TextField(default="")
    settings: dict[str, Any] = fields.JSONField(default=dict)
    left_at = fields.DatetimeField(null=True)
    present_at = fields.DatetimeField(null=True)
    unlisted_told_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)
    weight = fields.FloatField(default=1.0)

    class Meta:
        """Table name."""

        table = "accounts"


class UserRow(TableRow):
    """A person. Platform and id are those of the identity that has the personal account."""

    platform = fields.TextField()
    external_id = fields.TextField()
    name = fields.TextField(default="")
    language = fields.TextField(default="")
    cooldown_until = fields.DatetimeField(null=True)
    time_zone = fields.TextField(default="")
    closed_at = fields.DatetimeField(null=True)
    story_language = fields.TextField(default="")
    learning = fields.BooleanField(default=True)
    archive = fields.BooleanField(default=True)
    keep_days = fields.IntField(null=True)

    class Meta:
        """Table name."""

        table = "users"


class IdentityRow(TableRow):
    """A person on one platform. ``language`` is a BCP 47 tag, or empty; ``username`` is None if it is not known."""

    user_id = fields.BigIntField()
    platform = fields.TextField()
    external_id = fields.TextField()
    name = fields.TextField(default="")
    username = fields.TextField(null=True)
    language = fields.TextField(default="")
    wrong_codes = fields.SmallIntField(default=0)
    wrong_since = fields.DatetimeField(null=True)

    class Meta:
        """Table name."""

        table = "identities"


class LinkingRow(TableRow):
    """The linking of two people who are one. ``selector`` is the part of the code by which it is found."""

    user_id = fields.BigIntField()
    conversation_id = fields.BigIntField()
    other_user_id = fields.BigIntField(null=True)
    other_conversation_id = fields.BigIntField(null=True)
    state = fields.TextField(default="offered")
    confirmed = fields.BooleanField(default=False)
    other_confirmed = fields.BooleanField(default=False)
    selector = fields.TextField(null=True)
    salt = fields.BinaryField(null=True)
    code_hash = fields.BinaryField(null=True)
    tries = fields.SmallIntField(default=0)
    expires_at = fields.DatetimeField()

    class Meta:
        """Table name."""

        table = "linkings"


class MemberRow(TableRow):
    """The role that the platform gave somebody in a place, when they last did something there."""

    account_id = fields.BigIntField()
    user_id = fields.BigIntField()
    role = fields.TextField()
    roles: list[str] = fields.JSONField(default=list)

    class Meta:
        """Table name."""

        table = "members"


class ConversationRow(TableRow):
    """A chat, or a thread of one. ``mode`` says where plain text goes; ``epoch`` counts chat resets."""

    account_id = fields.BigIntField()
    platform = fields.TextField()
    chat_id = fields.TextField()
    thread_id = fields.TextField(default="")
    kind = fields.TextField()
    mode = fields.TextField(default="chat")
    story_id = fields.BigIntField(null=True)
    persona_id = fields.BigIntField(null=True)
    epoch = fields.IntField(default=0)
    last_epoch = fields.IntField(default=0)
    last_said = fields.TextField(default="")
    help_told_at = fields.DatetimeField(null=True)
    welcomed = fields.BooleanField(default=False)
    active_at = fields.DatetimeField(db_default=Now())
    left_at = fields.DatetimeField(null=True)

    class Meta:
        """Table name."""

        table = "conversations"


class DraftRow(TableRow):
    """A form that a person is being asked field by field in a conversation."""

    conversation_id = fields.BigIntField()
    user_id = fields.BigIntField()
    content: dict[str, Any] = fields.JSONField()

    class Meta:
        """Table name."""

        table = "drafts"
