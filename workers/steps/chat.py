"""Steps of persona chat: answer, publish."""

from typing import Any, ClassVar

from db import accounts, chats
from db.errors import LeaseLost
from db.work import PersonaReply
from workers.functions import registry
from workers.functions.answer_as_persona import ChatTurn, PersonaAnswer, PersonaInputs
from workers.functions.engine import CallContext, FunctionEngine
from workers.steps.base import Commit, Run, Step


class AnswerAsPersona(Step):
    """Write the persona's reply."""

    name: ClassVar[str] = "answer_as_persona"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return a `PersonaAnswer`."""
        found = await chats.get(run.parameters(PersonaReply).reply)
        if found is None or found[0].reply_to_id is None:
            raise LeaseLost("the reply was deleted")
        reply, persona, _ = found
        said = await chats.get(found[0].reply_to_id)
        if said is None:
            raise LeaseLost("what was said was deleted")
        user = await accounts.user(said[0].user_id) if said[0].user_id is not None else None
        inputs = PersonaInputs(
            persona=persona.card,
            user_name=user.name if user is not None and user.name else "friend",
            language=(user.language if user is not None else "") or "en",
            message=said[0].text,
            history=[
                ChatTurn(role="user" if m.role == "user" else "assistant", text=m.text)
                for m in await chats.history(reply)
            ],
            seed=said[0].id,
            variant=reply.variant_index,
        )
        async with run.services.stop_requests.offered(run.job) as stop:
            caller = CallContext(run.tracker, run.job.account_id, persona.id, run.parameters(PersonaReply).prompt, stop)
            answer = await FunctionEngine(run.services).run(registry.get("answer_as_persona"), inputs, caller)
        return answer.model_dump()


class PublishReply(Commit):
    """Fill the reply and announce it."""

    name: ClassVar[str] = "publish_reply"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the reply's id. Raises `LeaseLost` if it is gone."""
        reply_id = run.parameters(PersonaReply).reply
        answer = PersonaAnswer.model_validate(run.outputs[AnswerAsPersona.name])
        if answer.stopped and not answer.text:
            await chats.give_up(reply_id)
            await run.reply("notice", {"key": "job.cancelled", "values": {}})
            return {"reply": reply_id}
        if not await chats.attach_reply(reply_id, answer.text):
            raise LeaseLost(f"reply {reply_id} is gone")
        await run.reply("chat_reply", {"message": reply_id, "stopped": answer.stopped})
        return {"reply": reply_id}
