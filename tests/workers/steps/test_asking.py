"""A question is answered by the model alone, and no word of it is kept but in what was sent."""

from dataclasses import replace

from db import jobs
from db.asking import AskModel
from db.connection import rows
from db.models import OutboxRow
from db.people import Who
from tests.db.test_memories import ann
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import run_by
from workers.engines.text.chain import TextChain
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]


async def test_the_model_answers_without_any_persona(services: Services, ann: Who):
    engine = ScriptedEngine(["<think>Rivers.</think>Because rivers bring it salt, and keep doing so."])
    job = await jobs.add(
        AskModel(question="why is the zq-sea salt?"), account_id=ann.account.id, user_id=ann.user.id,
        conversation_id=ann.conversation.id, event_key="console:1", destination={"chat_id": "c"},
    )  # fmt: skip
    await run_by(Runner(replace(services, text=TextChain((engine,))), 4), job)
    told = await OutboxRow.get()
    assert (told.kind, told.payload["text"]) == ("model_answer", "Because rivers bring it salt, and keep doing so.")
    (request,) = engine.requests
    sent = "\n".join(message.content for message in request.messages)
    assert "why is the zq-sea salt?" in sent
    assert "Marlow" not in sent
    assert "zq-sea" not in str(await rows("SELECT * FROM jobs, artifacts, outbox"))
    assert not await rows("SELECT FROM chat_messages")


async def test_without_a_model_nobody_makes_an_answer_up(services: Services, ann: Who):
    job = await jobs.add(
        AskModel(question="why?"), account_id=ann.account.id, user_id=ann.user.id,
        conversation_id=ann.conversation.id, event_key="console:1", destination={"chat_id": "c"},
    )  # fmt: skip
    await run_by(Runner(replace(services, text=TextChain(())), 4), job)
    told = await OutboxRow.get()
    assert (told.kind, told.payload["key"]) == ("notice", "ask.nobody")
