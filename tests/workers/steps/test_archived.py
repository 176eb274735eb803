"""The archive in prompts: what lies far back is found when it is spoken of, within a moment, and nothing of others."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import asyncpg
import pytest

from db import chats, jobs, personas
from db.connection import credentials, row, rows
from db.memory import archive, facts, indexing
from db.memory.facts import NewFact
from db.memory.scopes import ArchiveScope
from db.people import Who
from db.personas import Persona
from db.work import PersonaReply
from tests.db.test_facts import fork
from tests.db.test_memories import ann, chat_memory, said, story_memory, told
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import run_by
from tests.workers.steps.test_memory import remember, written
from tests.workers.steps.test_told import next_page
from workers.context.builder import ContextBuilder
from workers.context.settings import ContextSettings
from workers.embedding import ArchiveEmbedder
from workers.engines.text.base import Completion, TextRequest
from workers.engines.text.chain import TextChain
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]
SMALL, PATIENT_MS = 2400, 20_000
"""Words of a window in which a long chat has no room, and milliseconds that no search takes."""
BEES = "My brother Orlando keeps bees in Dubrovnik."
ASKED = "Where does Orlando keep his bees?"


class Pointing:
    """An embedding engine whose vectors say whether a text is about animals; it may be ``silent`` after its first."""

    name = "pointing"
    dimensions = 2

    def __init__(self, model: str = "pointing", *, silent: bool = False) -> None:
        self.model, self.silent, self.calls = model, silent, 0

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        self.calls += 1
        if self.silent and self.calls > 1:
            await asyncio.Event().wait()
        return [[0.6, 0.8] if "bees" in text or "insect" in text else [0.8, -0.6] for text in texts]

    async def close(self) -> None:
        pass


@dataclass
class Talking(ScriptedEngine):
    """An engine before whose first answer something ends, as ``before`` says."""

    before: Callable[[], Awaitable[None]] | None = None

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        if self.before is not None:
            await self.before()
        async for piece in super().stream(request):
            yield piece


class Lock:
    """Nobody can read the archive, until the model is asked: saving its answer changes the archive."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connections: list[asyncpg.Connection] = []

    async def take(self) -> None:
        connection = await asyncpg.connect(**credentials(self._url))
        self._connections.append(connection)
        await connection.execute("BEGIN; LOCK TABLE archive_chunks IN ACCESS EXCLUSIVE MODE")

    async def release(self) -> None:
        while self._connections:
            await self._connections.pop().close()


def patient(services: Services, ms: int = PATIENT_MS) -> Services:
    return replace(services, context=ContextBuilder(ContextSettings(recall_ms=ms)))


async def long_chat(who: Who, first: str = BEES, exchanges: int = 40) -> Persona:
    """Many exchanges after the first one, in the archive."""
    days = "we walked along the harbour, and counted gulls until the rain came and the lamps were lit. " * 4
    for line in (first, *(f"On day {n} {days}" for n in range(exchanges))):
        await said(who, line)
    persona = await personas.active(who.conversation)
    while await indexing.index_chat(who.account.id, who.conversation.id, persona.id, who.conversation.epoch):
        pass
    return persona


async def asked(
    services: Services, who: Who, text: str, persona: Persona | None = None, window: int = SMALL,
    lock: Lock | None = None,
) -> str:  # fmt: skip
    """The last message of the prompt of the reply to a text; the archive is locked while that is put together."""
    if lock is not None:
        await lock.take()
    persona = persona or await personas.active(who.conversation)
    exchange = await chats.say(who.conversation, persona, who.user.id, text)
    job = await jobs.add(
        PersonaReply(reply=exchange.reply.id), account_id=who.account.id, user_id=who.user.id,
        conversation_id=who.conversation.id, event_key="console:1", destination={"chat_id": "c"},
    )  # fmt: skip
    engine = Talking(["Well, well. " * 10], context=window, before=None if lock is None else lock.release)
    await run_by(Runner(replace(services, text=TextChain((engine,))), 4), job)
    assert (await row("SELECT state FROM jobs WHERE id = $1", job) or {})["state"] == "done"
    return engine.requests[0].messages[-1].content


async def late() -> list[str]:
    """What the last prompt had to do without, because it was not there in time."""
    found = await row("SELECT receipt FROM ai_tasks ORDER BY id DESC LIMIT 1")
    assert found is not None
    return [each["id"] for each in json.loads(found["receipt"])["context"]["left_out"] if each["reason"] == "late"]


async def test_what_lies_far_back_is_told_when_it_is_asked_for(services: Services, ann: Who):
    await long_chat(ann)
    services = patient(services)
    assert f"): {BEES}" in await asked(services, ann, ASKED)
    assert await late() == []
    assert await asked(services, ann, "Go on.") == "Go on."
    (fact,) = await facts.put(
        (memory := await chat_memory(await said(ann, "And?"))).id,
        [NewFact("Orlando", "Orlando keeps bees.", "person", 5, "1",
                 message_id=(await rows("SELECT min(id) AS id FROM chat_messages"))[0]["id"])],
    )  # fmt: skip
    moved = NewFact("Orlando", "Orlando sold his hives.", "person", 5, "1", replaces=[fact])
    await facts.put(memory.id, [moved])
    assert f"{BEES} (Since then: Orlando sold his hives.)" in await asked(services, ann, ASKED)
    await facts.forget_about(ann.account.id, memory.id, "Dubrovnik")
    assert "Dubrovnik" not in await asked(services, ann, ASKED)


