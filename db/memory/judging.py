"""Verdicts on what people add to a memory, where the word list alone does not decide: a job judges it."""

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final, Literal

from db.connection import row
from db.moderation import Verdict
from db.work import Allowance, JobParameters

MemoryItem = Literal["fact", "pin"]
_TEXTS: Final = {"fact": ("facts", "subject || ': ' || text"), "pin": ("pins", "text || ' ' || value")}


class JudgeMemory(JobParameters):
    """Judge what a person added to a memory; others see it once it is checked."""

    type: ClassVar[str] = "judge_memory"
    item: MemoryItem
    id: int
    allowance: Allowance = "sfw"


@dataclass(frozen=True, slots=True)
class UnjudgedText:
    """A text that was not judged yet. ``digest`` tells whether it is still the same."""

    text: str
    digest: str


async def unjudged(item: MemoryItem, id_: int) -> UnjudgedText | None:
    """Return a text that was not judged yet; None if it was, or is gone."""
    table, text = _TEXTS[item]
    found = await row(f"SELECT {text} AS text FROM {table} WHERE id = $1 AND verdict = 'unchecked'", id_)
    return None if found is None else UnjudgedText(found["text"], _digest(found["text"]))


async def judge(item: MemoryItem, id_: int, digest: str, verdict: Verdict) -> bool:
    """Record the verdict on a text, unless it has changed meanwhile; what is refused is deleted. False: it has."""
    table, text = _TEXTS[item]
    same = f"id = $1 AND verdict = 'unchecked' AND encode(sha256(convert_to({text}, 'UTF8')), 'hex') = $2"
    if verdict == "refused":
        return await row(f"DELETE FROM {table} WHERE {same} RETURNING id", id_, digest) is not None
    found = await row(f"UPDATE {table} SET verdict = $3 WHERE {same} RETURNING id", id_, digest, verdict)
    return found is not None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
