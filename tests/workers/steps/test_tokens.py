"""A text is counted by the model that would answer, and forgotten."""

from dataclasses import replace

from db import accounts, jobs
from db.connection import rows
from db.models import OutboxRow
from db.people import Who
from db.token_counts import CountTokens
from tests.db.test_memories import ann
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import run_by
from workers.engines.text.chain import TextChain
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]


async def counted(services: Services, who: Who, chain: TextChain, text: str) -> OutboxRow:
    job = await jobs.add(
        CountTokens(text=text), account_id=who.account.id, user_id=who.user.id, conversation_id=who.conversation.id,
        event_key="console:1", destination={"chat_id": "c"},
    )  # fmt: skip
    await run_by(Runner(replace(services, text=chain), 4), job)
    return await OutboxRow.get()


async def test_the_model_that_would_answer_counts(services: Services, ann: Who):
    await accounts.choose_model(ann.account.id, "Big")
    engine = ScriptedEngine([])
    told = await counted(services, ann, TextChain((engine,)), "a keeper finds a door")
    assert told.payload["key"] == "told.tokens"
    values = told.payload["values"]
    assert (values["tokens"], values["characters"], values["model"]) == (
        (await engine.count_many(["a keeper finds a door"], "Big"))[0],
        21,
        "Big",
    )
    assert "keeper" not in str(await rows("SELECT * FROM jobs, artifacts, outbox"))


async def test_without_a_model_it_is_a_rough_count(services: Services, ann: Who):
    told = await counted(services, ann, TextChain(()), "a keeper finds a door")
    assert told.payload["key"] == "told.bound"
    assert 5 <= told.payload["values"]["tokens"] <= 21
