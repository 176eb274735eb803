"""What a person might say next is written in their name, by a model or by the templates, and is told to them alone."""

from dataclasses import replace

import pytest

from db import chats, jobs, personas
from db.chat_suggestions import SuggestLine
from db.connection import row, rows
from db.models import OutboxRow
from db.people import Who
from tests.db.test_memories import ann
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import run_by
from workers.engines.text.chain import TextChain
from workers.functions.parsing import ParseFailed
from workers.functions.suggest_line import LineInputs, SpokenLine, WriteSuggestedLine
from workers.offline.persona.suggestions import ANSWERS, OPENINGS, REPLIES, line
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]


async def asked(ann: Who, answer: str) -> int:
    """Something said and answered, and the job that suggests what to say next."""
    persona = await personas.active(ann.conversation)
    said = await chats.say(ann.conversation, persona, ann.user.id, "Hello.")
    await chats.attach_reply(said.reply.id, answer)
    return await jobs.add(
        SuggestLine(persona=persona.id, reply=said.reply.id), account_id=ann.account.id, user_id=ann.user.id,
        conversation_id=ann.conversation.id, event_key="console:1", destination={"chat_id": "c"},
    )  # fmt: skip


async def test_a_model_suggests_a_line_in_the_persons_name(services: Services, ann: Who):
    engine = ScriptedEngine(["**ann:** “I keep bees, too.”\n\nBo: Really?"])
    job = await asked(ann, "I keep bees.")
    await run_by(Runner(replace(services, text=TextChain((engine,))), 4), job)
    told = await OutboxRow.get()
    assert (told.kind, told.payload["text"], told.payload["user"]) == (
        "line_suggested",
        "I keep bees, too.",
        ann.user.id,
    )
    sent = "\n".join(message.content for message in engine.requests[0].messages)
    assert "ann: Hello.\n\nBo: I keep bees.\n\nWhat might ann say next?" in sent
    assert await row("SELECT count(*) AS n FROM chat_messages") == {"n": 2}


async def test_without_a_model_a_template_suggests_one(services: Services, ann: Who):
    job = await asked(ann, "Who are you? *tilts his head*")
    await run_by(Runner(replace(services, text=TextChain(())), 4), job)
    assert (await OutboxRow.get()).payload["text"] in ANSWERS


async def test_an_answer_that_is_gone_is_suggested_nothing_behind(services: Services, ann: Who):
    job = await asked(ann, "I keep bees.")
    await rows("DELETE FROM chat_messages")
    await run_by(Runner(replace(services, text=TextChain(())), 4), job)
    told = await OutboxRow.get()
    assert (told.kind, told.payload["key"]) == ("notice", "chat.unknown_message")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Sam: I see.", "I see."),
        ("“I see.”", "I see."),
        ("I see.\nBo: Do you?\nSam: Yes.", "I see."),
        ("I see: it rains.", "I see: it rains."),
        ("I see.\nKim: Me too.", "I see."),
    ],
)
async def test_only_the_persons_own_words_are_kept(written: str, kept: str):
    inputs = LineInputs(name="Bo", user_name="Sam", lines=[SpokenLine(speaker="Kim", text="Hi.")])
    assert (await WriteSuggestedLine().parse(written, inputs)).text == kept


async def test_a_line_of_somebody_else_is_none():
    with pytest.raises(ParseFailed):
        await WriteSuggestedLine().parse("Bo: I see.", LineInputs(name="Bo", user_name="Sam"))


def test_no_line_comes_back_while_there_are_others():
    told = [(True, "It rains.")]
    for n in range(len(REPLIES)):
        told.append((False, line(told, 7 * n)))
    assert sorted(text for persona, text in told if not persona) == sorted(REPLIES)
    assert line([], 1) in OPENINGS
    german = [(True, "Ich warte hier auf dich, und es regnet."), (False, "Das ist nicht gut, ich bin müde.")]
    spoken = {line(german, seed, "Bo") for seed in range(12)}
    assert len(spoken) > 3
    assert not spoken & {*ANSWERS, *REPLIES}
    assert any("mehr" in each or "weiter" in each for each in spoken)
    assert line([*told, (True, "Does it?")], 1) in ANSWERS
