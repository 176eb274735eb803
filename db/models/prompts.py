"""The prompts that an account changed, and its tests of several variants of one."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from tortoise import fields
from tortoise.fields.db_defaults import Now

from db.models.base import KeyedRow


class OwnPromptRow(KeyedRow):
    """What all texts of an account for a prompt have."""

    id = fields.BigIntField(primary_key=True)
    account_id = fields.BigIntField()
    name = fields.TextField()
    source = fields.TextField()
    updated_by = fields.BigIntField(null=True)
    updated_at = fields.DatetimeField(db_default=Now())
    limit_hits = fields.SmallIntField(default=0)
    verdict = fields.TextField(default="unchecked")

    class Meta:
        """It is no table."""

        abstract = True


class PromptOverrideRow(OwnPromptRow):
    """An account's own text for a prompt, for all its personas or for one."""

    persona_id = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "prompt_overrides"


class TaskPromptRow(OwnPromptRow):
    """An account's own text for a prompt, for a story or a type of jobs."""

    story_id = fields.BigIntField(null=True)
    job_type = fields.TextField(null=True)

    class Meta:
        """Table name."""

        table = "task_prompts"


class PromptVariantRow(OwnPromptRow):
    """A variant of a test, for ``share`` per cent of the conversations; the control has no text."""

    test_id = fields.BigIntField()
    label = fields.TextField()
    share = fields.SmallIntField()

    class Meta:
        """Table name."""

        table = "prompt_variants"


class PromptTestRow(KeyedRow):
    """A test of a prompt, for everything, a persona or a type of jobs."""

    id = fields.BigIntField(primary_key=True)
    account_id = fields.BigIntField()
    persona_id = fields.BigIntField(null=True)
    job_type = fields.TextField(null=True)
    name = fields.TextField()
    started_at = fields.DatetimeField(db_default=Now())
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        """Table name."""

        table = "prompt_tests"


class TestedTextRow(KeyedRow):
    """A page or reply that a variant wrote."""

    id = fields.BigIntField(primary_key=True)
    variant_id = fields.BigIntField()
    page_id = fields.BigIntField(null=True)
    message_id = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "tested_texts"
