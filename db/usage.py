"""The log of AI calls: one row per run of an AI function. It holds sizes, reasons and costs, never user texts.

A finished run has a receipt: what wrote it, how, and of what it was told, by ids. See `TaskRecord`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from db.connection import jsonb, row, rows
from db.records import Json, fetch

MOST_TOKENS: Final = 2**31 - 1
MOST_USD: Final = Decimal(999_999)
"""The most that the columns hold: a server may report anything."""
LISTED: Final = 1000
"""Maximum length of a list in a receipt; of a longer one the beginning is kept."""


@dataclass(slots=True)
class TaskRecord:
    """The measurements of a run so far. ``cost_usd`` in US dollars.

    ``receipt``, as JSON without texts: ``model_hash`` (SHA-256 of the model's file, "" if unknown), ``seed``,
    ``sampling``, ``prompt`` (name, version, origin), ``test`` (the variant, if the prompt is tested), ``context`` (what
    it was told: tokens by layer, ids of elements), ``craft`` (how the text came to be shown: result, attempts, names of
    the checks that each answer failed, model).
    """

    state: str = "running"
    phase: str = "INIT"
    percent: int = 0
    engine: str = ""
    model: str = ""
    prompt_version: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    error: str = ""
    receipt: dict[str, Any] = field(default_factory=dict[str, Any])

    def step(self, kind: str, **details: Any) -> None:
        """Add what happened to ``steps``."""
        self.steps.append({"step": kind, **details})


@dataclass(frozen=True, slots=True)
class FunctionRun:
    """A finished run as the log has it: see `TaskRecord`. ``seconds`` is how long it took."""

    function: str
    state: str
    engine: str
    model: str
    steps: Json[list[dict[str, Any]]]
    receipt: Json[dict[str, Any]]
    prompt_tokens: int
    completion_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How the texts of one function and model came to be shown: numbers of runs, by the result in their receipts."""

    function: str
    model: str
    at_once: int
    mended: int
    again: int
    next: int
    offline: int

    @property
    def total(self) -> int:
        """All runs."""
        return self.at_once + self.mended + self.again + self.next + self.offline


async def begin(function: str, *, job_id: int | None, account_id: int | None) -> int:
    """Start the row of a run and return its id."""
    found = await row(
        # A running job may be deleted with its subject, and its account may have become part of another one.
        "INSERT INTO ai_tasks (function, job_id, account_id) VALUES ($1, (SELECT id FROM jobs WHERE id = $2), "
        "coalesce((SELECT account_id FROM jobs WHERE id = $2), (SELECT id FROM accounts WHERE id = $3))) RETURNING id",
        function, job_id, account_id,
    )  # fmt: skip
    assert found is not None
    return found["id"]


async def save(task_id: int, record: TaskRecord) -> None:
    """Update the row of a run; a state other than ``running`` ends it."""
    # What was told last is kept by the session of the story or chat, if somebody has opened it.
    await rows(
        "WITH wrote AS (SELECT j.page_id, j.message_id FROM ai_tasks t JOIN jobs j ON j.id = t.job_id WHERE t.id = $1 "
        "AND $2 = 'done' AND $13::jsonb ? 'context' AND t.function IN ('write_page', 'answer_as_persona')), "
        "of_story AS (UPDATE context_sessions s SET build = $13::jsonb -> 'context', built_at = now() "
        "FROM wrote w JOIN pages p ON p.id = w.page_id WHERE s.story_id = p.story_id AND s.user_id IS NULL), "
        "of_chat AS (UPDATE context_sessions s SET build = $13::jsonb -> 'context', built_at = now() "
        "FROM wrote w JOIN chat_messages m ON m.id = w.message_id WHERE s.conversation_id = m.conversation_id "
        "AND s.persona_id = m.persona_id AND s.epoch = m.epoch AND s.user_id IS NULL) "
        "UPDATE ai_tasks SET state = $2, phase = $3, percent = $4, engine = $5, model = $6, prompt_version = $7, "
        "steps = $8::jsonb, prompt_tokens = $9, completion_tokens = $10, cost_usd = $11, error = $12, "
        "receipt = $13::jsonb, "
        "finished_at = CASE WHEN $2 = 'running' THEN NULL ELSE now() END WHERE id = $1",
        task_id, record.state, record.phase, record.percent, record.engine, record.model, record.prompt_version,
        jsonb(record.steps), min(record.prompt_tokens, MOST_TOKENS), min(record.completion_tokens, MOST_TOKENS),
        min(record.cost_usd, MOST_USD), record.error, jsonb(_bounded(record.receipt)),
    )  # fmt: skip


async def runs_of(job_id: int) -> tuple[FunctionRun, ...]:
    """Return the finished runs of a job, oldest first."""
    found = await fetch(
        FunctionRun,
        "SELECT function, state, engine, model, steps, receipt, prompt_tokens, completion_tokens, "
        "extract(epoch FROM finished_at - started_at)::float AS seconds FROM ai_tasks "
        "WHERE job_id = $1 AND finished_at IS NOT NULL ORDER BY id",
        job_id,
    )
    return tuple(found)


async def acceptance(days: int, limit: int) -> tuple[Acceptance, ...]:
    """Return how texts came to be shown in the last ``days``, for the ``limit`` most asked functions and models."""
    found = await fetch(
        Acceptance,
        "SELECT function, craft ->> 'model' AS model, "
        "count(*) FILTER (WHERE craft ->> 'result' = 'at_once') AS at_once, "
        "count(*) FILTER (WHERE craft ->> 'result' = 'mended') AS mended, "
        "count(*) FILTER (WHERE craft ->> 'result' = 'again') AS again, "
        "count(*) FILTER (WHERE craft ->> 'result' = 'next') AS next, "
        "count(*) FILTER (WHERE craft ->> 'result' = 'offline') AS offline "
        "FROM (SELECT function, receipt -> 'craft' AS craft FROM ai_tasks "
        "WHERE started_at > now() - make_interval(days => $1) AND receipt ? 'craft') examined "
        "GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT $2",
        days, limit,
    )  # fmt: skip
    return tuple(found)


def _bounded(value: Any) -> Any:
    """Return JSON whose lists have at most `LISTED` items."""
    if isinstance(value, Mapping):
        return {str(key): _bounded(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value[:LISTED]]  # pyright: ignore[reportUnknownVariableType]
    return value
