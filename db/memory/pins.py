"""Pins: texts and facts that every prompt holds, by hand, or by a rule over a tracked answer (no model is asked).

A pin of a story holds from the page on at which it was made, on the ways over it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from db.connection import row
from db.errors import BadInput, NotFound
from db.memory.facts import WAY
from db.memory.tracked import Tracked
from db.moderation import Verdict
from db.records import fetch

TEXT_CHARS: Final = 500
VALUE_CHARS: Final = 80
MOST: Final = 20
"""Pins of one memory."""

PinTest = Literal["", "is", "is_not", "has", "has_not", "known"]
"""What a rule asks of an answer: to be a text, to have a word, each also not, or to be known at all."""

PINS: Final = (
    "SELECT n.id, n.memory_id, n.page_id, n.fact_id, coalesce(f.subject || ': ' || f.text, n.text) AS text, "
    "n.question_id, n.test, n.value, coalesce(f.verdict, n.verdict) AS verdict "
    "FROM pins n LEFT JOIN facts f ON f.id = n.fact_id "
    "WHERE n.memory_id = %s AND n.verdict <> 'refused' AND f.verdict IS DISTINCT FROM 'refused' "
    "AND (n.page_id IS NULL OR n.page_id IN (SELECT id FROM way)) ORDER BY n.id"
)
"""The pins of a memory (``%s``) on the way (`db.memory.facts.WAY`); of a pinned fact the verdict on it as it is now."""
_UNKNOWN: Final = frozenset({"", "unknown"})


@dataclass(frozen=True, slots=True)
class PinRule:
    """Pinned only while the answer to ``question_id`` meets ``test`` with ``value``."""

    question_id: int
    test: PinTest
    value: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """A pin: ``text`` and ``verdict`` are its own, or those of the fact ``fact_id``."""

    id: int
    memory_id: int
    page_id: int | None
    fact_id: int | None
    text: str
    question_id: int | None
    test: PinTest
    value: str
    verdict: Verdict


async def pins(memory_id: int, page_id: int | None = None) -> list[Pin]:
    """Return the pins on the way to a page of a story, or of a chat, with the texts of pinned facts."""
    return await fetch(Pin, f"WITH RECURSIVE {WAY} {PINS % '$1'}", memory_id, page_id)


async def pin(
    memory_id: int,
    user_id: int,
    verdict: Verdict,
    *,
    text: str = "",
    fact_id: int | None = None,
    page_id: int | None = None,
    rule: PinRule | None = None,
) -> int:
    """Pin a text, or a fact of the same memory, and return the pin's id. Raises `BadInput`, `NotFound`."""
    text = " ".join(text.split())
    if (fact_id is None) != bool(text):
        raise BadInput("memory.empty")
    value = "" if rule is None else " ".join(rule.value.split())
    for each, limit in ((text, TEXT_CHARS), (value, VALUE_CHARS)):
        if len(each) > limit:
            raise BadInput("memory.too_long", length=len(each), limit=limit)
    counted = await row("SELECT count(*) AS n FROM pins WHERE memory_id = $1", memory_id)
    if counted is not None and counted["n"] >= MOST:
        raise BadInput("memory.too_many", limit=MOST)
    made = await row(
        "INSERT INTO pins (memory_id, user_id, page_id, fact_id, text, question_id, test, value, verdict) "
        "SELECT m.id, $2, $3, $4, $5, $6, $7, $8, $9 FROM memories m WHERE m.id = $1 "
        "AND ($3::bigint IS NULL OR EXISTS (SELECT FROM pages WHERE id = $3 AND story_id = m.story_id)) "
        "AND ($4::bigint IS NULL OR EXISTS (SELECT FROM facts WHERE id = $4 AND memory_id = m.id)) "
        "AND ($6::bigint IS NULL OR EXISTS (SELECT FROM tracked_questions WHERE id = $6 AND memory_id = m.id)) "
        "RETURNING id",
        memory_id, user_id, page_id, fact_id, text, None if rule is None else rule.question_id,
        "" if rule is None else rule.test, value, verdict,
    )  # fmt: skip
    if made is None:
        raise NotFound("memory.unknown")
    return made["id"]


async def unpin(account_id: int, pin_id: int) -> None:
    """Delete a pin. Raises `NotFound`."""
    gone = await row(
        "DELETE FROM pins n WHERE n.id = $2 AND EXISTS (SELECT FROM memories m "
        "LEFT JOIN stories s ON s.id = m.story_id LEFT JOIN conversations c ON c.id = m.conversation_id "
        "WHERE m.id = n.memory_id AND coalesce(s.account_id, c.account_id) = $1) RETURNING n.id",
        account_id, pin_id,
    )  # fmt: skip
    if gone is None:
        raise NotFound("memory.unknown")


def in_force(found: Sequence[Pin], questions: Sequence[Tracked]) -> list[Pin]:
    """Return the pins that hold: those by hand, and those whose rule the present answers meet."""
    answers = {question.id: question.answer for question in questions}
    return [each for each in found if holds(each, answers)]


def holds(found: Pin, answers: Mapping[int, str]) -> bool:
    """Return whether a pin's rule is met by the answers to tracked questions; one without a rule always holds."""
    if found.question_id is None:
        return True
    said, value = _plain(answers.get(found.question_id, "")), _plain(found.value)
    if said in _UNKNOWN:
        return False
    match found.test:
        case "is":
            return said == value
        case "is_not":
            return said != value
        case "has":
            return f" {value} " in f" {said} "
        case "has_not":
            return f" {value} " not in f" {said} "
        case "known" | "":
            return True


def _plain(text: str) -> str:
    """Return the words of a text; of one in a script without spaces, its characters."""
    return " ".join("".join(char if char.isalnum() else " " for char in text.casefold()).split())
