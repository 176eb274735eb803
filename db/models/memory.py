"""What is remembered of stories and chats."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.db_defaults import Now

from db.models.base import TableRow


class MemoryRow(TableRow):
    """What is remembered of one story, or of one chat with a persona since its last reset, and what is to be done."""

    story_id = fields.BigIntField(null=True)
    conversation_id = fields.BigIntField(null=True)
    persona_id = fields.BigIntField(null=True)
    epoch = fields.IntField(null=True)
    rating = fields.TextField(default="sfw")
    read_to = fields.BigIntField(default=0)
    unread = fields.IntField(default=0)
    changes = fields.IntField(default=0)
    forgotten: list[Any] = fields.JSONField(default=list)
    due_at = fields.DatetimeField(null=True)
    job_id = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "memories"


class SummaryRow(TableRow):
    """A summary of a span of pages or messages, or of summaries of the level below."""

    memory_id = fields.BigIntField()
    level = fields.SmallIntField()
    page_id = fields.BigIntField(null=True)
    message_id = fields.BigIntField(null=True)
    # The ORM has methods of these names.
    starts = fields.IntField(source_field="first")
    ends = fields.IntField(source_field="last")
    first_said = fields.BigIntField(null=True)
    last_said = fields.BigIntField(null=True)
    previous_id = fields.BigIntField(null=True)
    jumps = ArrayField("int")
    kind = fields.TextField()
    text = fields.TextField()
    source_hash = fields.TextField()
    version = fields.TextField()
    stale = fields.BooleanField(default=False)

    class Meta:
        """Table name."""

        table = "summaries"


class FactRow(TableRow):
    """A fact, with the page or message it was learnt from; a person who said or added it is its author."""

    memory_id = fields.BigIntField()
    page_id = fields.BigIntField(null=True)
    message_id = fields.BigIntField(null=True)
    user_id = fields.BigIntField(null=True)
    subject = fields.TextField()
    text = fields.TextField()
    kind = fields.TextField()
    importance = fields.SmallIntField()
    present: list[Any] = fields.JSONField(default=list)
    valid_from = fields.DatetimeField(db_default=Now())
    version = fields.TextField()
    verdict = fields.TextField(default="checked")

    class Meta:
        """Table name."""

        table = "facts"


class FactSuccessionRow(TableRow):
    """A fact and the one that contradicts it and holds instead."""

    fact_id = fields.BigIntField()
    successor_id = fields.BigIntField()

    class Meta:
        """Table name."""

        table = "fact_successions"


class ContextSessionRow(TableRow):
    """What a story, a chat or a project has its models told besides its rows, and what they were told last."""

    account_id = fields.BigIntField()
    user_id = fields.BigIntField(null=True)
    kind = fields.TextField()
    story_id = fields.BigIntField(null=True)
    conversation_id = fields.BigIntField(null=True)
    persona_id = fields.BigIntField(null=True)
    epoch = fields.IntField(null=True)
    copied_from = fields.BigIntField(null=True)
    name = fields.TextField(default="")
    elements: list[Any] = fields.JSONField(default=list)
    pins: list[Any] = fields.JSONField(default=list)
    filters: dict[str, Any] = fields.JSONField(default=dict)
    build: dict[str, Any] = fields.JSONField(default=dict)
    built_at = fields.DatetimeField(null=True)
    updated_at = fields.DatetimeField(db_default=Now())

    class Meta:
        """Table name."""

        table = "context_sessions"


class ForgetRequestRow(TableRow):
    """A word about which somebody asked to have everything forgotten, until they confirm it."""

    memory_id = fields.BigIntField()
    user_id = fields.BigIntField()
    word = fields.TextField()

    class Meta:
        """Table name."""

        table = "forget_requests"


class TrackedQuestionRow(TableRow):
    """A question that is answered again every so many pages or exchanges."""

    memory_id = fields.BigIntField()
    user_id = fields.BigIntField(null=True)
    subject = fields.TextField(default="")
    question = fields.TextField()
    attach = fields.TextField(default="always")
    every = fields.SmallIntField()
    verdict = fields.TextField(default="unchecked")

    class Meta:
        """Table name."""

        table = "tracked_questions"


class TrackedAnswerRow(TableRow):
    """The answer to a tracked question as of a page or message."""

    question_id = fields.BigIntField()
    page_id = fields.BigIntField(null=True)
    message_id = fields.BigIntField(null=True)
    text = fields.TextField()
    version = fields.TextField()

    class Meta:
        """Table name."""

        table = "tracked_answers"


class PinRow(TableRow):
    """A text or fact that every prompt holds: always, or while the answer to a tracked question meets a rule."""

    memory_id = fields.BigIntField()
    user_id = fields.BigIntField(null=True)
    page_id = fields.BigIntField(null=True)
    message_id = fields.BigIntField(null=True)
    fact_id = fields.BigIntField(null=True)
    text = fields.TextField(default="")
    question_id = fields.BigIntField(null=True)
    test = fields.TextField(default="")
    value = fields.TextField(default="")
    verdict = fields.TextField(default="unchecked")

    class Meta:
        """Table name."""

        table = "pins"


class PlotRow(TableRow):
    """A story's outline, threads and characters as of a page."""

    memory_id = fields.BigIntField()
    page_id = fields.BigIntField()
    content: dict[str, Any] = fields.JSONField()
    version = fields.TextField()

    class Meta:
        """Table name."""

        table = "plots"


class ShortFormRow(TableRow):
    """A shorter form of a text that every prompt of a story or chat holds."""

    memory_id = fields.BigIntField()
    key = fields.TextField()
    kind = fields.TextField()
    text = fields.TextField()
    version = fields.TextField()

    class Meta:
        """Table name."""

        table = "short_forms"