async def test_a_slow_database_or_embedder_delays_no_answer(services: Services, ann: Who, database: str):
    await long_chat(ann)
    lock = Lock(database)
    assert await asked(patient(services, 50), ann, ASKED, lock=lock) == ASKED
    assert await late() == ["archive"]
    # Nothing is looked up of a past that is told word by word, and nothing where the operator wants nothing.
    assert await asked(patient(services), ann, ASKED, window=60_000, lock=lock) == ASKED
    assert await asked(patient(services, 0), ann, ASKED, lock=lock) == ASKED
    assert await late() == []
    embedder = ArchiveEmbedder(Pointing(silent=True))
    assert await embedder.prepare()
    services = replace(patient(services, 4_000), embedder=embedder)
    assert BEES in await asked(services, ann, ASKED)
    assert await late() == ["archive:vectors"]


async def test_a_persona_knows_its_own_chat_and_the_documents_that_are_there_for_it(services: Services, ann: Who):
    persona, services = await long_chat(ann), patient(services)
    await rows("INSERT INTO personas (account_id, key, name, card) VALUES ($1, 'mira', 'Mira', $2)",
               ann.account.id, '{"name": "Mira"}')  # fmt: skip
    other = await personas.named(ann.account.id, "mira")
    assert await asked(services, ann, ASKED, other) == ASKED
    texts = {
        ArchiveScope.place(): "The harbour master is Petra.",
        ArchiveScope.persona(persona.id): "The harbour bell is Betty.",
        ArchiveScope.person(ann.user.id): "The harbour boat is Vela.",
    }
    for scope, text in texts.items():
        await archive.add_document(ann.account.id, scope, "Notes", [text])
    question = "What do you know of master, bell and boat?"
    to_ann = await asked(services, ann, question)
    assert [text in to_ann for text in texts.values()] == [True, True, True]
    # Also where the past is told word by word.
    to_other = await asked(services, ann, question, other, window=60_000)
    assert [text in to_other for text in texts.values()] == [True, False, True]
    ben = replace(ann, user=(await somebody("ben")).user)
    to_ben = await asked(services, ben, question, persona)
    assert [text in to_ben for text in texts.values()] == [True, True, False]
    # Others do not get to see what is somebody's own.
    await rows("UPDATE conversations SET kind = 'group'")
    among_others = await asked(services, ann, question)
    assert [text in among_others for text in texts.values()] == [True, True, False]


async def test_a_page_is_told_what_lies_far_back_on_its_own_way_alone(
    services: Services, monkeypatch: pytest.MonkeyPatch
):
    services = patient(services)
    who = await somebody()
    story, pages = await told(who, 14)
    for page in pages:
        await written(page, f"Page {page.number}. " + "The road goes on through the rain. " * 20)
    await written(pages[1], "Orlando hides a left glove of brass under the mill. " + "It rains. " * 60)
    await written(pages[12], "The left glove of brass turns to gold. " + "It rains. " * 60)
    while await indexing.index_story(who.account.id, story.id):
        pass
    monkeypatch.setattr(
        "tests.workers.steps.test_told.ScriptedEngine", lambda script: ScriptedEngine(script, context=SMALL)
    )
    other = await fork(who, pages, 10)
    prompt = await next_page(services, who, other)
    assert "(page 2) Orlando hides a left glove" in prompt
    assert "gold" not in prompt


async def test_remembering_brings_texts_facts_and_vectors_into_the_archive(services: Services, ann: Who):
    for line in (BEES, "So.", "Well.", "And?"):
        last = await said(ann, line)
    memory = await chat_memory(last)
    await facts.put(memory.id, [NewFact("Orlando", "Orlando keeps bees.", "person", 5, "1")])
    await archive.add_document(ann.account.id, ArchiveScope.place(), "Notes", ["Ants are insects."])
    for model in ("pointing", "other"):
        services = replace(services, embedder=ArchiveEmbedder(Pointing(model)))
        await rows("UPDATE memories SET due_at = now()")
        await remember(services)
        found = await rows(
            "SELECT source, v.model FROM archive_chunks c LEFT JOIN archive_vectors v ON v.chunk_id = c.id"
        )
        assert {each["source"] for each in found} == {"message", "fact", "document"}
        assert {each["model"] for each in found} == {model}


async def test_a_storys_branches_are_all_in_the_archive(services: Services):
    who = await somebody()
    _, pages = await told(who, 5)
    await fork(who, pages, 2)
    await story_memory(pages[-1])
    await rows("UPDATE memories SET due_at = now()")
    await remember(services)
    (count,) = await rows("SELECT count(DISTINCT page_id) AS pages FROM archive_chunks")
    assert count["pages"] == 6
