"""Steps of personas that a model writes: make one up and keep it, write about one and keep that."""

import time
from typing import Any, ClassVar

from db import personas
from db.errors import LeaseLost, NotFound
from db.payloads.persona import PersonaShown
from db.personas import PersonaCard
from db.personas.writing import MakeUpPersona, RewritePersonaJob
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.persona.generate_persona import GenerateInputs, GeneratePersona, PersonaSheet
from workers.functions.persona.rewrite_persona import PersonaChanges, RewriteInputs, RewritePersona
from workers.steps.base import Commit, Run, Step


class MakeUp(Step):
    """Make up a persona."""

    name: ClassVar[str] = "make_up"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return a `PersonaSheet`."""
        asked = run.parameters(MakeUpPersona)
        # A job's number is nobody else's, and that of its traits is not either.
        inputs = GenerateInputs(hint=asked.hint, name=asked.name, language=asked.language, seed=run.job.id)
        caller = CallContext(run.tracker, run.job.account_id, rating=asked.allowance)
        return (await FunctionEngine(run.services).run(GeneratePersona(), inputs, caller)).model_dump()


class KeepMadeUp(Commit):
    """Keep a persona that was made up, as its asker's own, and show it."""

    name: ClassVar[str] = "keep_made_up"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return its id. Raises `LimitReached` if the account has enough of them."""
        asked, account, user = run.parameters(MakeUpPersona), run.job.account_id, run.job.user_id
        if account is None or user is None:
            raise LeaseLost("who asked for the persona is gone")
        sheet = PersonaSheet.model_validate(run.outputs[MakeUp.name])
        card = PersonaCard.model_validate({**sheet.card(), "rating": asked.allowance, "language": asked.language})
        made = await personas.create(
            account, user, card.stored(), source="generated", visibility=asked.visibility, verdict="checked"
        )
        await run.reply(shown(user, made.id, "persona.generated", talks=asked.talks))
        return {"persona": made.id}


class Rewrite(Step):
    """Write about a persona."""

    name: ClassVar[str] = "rewrite"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return `PersonaChanges`. Raises `NotFound` if the persona is gone."""
        asked = run.parameters(RewritePersonaJob)
        if run.job.account_id is None or run.job.user_id is None:
            raise LeaseLost("who asked for it is gone")
        found = await personas.seen(run.job.account_id, run.job.user_id, asked.persona, moderate=asked.moderates)
        inputs = RewriteInputs(
            card=found.card, task=asked.task, wish=asked.wish, language=asked.language, seed=run.job.id
        )
        caller = CallContext(run.tracker, run.job.account_id, found.id, rating=asked.allowance)
        return (await FunctionEngine(run.services).run(RewritePersona(), inputs, caller)).model_dump()


class KeepRewritten(Commit):
    """Put into the card what was written, and show it; it can be taken back."""

    name: ClassVar[str] = "keep_rewritten"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the persona's id. Raises `NotFound`, `NotAllowed`."""
        asked, account, user = run.parameters(RewritePersonaJob), run.job.account_id, run.job.user_id
        if account is None or user is None:
            raise LeaseLost("who asked for it is gone")
        changes = PersonaChanges.model_validate(run.outputs[Rewrite.name]).model_dump()
        given = {name: value for name, value in changes.items() if value}
        if not given:
            raise NotFound("persona.nothing_to_add")
        await personas.edit(account, user, asked.persona, given, moderate=asked.moderates, verdict="checked")
        await run.reply(shown(user, asked.persona, "persona.rewritten", edit=True, talks=asked.talks))
        return {"persona": asked.persona}


def shown(user_id: int, persona_id: int, done: str, *, edit: bool = False, talks: bool = False) -> PersonaShown:
    """Return the menu of a persona, opened now."""
    return PersonaShown(
        owner=user_id,
        opened=int(time.time() // 60),
        persona=persona_id,
        page="edit" if edit else "card",
        done=done,
        talks=talks,
    )
