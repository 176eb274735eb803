"""Personas and their chat messages."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField

from db.models.base import KeyedRow, TableRow


class PersonaRow(TableRow):
    """A persona. ``account_id`` None: it ships with the product. ``card`` holds all its fields."""

    account_id = fields.BigIntField(null=True)
    key = fields.TextField()
    position = fields.IntField(default=0)
    name = fields.TextField()
    card: dict[str, Any] = fields.JSONField()
    verdict = fields.TextField(default="unchecked")
    owner_id = fields.BigIntField(null=True)
    visibility = fields.TextField(default="place")
    source = fields.TextField(default="")
    origin_id = fields.BigIntField(null=True)
    revision = fields.IntField(default=1)
    share_code = fields.TextField(null=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        """Table name."""

        table = "personas"


class PersonaRevisionRow(TableRow):
    """A persona's card as it was before a change."""

    persona_id = fields.BigIntField()
    author_id = fields.BigIntField(null=True)
    revision = fields.IntField()
    card: dict[str, Any] = fields.JSONField()
    verdict = fields.TextField(default="unchecked")

    class Meta:
        """Table name."""

        table = "persona_revisions"


class PersonaOriginalRow(KeyedRow):
    """What of a persona's card is large and told to nobody."""

    id = fields.BigIntField(primary_key=True)
    persona_id = fields.BigIntField(unique=True)
    author_id = fields.BigIntField(null=True)
    content: dict[str, Any] = fields.JSONField()

    class Meta:
        """Table name."""

        table = "persona_originals"


class ChatMessageRow(TableRow):
    """One variant of one message. A persona's message replies to a user's; of its variants one is ``chosen``."""

    conversation_id = fields.BigIntField()
    persona_id = fields.BigIntField()
    speaker_id = fields.BigIntField(null=True)
    user_id = fields.BigIntField(null=True)
    epoch = fields.IntField(default=0)
    role = fields.TextField()
    reply_to_id = fields.BigIntField(null=True)
    turn_id = fields.BigIntField(null=True)
    variant_index = fields.IntField(default=0)
    chosen = fields.BooleanField(default=True)
    state = fields.TextField(default="ready")
    text = fields.TextField(default="")
    verdict = fields.TextField(default="unchecked")
    hidden = fields.BooleanField(default=False)

    class Meta:
        """Table name."""

        table = "chat_messages"


class ChannelSettingsRow(KeyedRow):
    """What holds in one conversation alone."""

    conversation_id = fields.BigIntField(primary_key=True)
    mode = fields.TextField(default="mention")
    keywords = ArrayField("text")
    chance = fields.SmallIntField(default=10)
    quiet_from = fields.SmallIntField(null=True)
    quiet_to = fields.SmallIntField(null=True)
    quiet_zone = fields.TextField(default="UTC")
    rating = fields.TextField(default="")
    model = fields.TextField(default="")
    language = fields.TextField(default="")
    told = fields.BooleanField(default=False)
    spare = fields.FloatField(default=0)
    spare_at = fields.DatetimeField()

    class Meta:
        """Table name."""

        table = "channel_settings"


class CompanyRow(KeyedRow):
    """A persona of a conversation with several."""

    id = fields.BigIntField(primary_key=True)
    conversation_id = fields.BigIntField()
    persona_id = fields.BigIntField()
    when_called = fields.BooleanField(default=False)
    joined_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        """Table name."""

        table = "company"


class SavedChatRow(TableRow):
    """A chat of a place: an epoch of its conversation, under a name, with an author's note."""

    conversation_id = fields.BigIntField()
    epoch = fields.IntField()
    persona_id = fields.BigIntField(null=True)
    author_id = fields.BigIntField(null=True)
    name = fields.TextField(default="")
    note = fields.TextField(default="")
    note_depth = fields.SmallIntField(default=4)
    verdict = fields.TextField(default="unchecked")

    class Meta:
        """Table name."""

        table = "saved_chats"
