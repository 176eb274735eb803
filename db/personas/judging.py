"""Verdicts on personas that people write, where the word list alone does not decide: a job judges them."""

from typing import ClassVar

from db.connection import row
from db.moderation import Verdict
from db.personas.library import LIVE, Persona
from db.records import columns, fetch_one
from db.work import Allowance, JobParameters, Links


class JudgePersona(JobParameters):
    """Judge what a person has written of ``persona``; others see it once it is checked."""

    type: ClassVar[str] = "judge_persona"
    persona: int
    allowance: Allowance = "sfw"

    def links(self) -> Links:
        """Return the persona."""
        return Links(persona_id=self.persona)


async def unjudged(persona_id: int) -> Persona | None:
    """Return a persona that was not judged since its last change; None if it was, or is gone."""
    return await fetch_one(
        Persona,
        f"SELECT {columns(Persona, 'p')} FROM personas p WHERE p.id = $1 AND p.verdict = 'unchecked' AND {LIVE}",
        persona_id,
    )


async def judge(persona_id: int, revision: int, verdict: Verdict) -> bool:
    """Record the verdict on a persona, unless it has changed meanwhile (False)."""
    found = await row(
        "UPDATE personas SET verdict = $3 WHERE id = $1 AND revision = $2 AND verdict = 'unchecked' RETURNING id",
        persona_id, revision, verdict,
    )  # fmt: skip
    return found is not None
