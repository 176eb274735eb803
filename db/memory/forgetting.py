"""Forgetting everything about a word: it is asked for with a word, shown what there is, and confirmed by the request.

`db.memory.facts.forget_about` does it. A person has one request for each memory; it ends after a day.
"""

from dataclasses import dataclass
from typing import Final

from db.connection import row, rows
from db.errors import BadInput, NotFound
from db.memory.chunks import ABOUT_A_WORD
from db.memory.facts import FORGOTTEN, checked_word
from db.records import columns, fetch_one

OPEN: Final = "interval '1 day'"
_MINE: Final = (
    "mine AS (SELECT m.id, m.forgotten FROM memories m LEFT JOIN stories s ON s.id = m.story_id "
    "LEFT JOIN conversations c ON c.id = m.conversation_id "
    "WHERE m.id = $2 AND coalesce(s.account_id, c.account_id) = $1)"
)


@dataclass(frozen=True, slots=True)
class AboutWord:
    """How much there is about a word: facts, summaries, answers, pins, notes on the plot, short forms, passages.

    ``known``: it is left out already.
    """

    facts: int
    summaries: int
    answers: int
    pins: int
    plots: int
    short_forms: int
    passages: int
    known: bool

    @property
    def nothing(self) -> bool:
        """Whether there is nothing."""
        counts = (self.facts, self.summaries, self.answers, self.pins, self.plots, self.short_forms, self.passages)
        return not any(counts)


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """A request to forget everything about a word."""

    id: int
    memory_id: int
    user_id: int
    word: str


async def ask(account_id: int, memory_id: int, user_id: int, word: str) -> int:
    """Keep what a person wants to be forgotten, in place of what they asked before, and return the request's id.

    Raises `BadInput`, `NotFound`.
    """
    word = checked_word(word)
    found = await row(
        f"WITH {_MINE} SELECT jsonb_array_length(forgotten - $3) >= $4 AS full FROM mine",
        account_id, memory_id, word, FORGOTTEN,
    )  # fmt: skip
    if found is None:
        raise NotFound("memory.unknown")
    if found["full"]:
        raise BadInput("memory.too_many", limit=FORGOTTEN)
    made = await row(
        "INSERT INTO forget_requests (memory_id, user_id, word) VALUES ($1, $2, $3) "
        "ON CONFLICT (memory_id, user_id) DO UPDATE SET id = DEFAULT, word = excluded.word, created_at = now() "
        "RETURNING id",
        memory_id, user_id, word,
    )  # fmt: skip
    assert made is not None
    return made["id"]


async def asked(account_id: int, user_id: int, request_id: int) -> ForgetRequest | None:
    """Return a person's request about a memory of an account; None if it is over."""
    return await fetch_one(
        ForgetRequest,
        f"SELECT {columns(ForgetRequest, 'r')} FROM forget_requests r JOIN memories m ON m.id = r.memory_id "
        "LEFT JOIN stories s ON s.id = m.story_id LEFT JOIN conversations c ON c.id = m.conversation_id "
        f"WHERE r.id = $3 AND r.user_id = $2 AND r.created_at > now() - {OPEN} "
        "AND coalesce(s.account_id, c.account_id) = $1",
        account_id, user_id, request_id,
    )  # fmt: skip


async def drop(user_id: int, request_id: int) -> None:
    """End a person's request."""
    await rows("DELETE FROM forget_requests WHERE id = $2 AND user_id = $1", user_id, request_id)


async def about(account_id: int, memory_id: int, word: str) -> AboutWord:
    """Return how much a memory of an account has about a word; nothing of another account's."""
    found = await fetch_one(
        AboutWord,
        f"WITH {_MINE} SELECT (SELECT count(*) FROM facts WHERE memory_id IN (SELECT id FROM mine) "
        "AND strpos(lower(subject || ' ' || text), lower($3)) > 0) AS facts, "
        "(SELECT count(*) FROM summaries WHERE memory_id IN (SELECT id FROM mine) "
        "AND strpos(lower(text), lower($3)) > 0) AS summaries, "
        "(SELECT count(*) FROM tracked_answers WHERE question_id IN (SELECT id FROM tracked_questions "
        "WHERE memory_id IN (SELECT id FROM mine)) AND strpos(lower(text), lower($3)) > 0) AS answers, "
        "(SELECT count(*) FROM pins WHERE memory_id IN (SELECT id FROM mine) "
        "AND strpos(lower(text), lower($3)) > 0) AS pins, "
        "(SELECT count(*) FROM plots WHERE memory_id IN (SELECT id FROM mine) "
        "AND strpos(lower(content::text), lower($3)) > 0) AS plots, "
        "(SELECT count(*) FROM short_forms WHERE memory_id IN (SELECT id FROM mine) "
        "AND strpos(lower(text), lower($3)) > 0) AS short_forms, "
        f"(SELECT count(*) FROM archive_chunks c WHERE {ABOUT_A_WORD}) AS passages, "
        "coalesce((SELECT forgotten ? $3 FROM mine), false) AS known",
        account_id, memory_id, word,
    )  # fmt: skip
    assert found is not None
    return found
