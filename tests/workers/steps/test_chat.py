"""The steps of a persona's reply, one by one."""

import pytest

from db import chats, personas
from db.chats import Exchange
from db.connection import rows, transaction
from db.errors import LeaseLost
from db.work import PersonaReply
from prompts.personas import load_personas
from tests.workers.steps.conftest import Bench
from workers.functions.answer_as_persona import PersonaAnswer
from workers.steps.chat import AnswerAsPersona, PublishReply


async def said(bench: Bench, text: str = "Is anybody there?") -> Exchange:
    await personas.sync_shipped([card.model_dump(mode="json") for card in load_personas()])
    conversation = bench.who.conversation
    async with transaction():
        return await chats.say(conversation, await personas.active(conversation), bench.who.user.id, text)


async def state_of(exchange: Exchange) -> tuple[str, str]:
    (found,) = await rows("SELECT state, text FROM chat_messages WHERE id = $1", exchange.reply.id)
    return found["state"], found["text"]


async def test_a_reply_is_written_and_kept_for_publishing(bench: Bench) -> None:
    exchange = await said(bench)
    run = await bench.run(PersonaReply(reply=exchange.reply.id))
    answer = PersonaAnswer.model_validate(await AnswerAsPersona().run(run))
    assert answer.text
    assert not answer.stopped
    assert await state_of(exchange) == ("pending", "")


async def test_nothing_is_written_for_a_reply_that_was_deleted(bench: Bench) -> None:
    exchange = await said(bench)
    run = await bench.run(PersonaReply(reply=exchange.reply.id))
    await rows("DELETE FROM chat_messages WHERE id = $1", exchange.reply.id)
    with pytest.raises(LeaseLost):
        await AnswerAsPersona().run(run)


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_published_reply_is_ready_and_announced(bench: Bench, stopped: bool) -> None:
    exchange = await said(bench)
    answer = {"text": "The sea is.", "stopped": stopped}
    run = await bench.run(PersonaReply(reply=exchange.reply.id), answer_as_persona=answer)
    async with transaction():
        assert await PublishReply().run(run) == {"reply": exchange.reply.id}
    assert await state_of(exchange) == ("ready", "The sea is.")
    assert await bench.sent() == [("reply", "chat_reply")]


async def test_a_reply_that_was_stopped_before_its_first_word_is_cancelled(bench: Bench) -> None:
    exchange = await said(bench)
    run = await bench.run(PersonaReply(reply=exchange.reply.id), answer_as_persona={"text": "", "stopped": True})
    async with transaction():
        await PublishReply().run(run)
    assert await state_of(exchange) == ("failed", "")
    assert await bench.sent() == [("reply", "notice")]


async def test_a_reply_is_published_once(bench: Bench) -> None:
    exchange = await said(bench)
    answer = {"text": "The sea is."}
    run = await bench.run(PersonaReply(reply=exchange.reply.id), answer_as_persona=answer)
    assert await chats.attach_reply(exchange.reply.id, "Somebody else wrote this.")
    with pytest.raises(LeaseLost):
        await PublishReply().run(run)
    assert await state_of(exchange) == ("ready", "Somebody else wrote this.")
    assert await bench.sent() == []
