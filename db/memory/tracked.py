"""Tracked questions: what somebody wants to be kept answered, such as "Is Tamsel hurt?", as of each way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from db.connection import row, rows
from db.errors import BadInput, NotFound
from db.memory.facts import WAY
from db.moderation import Verdict
from db.records import fetch

QUESTION_CHARS: Final = 200
SUBJECT_CHARS: Final = 60
MOST: Final = 20
"""Questions of one memory: each costs a model's answer every few pages."""
MOST_EVERY: Final = 50

Attach = Literal["always", "mention", "search"]
"""When the answer is told: always, when its subject is named, or only to who searches."""

QUESTIONS: Final = (
    "SELECT q.id, q.memory_id, q.user_id, q.subject, q.question, q.attach, q.every, "
    "q.verdict, coalesce(a.text, '') AS answer, a.page_id, a.message_id FROM tracked_questions q "
    "LEFT JOIN LATERAL (SELECT text, page_id, message_id FROM tracked_answers t WHERE t.question_id = q.id "
    "AND (t.page_id IS NULL OR t.page_id IN (SELECT id FROM way)) ORDER BY t.message_id DESC NULLS LAST, "
    "(SELECT number FROM pages WHERE id = t.page_id) DESC LIMIT 1) a ON true "
    "WHERE q.memory_id = %s AND q.verdict <> 'refused' ORDER BY q.id"
)
"""The questions of a memory (``%s``) with their answers on the way (`db.memory.facts.WAY`)."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """A question about ``subject`` (empty: the world), and its last answer on the way that was asked about.

    ``every``: pages or exchanges between two answers. ``answer`` is empty before the first; it was given as of
    ``page_id`` or ``message_id``.
    """

    id: int
    memory_id: int
    user_id: int | None
    subject: str
    question: str
    attach: Attach
    every: int
    verdict: Verdict
    answer: str
    page_id: int | None
    message_id: int | None


async def questions(memory_id: int, page_id: int | None = None) -> list[Tracked]:
    """Return the questions with their last answers on the way to a page of a story, or in a chat."""
    return await fetch(Tracked, f"WITH RECURSIVE {WAY} {QUESTIONS % '$1'}", memory_id, page_id)


async def track(
    memory_id: int, user_id: int, question: str, verdict: Verdict, *, subject: str = "", attach: Attach = "always",
    every: int = 4,
) -> int:  # fmt: skip
    """Keep a question answered from now on, and return its id. Raises `BadInput`."""
    question, subject = " ".join(question.split()), " ".join(subject.split())
    if not question:
        raise BadInput("memory.empty")
    for value, limit in ((question, QUESTION_CHARS), (subject, SUBJECT_CHARS)):
        if len(value) > limit:
            raise BadInput("memory.too_long", length=len(value), limit=limit)
    made = await row(
        "INSERT INTO tracked_questions (memory_id, user_id, subject, question, attach, every, verdict) "
        "SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM tracked_questions WHERE memory_id = $1) < $8 "
        "RETURNING id",
        memory_id, user_id, subject, question, attach, min(max(every, 1), MOST_EVERY), verdict, MOST,
    )  # fmt: skip
    if made is None:
        raise BadInput("memory.too_many", limit=MOST)
    await rows("UPDATE memories SET due_at = least(due_at, now()) WHERE id = $1", memory_id)
    return made["id"]


async def untrack(account_id: int, question_id: int) -> None:
    """Delete a question with its answers, and what is pinned by it. Raises `NotFound`."""
    gone = await row(
        "DELETE FROM tracked_questions q WHERE q.id = $2 AND EXISTS (SELECT FROM memories m "
        "LEFT JOIN stories s ON s.id = m.story_id LEFT JOIN conversations c ON c.id = m.conversation_id "
        "WHERE m.id = q.memory_id AND coalesce(s.account_id, c.account_id) = $1) RETURNING q.id",
        account_id, question_id,
    )  # fmt: skip
    if gone is None:
        raise NotFound("memory.unknown")


async def judge(question_id: int, verdict: Verdict) -> None:
    """Record the verdict on a question that was not judged before it was answered."""
    await rows(
        "UPDATE tracked_questions SET verdict = $2 WHERE id = $1 AND verdict = 'unchecked'", question_id, verdict
    )


async def answer(question_id: int, text: str, version: str, *, page_id: int | None, message_id: int | None) -> None:
    """Store the answer to a question as of a page or message, in place of the one there."""
    target = "page_id" if page_id is not None else "message_id"
    await rows(
        "INSERT INTO tracked_answers (question_id, page_id, message_id, text, version) SELECT id, $2, $3, $4, $5 "
        f"FROM tracked_questions WHERE id = $1 ON CONFLICT ({target}, question_id) WHERE {target} IS NOT NULL "
        "DO UPDATE SET text = excluded.text, version = excluded.version",
        question_id, page_id, message_id, text, version,
    )  # fmt: skip


def mentioned(questions: Sequence[Tracked], text: str) -> list[Tracked]:
    """Return the answered questions that belong into a prompt with this text, by their ``attach``."""
    said = text.casefold()
    return [
        q for q in questions
        if q.answer and (q.attach == "always" or (q.attach == "mention" and q.subject and q.subject.casefold() in said))
    ]  # fmt: skip
