"""Steps of persona chat: the reply and its place, and a reply that was stopped or is gone."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from db import chat_turns, chats, jobs, personas
from db.chat_turns import JudgeEdit
from db.connection import rows
from db.errors import LeaseLost
from db.models import ChatMessageRow, JobRow, OutboxRow
from db.work import JobParameters, PersonaReply
from prompts.personas import load_personas
from tests.db.world import somebody
from tests.workers.making import run_by
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.moderation.base import Assessment
from workers.moderation.moderator import Moderator
from workers.runner import Runner
from workers.services import Services
from workers.steps.base import Run
from workers.steps.chat import PublishReply, persona_inputs


async def asked() -> tuple[int, int]:
    """A reply that is to be written, and its job."""
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    who = await somebody()
    persona = await personas.active(who.conversation)
    reply = (await chats.say(who.conversation, persona, who.user.id, "Hello!")).reply
    job_id = await jobs.add(
        PersonaReply(reply=reply.id),
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key="console:1",
        destination={"chat_id": "c"},
    )
    return reply.id, job_id


async def next_job(parameters: JobParameters) -> int:
    """A job of the same person that changes the message of an earlier row."""
    who = await somebody()
    return await jobs.add(
        parameters,
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key="console:2",
        destination={"chat_id": "c"},
    )


async def publish(services: Services, job_id: int, answer: dict[str, Any]) -> None:
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    run = Run(job, job.lease_token, services)
    run.outputs["answer_as_persona"] = answer
    await PublishReply().run(run)


async def test_a_reply_is_written_and_announced(services: Services):
    reply, job_id = await asked()
    await run_by(Runner(services, 4), job_id)
    assert (await JobRow.get(id=job_id)).state == "done"
    message = await ChatMessageRow.get(id=reply)
    assert message.state == "ready"
    assert message.text
    (row,) = await OutboxRow.all()
    assert (row.kind, row.payload["message"], row.payload["stopped"]) == ("chat_reply", reply, False)


async def test_a_reply_that_was_stopped_midway_says_so(services: Services):
    reply, job_id = await asked()
    await publish(services, job_id, {"text": "The sea is", "stopped": True})
    assert (await ChatMessageRow.get(id=reply)).text == "The sea is"
    assert (await OutboxRow.get()).payload["stopped"] is True


async def test_a_reply_that_was_stopped_before_its_first_word_is_cancelled(services: Services):
    reply, job_id = await asked()
    await publish(services, job_id, {"text": "", "stopped": True})
    assert (await ChatMessageRow.get(id=reply)).state == "failed"
    row = await OutboxRow.get()
    assert (row.kind, row.payload["key"]) == ("notice", "job.cancelled")


async def test_a_reply_that_is_not_waited_for_is_not_announced(services: Services):
    _, job_id = await asked()
    await rows("UPDATE chat_messages SET state = 'failed' WHERE role = 'persona'")
    with pytest.raises(LeaseLost):
        await publish(services, job_id, {"text": "Too late.", "stopped": False})
    assert await OutboxRow.all().count() == 0


@dataclass
class Strict:
    """A classifier that takes one word for something that may not be shown."""

    word: str
    name: str = "strict"

    async def assess(self, text: str) -> Assessment:
        return Assessment("nsfw" if self.word in text else "sfw")

    async def close(self) -> None: ...


async def test_a_message_that_a_classifier_refuses_never_reaches_a_prompt(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    reply, job_id = await asked()
    await rows("UPDATE chat_messages SET text = 'Zephyr calls.' WHERE role = 'user'")
    strict = replace(services, moderator=Moderator((Strict("Zephyr"),)))
    await run_by(Runner(strict, 4), job_id)
    assert (await ChatMessageRow.get(id=reply)).state == "failed"
    said = await ChatMessageRow.get(role="user")
    assert said.verdict == "refused"
    (told,) = await OutboxRow.all()
    assert told.payload["key"] == "moderation.refused_rating"
    who = await somebody()
    again = (await chats.say(who.conversation, await personas.active(who.conversation), who.user.id, "Hi")).reply
    assert "Zephyr" not in str(await chats.history(again))
    traces = str(await rows("SELECT * FROM incidents")) + str(await rows("SELECT * FROM ai_tasks"))
    assert "Zephyr" not in traces + str(await rows("SELECT error FROM jobs")) + caplog.text


async def test_what_a_reply_answers_is_checked_then(services: Services) -> None:
    _, job_id = await asked()
    assert (await ChatMessageRow.get(role="user")).verdict == "unchecked"
    await run_by(Runner(services, 4), job_id)
    assert {m.verdict for m in await ChatMessageRow.all()} == {"checked"}


async def test_a_reply_that_goes_on_is_one_variant_and_changes_its_message(services: Services) -> None:
    first, job_id = await asked()
    await run_by(Runner(services, 4), job_id)
    begun, row = await ChatMessageRow.get(id=first), await OutboxRow.get()
    exchange = await chat_turns.go_on((await somebody()).conversation, first)
    more = await next_job(PersonaReply(reply=exchange.reply.id, continues=first, shown=row.id))
    await run_by(Runner(services, 4), more)
    whole = await ChatMessageRow.get(id=exchange.reply.id)
    assert whole.text.startswith(begun.text)
    assert len(whole.text) > len(begun.text)
    assert (whole.chosen, (await ChatMessageRow.get(id=first)).chosen) == (True, False)
    told = await OutboxRow.get(event_key="console:2")
    assert (told.edits_row, told.payload["message"]) == (row.id, whole.id)


async def test_without_a_model_another_variant_says_something_else(services: Services) -> None:
    who = await somebody()
    bo = await personas.create(who.account.id, who.user.id, {"name": "Bo"}, verdict="checked")
    reply = (await chats.say(who.conversation, bo, who.user.id, "I am tired of the rain.")).reply.id
    texts: list[str] = []
    for _ in range(4):
        found = await chats.pending(reply)
        assert found is not None
        texts.append(AnswerAsPersona().offline(await persona_inputs(services, found)).text)
        assert await chats.attach_reply(reply, texts[-1])
        reply = (await chat_turns.again(who.conversation, reply)).reply.id
    assert len(set(texts)) == 4


@pytest.mark.parametrize("word", ["Zephyr", "nothing"])
async def test_an_edited_reply_is_shown_once_it_is_judged(services: Services, word: str) -> None:
    first, job_id = await asked()
    await run_by(Runner(services, 4), job_id)
    who = await somebody()
    edited = await chat_turns.edit(who.conversation, first, who.user.id, "Zephyr calls.", "unchecked")
    judging = await next_job(JudgeEdit(reply=edited.id, shown=(await OutboxRow.get()).id))
    await run_by(Runner(replace(services, moderator=Moderator((Strict(word),))), 4), judging)
    (told,) = await OutboxRow.filter(event_key="console:2")
    now = await ChatMessageRow.get(id=edited.id)
    if word == "nothing":
        assert (now.chosen, now.verdict, told.payload["message"]) == (True, "checked", edited.id)
        assert told.edits_row is not None
    else:
        assert (now.chosen, now.state, now.text) == (False, "failed", "")
        assert told.payload["key"] == "moderation.refused_rating"
        assert {each.verdict for each in await ChatMessageRow.filter(role="user")} == {"checked"}
