"""Owners and texts of the tables of memory; `db.privacy` has those of all others."""

from typing import Final

from db.schemas import Quotes, Retention, TableRule, texts


def _remembered(*columns: str, rows: str = "%s") -> tuple[Quotes, ...]:
    """Return where what is remembered of a story or conversation may quote its people."""
    of = "memory_id IN (SELECT id FROM memories WHERE %s = $1)"
    return (
        Quotes("story", rows % (of % "story_id"), columns),
        Quotes("conversation", rows % (of % "conversation_id"), columns),
    )


MEMORY_TABLES: Final = (
    # A copy or a project is its maker's; what a story's or chat's own session has is of ids.
    TableRule(
        "context_sessions",
        owner=("account_id", "user_id"),
        texts=texts(words="name elements", ids="pins build", settings="kind filters"),
        author="user_id",
    ),
    # What is remembered hangs on what it was made from: it goes with its page, message, story or chat.
    TableRule("memories", owner=("story_id", "conversation_id"), texts=texts(words="forgotten", settings="rating")),
    TableRule(
        "summaries",
        owner=("memory_id",),
        texts=texts(derived="text", ids="source_hash", settings="kind version", state="jumps"),
        quotes=_remembered("text"),
    ),
    TableRule(
        "facts",
        owner=("memory_id",),
        texts=texts(words="subject text", names="present", settings="kind version verdict"),
        author="user_id",
        quotes=_remembered("subject", "text", "present"),
    ),
    TableRule(
        "forget_requests",
        owner=("memory_id",),
        texts=texts(words="word"),
        author="user_id",
        retention=Retention(1, "created_at"),
    ),
    TableRule("fact_successions", owner=("fact_id", "successor_id")),
    TableRule(
        "tracked_questions",
        owner=("memory_id",),
        texts=texts(words="subject question", settings="attach verdict"),
        author="user_id",
    ),
    TableRule(
        "tracked_answers",
        owner=("question_id",),
        texts=texts(derived="text", settings="version"),
        quotes=_remembered("text", rows="question_id IN (SELECT id FROM tracked_questions WHERE %s)"),
    ),
    TableRule(
        "pins",
        owner=("memory_id",),
        texts=texts(words="text value", settings="test verdict"),
        author="user_id",
    ),
    TableRule(
        "plots",
        owner=("memory_id",),
        texts=texts(derived="content", settings="version"),
        quotes=_remembered("content"),
    ),
    TableRule(
        "short_forms",
        owner=("memory_id",),
        texts=texts(derived="text", ids="key", settings="kind version"),
        quotes=_remembered("text"),
    ),
)
