"""Steps that count the tokens of a text, by the model that would write."""

from typing import Any, ClassVar

from db import heartbeats, jobs
from db.overrides import PromptScope
from db.payloads.notice import Notice
from db.prompts_in_force import InForce, in_force
from db.token_counts import CountTokens
from workers.engines.text.settings import ROLES
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.sampling import resolve
from workers.functions.write_page import WritePage
from workers.steps.base import Commit, Run, Step


class CountTextTokens(Step):
    """Count a text, by the model that would write the next page or reply here."""

    name: ClassVar[str] = "count_tokens"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the number of tokens, the window, the model and the engine ("": none can write, it is a bound)."""
        parameters, services = run.parameters(CountTokens), run.services
        function = WritePage() if parameters.story else AnswerAsPersona()
        chosen = InForce()
        if run.job.account_id is not None:
            about = PromptScope(persona_id=parameters.persona)
            chosen = await in_force(run.job.account_id, function.prompt, about, conversation_id=run.job.conversation_id)
        model = resolve(function, services.sampling, chosen.sampling, chosen.text_model).model
        limits = await services.text.limits(model)
        (count,) = await limits.count([parameters.text])
        named = (await heartbeats.models() or ("",))[0] if model in ROLES else model
        engine = "" if limits.engine is None else limits.engine.name
        return {"tokens": count, "window": limits.context, "model": named or engine, "engine": engine}


class TellTokens(Commit):
    """Tell how many there are; the text is not kept."""

    name: ClassVar[str] = "tell_tokens"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping."""
        counted: dict[str, Any] = run.outputs[CountTextTokens.name]
        values = {**counted, "characters": len(run.parameters(CountTokens).text)}
        await run.reply(Notice(key="told.tokens" if counted["engine"] else "told.bound", values=values, private=True))
        await jobs.forget_parameters(run.job.id, run.token)
        return {}
