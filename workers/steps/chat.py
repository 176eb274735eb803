"""Steps of persona chat: answer, publish; judge what a person wrote in place of an answer."""

from typing import Any, ClassVar

from db import chat_turns, chats
from db.chat_turns import JudgeEdit
from db.chats import PendingReply
from db.errors import LeaseLost
from db.memory import memories
from db.payloads.notice import Notice
from db.payloads.persona import ChatReply
from db.personas.macros import SOMEBODY
from db.work import PersonaReply
from prompts.safety.rating import lowest
from workers.functions.answer_as_persona import AnswerAsPersona, PersonaAnswer, PersonaInputs
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.persona_card import told_card
from workers.functions.prose import extended
from workers.moderation.gate import Gate, Gated
from workers.services import Services
from workers.steps.base import Commit, PutOff, Run, Step
from workers.steps.lore import called_up, note_called
from workers.steps.past import read_chat
from workers.steps.seeing import look


class AnswerAsPersonaStep(Step):
    """Write the persona's reply."""

    name: ClassVar[str] = "answer_as_persona"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return a `PersonaAnswer`. Raises `PutOff` while an earlier reply of the chat is being written.

        People send a second message before the first is answered: its reply is written from the first one's, too.
        """
        parameters = run.parameters(PersonaReply)
        found = await chats.pending(parameters.reply)
        if found is None:
            raise LeaseLost("the reply, or what it answers, was deleted")
        if found.follows and await chats.follow(parameters.reply, run.job.id, run.token):
            raise PutOff
        seen = await look(run, found)
        if seen is not None and (found := await chats.pending(parameters.reply)) is None:
            raise LeaseLost("the reply, or what it answers, was deleted")
        inputs = await persona_inputs(run.services, found, await _begun(parameters))
        async with run.services.stop_requests.offered(run.job) as stop:
            rating = lowest(found.persona.card.get("rating"), parameters.allowance)
            caller = CallContext(run.tracker, run.job.account_id, found.persona.id, parameters.prompt, stop, rating)
            answer = await FunctionEngine(run.services).run(AnswerAsPersona(), inputs, caller)
        text = extended(inputs.begun, answer.text) if answer.text else ""
        return {**answer.model_dump(), "text": text, "unseen": seen is False, **called_up(inputs)}


async def _begun(parameters: PersonaReply) -> str:
    """Return the text that a reply goes on from; "" if it is a new one. Raises `LeaseLost` if that text is gone."""
    if parameters.continues is None:
        return ""
    begun = await chat_turns.begun(parameters.reply, parameters.continues)
    if begun is None:
        raise LeaseLost("the answer that was to be continued was deleted")
    return begun


async def persona_inputs(services: Services, found: PendingReply, begun: str = "") -> PersonaInputs:
    """Return what a persona's reply is written from, or the rest of one that has ``begun``."""
    return PersonaInputs(
        **await read_chat(services, found),
        persona=told_card(found.persona.card),
        user_name=(found.user.name if found.user is not None else "") or SOMEBODY,
        language=found.language or "en",
        message=found.said.text,
        seed=found.said.id,
        variant=found.reply.variant_index,
        place=f"{found.reply.conversation_id}:{found.reply.epoch}",
        now=found.said_at,
        begun=begun,
    )


class PublishReply(Commit):
    """Fill the reply and announce it."""

    name: ClassVar[str] = "publish_reply"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the reply's id. Raises `LeaseLost` if the reply was deleted or abandoned."""
        reply_id = run.parameters(PersonaReply).reply
        answer = PersonaAnswer.model_validate(run.outputs[AnswerAsPersonaStep.name])
        if answer.stopped and not answer.text:
            await chats.give_up(reply_id)
            await run.reply(Notice(key="job.cancelled"))
            return {"reply": reply_id}
        attached = await chats.attach_reply(reply_id, answer.text)
        if attached is None:
            raise LeaseLost(f"reply {reply_id} was deleted or abandoned")
        run.wake_after_commit(attached.following)
        await note_called(run.outputs[AnswerAsPersonaStep.name], message_id=reply_id)
        await memories.note_reply(reply_id, run.parameters(PersonaReply).allowance)
        parameters = run.parameters(PersonaReply)
        unseen = parameters.unseen or run.outputs[AnswerAsPersonaStep.name].get("unseen", False)
        payload = ChatReply(message=reply_id, stopped=answer.stopped, quoted=parameters.quoted, unseen=unseen)
        await run.reply(payload, edits_row=parameters.shown)
        return {"reply": reply_id}


class JudgeEditStep(Step):
    """Judge what a person wrote in place of a reply."""

    name: ClassVar[str] = "judge_edit"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping. Raises `db.moderation.TextRefused`, and `LeaseLost` if the text is gone."""
        parameters, services = run.parameters(JudgeEdit), run.services
        text = await chat_turns.unjudged(parameters.reply)
        if text is None:
            raise LeaseLost(f"the edited reply {parameters.reply} is gone")
        gate = Gate(
            services.moderator, services.policy, services.queue, run.tracker, Gated("edit"), parameters.allowance
        )
        await gate.admit_text(text)
        return {}


class PublishEdit(Commit):
    """Put what a person wrote in place of a reply, and show it there."""

    name: ClassVar[str] = "publish_edit"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the reply's id. Raises `LeaseLost` if the text is gone."""
        parameters = run.parameters(JudgeEdit)
        text = await chat_turns.unjudged(parameters.reply)
        attached = None if text is None else await chats.attach_reply(parameters.reply, text)
        if attached is None:
            raise LeaseLost(f"the edited reply {parameters.reply} is gone")
        run.wake_after_commit(attached.following)
        await run.reply(ChatReply(message=parameters.reply), edits_row=parameters.shown)
        return {"reply": parameters.reply}
