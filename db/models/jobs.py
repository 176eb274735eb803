"""Jobs, the results of their steps, the log of AI calls, and the workers."""

# The ORM reads Meta by name; it is not meant to extend its parent.
# pyright: reportIncompatibleVariableOverride=false

from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.db_defaults import Now

from db.models.base import KeyedRow, TableRow


class JobRow(TableRow):
    """A piece of slow work. ``attempt`` counts crashes, ``retries`` counts retryable errors."""

    type = fields.TextField()
    parameters: dict[str, Any] = fields.JSONField(default=dict)
    queue = fields.TextField()
    priority = fields.SmallIntField(default=0)
    state = fields.TextField(default="queued")
    attempt = fields.SmallIntField(default=0)
    retries = fields.SmallIntField(default=0)
    run_after = fields.DatetimeField(db_default=Now())
    woken_at = fields.DatetimeField(db_default=Now())
    turn: float | None = fields.FloatField(null=True)
    turn_id: int | None = fields.BigIntField(null=True)
    person_turn: float | None = fields.FloatField(null=True)
    lined = fields.BooleanField(default=False)
    lease_token = fields.UUIDField(null=True)
    lease_expires = fields.DatetimeField(null=True)
    phase = fields.TextField(default="")
    percent = fields.SmallIntField(default=0)
    stop_requested = fields.BooleanField(default=False)
    waiting_for = fields.TextField(default="")
    joining = fields.BooleanField(default=False)
    deadline = fields.DatetimeField(null=True)
    expires = fields.BooleanField(default=False)
    error = fields.TextField(default="")
    account_id = fields.BigIntField(null=True)
    user_id = fields.BigIntField(null=True)
    conversation_id = fields.BigIntField(null=True)
    parent_id = fields.BigIntField(null=True)
    story_id = fields.BigIntField(null=True)
    page_id = fields.BigIntField(null=True)
    message_id = fields.BigIntField(null=True)
    picture_id = fields.BigIntField(null=True)
    persona_id = fields.BigIntField(null=True)
    event_key: str | None = fields.TextField(null=True)
    destination: dict[str, Any] | None = fields.JSONField(null=True)
    started_at = fields.DatetimeField(null=True)
    claimed_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        """Table name."""

        table = "jobs"


class JobInteractionRow(TableRow):
    """A person's interaction that a job waits for, or will. ``name`` is the wait's; empty: any wait."""

    job_id = fields.BigIntField()
    name = fields.TextField(default="")
    content: Any = fields.JSONField()

    class Meta:
        """Table name."""

        table = "job_interactions"


class ArtifactRow(TableRow):
    """The result of a finished step of a job; a rerun starts from it."""

    job_id = fields.BigIntField()
    step = fields.TextField()
    kind = fields.TextField()
    parent_id = fields.BigIntField(null=True)
    metadata: dict[str, Any] = fields.JSONField(default=dict)
    content: Any = fields.JSONField()

    class Meta:
        """Table name."""

        table = "artifacts"


class AiTaskRow(KeyedRow):
    """One run of an AI function: phases, steps, tokens, cost. Holds no user texts."""

    id = fields.BigIntField(primary_key=True)
    job_id = fields.BigIntField(null=True)
    account_id = fields.BigIntField(null=True)
    function = fields.TextField()
    state = fields.TextField(default="running")
    phase = fields.TextField(default="INIT")
    percent = fields.SmallIntField(default=0)
    engine = fields.TextField(default="")
    model = fields.TextField(default="")
    prompt_version = fields.TextField(default="")
    steps: list[dict[str, Any]] = fields.JSONField(default=list)
    prompt_tokens = fields.IntField(default=0)
    completion_tokens = fields.IntField(default=0)
    cost_usd = fields.DecimalField(max_digits=12, decimal_places=6, default=0)
    error = fields.TextField(default="")
    receipt: dict[str, Any] = fields.JSONField(default=dict)
    started_at = fields.DatetimeField(db_default=Now())
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        """Table name."""

        table = "ai_tasks"


class HeartbeatRow(KeyedRow):
    """A living worker; the row without a name is all of them together."""

    worker = fields.CharField(max_length=300, primary_key=True)
    host = fields.TextField()
    queues = ArrayField("text")
    models = ArrayField("text")
    image_engines = ArrayField("text")
    running = fields.IntField()
    capacity = fields.IntField()
    sees = fields.BooleanField(default=False)
    seen_at = fields.DatetimeField(db_default=Now())
    steady_since = fields.DatetimeField(db_default=Now())

    class Meta:
        """Table name."""

        table = "heartbeats"
