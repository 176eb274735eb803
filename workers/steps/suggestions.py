"""Steps that suggest what a person might say next: write, tell."""

from typing import Any, ClassVar

from db import chat_suggestions
from db.chat_suggestions import SuggestLine
from db.errors import LeaseLost, NotFound
from db.payloads.persona import LineSuggested
from db.personas.card import PersonaCard
from prompts.safety.rating import lowest
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.suggest_line import LineInputs, SpokenLine, SuggestedLine, WriteSuggestedLine, about
from workers.steps.base import Commit, Run, Step


class SuggestLineStep(Step):
    """Write a line."""

    name: ClassVar[str] = "suggest_line"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return a `SuggestedLine`. Raises `NotFound` if the answer is gone."""
        asked, job = run.parameters(SuggestLine), run.job
        found = None if job.user_id is None else await chat_suggestions.basis(job.account_id, asked.reply, job.user_id)
        if found is None:
            raise NotFound("chat.unknown_message")
        card = PersonaCard.lenient(found.persona.card)
        inputs = LineInputs(
            name=card.called,
            about=about(card),
            user_name=found.user_name,
            language=found.language,
            lines=[SpokenLine.model_validate(each) for each in found.lines],
            seed=job.id,
        )
        rating = lowest(found.persona.card.get("rating"), asked.allowance)
        caller = CallContext(run.tracker, job.account_id, found.persona.id, rating=rating)
        return (await FunctionEngine(run.services).run(WriteSuggestedLine(), inputs, caller)).model_dump()


class TellLine(Commit):
    """Tell the line to who asked for it."""

    name: ClassVar[str] = "tell_line"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping."""
        line = SuggestedLine.model_validate(run.outputs[SuggestLineStep.name])
        if run.job.user_id is None:
            raise LeaseLost("who asked for it is gone")
        await run.reply(LineSuggested(user=run.job.user_id, message=run.parameters(SuggestLine).reply, text=line.text))
        return {}
