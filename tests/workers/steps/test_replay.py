"""A context session is replayed: what would be told now, with its pins and filters, without asking a model."""

from dataclasses import replace
from typing import Any

from db import context_sessions, jobs
from db.context_sessions import ContextSession, ReplayContext
from db.memory import facts
from db.memory.facts import NewFact
from db.models import OutboxRow
from db.people import Who
from tests.db.test_memories import ann, chat_memory, said, story_memory, told
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import run_by
from tests.workers.steps.test_told import reply_to
from workers.engines.text.chain import TextChain
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]


async def replayed(services: Services, who: Who, session: ContextSession) -> dict[str, Any]:
    """The record of the build; no model was asked."""
    job = await jobs.add(
        ReplayContext(session=session.id, person=who.user.id, adults=True), account_id=who.account.id,
        user_id=who.user.id, conversation_id=who.conversation.id, event_key=f"console:{session.id}",
        destination={"chat_id": "c"},
    )  # fmt: skip
    engine = ScriptedEngine(["never"], context=8192)
    await run_by(Runner(replace(services, text=TextChain((engine,))), 4), job)
    assert engine.requests == []
    shown = await OutboxRow.all().order_by("-id").first()
    assert shown is not None
    assert (shown.payload["session"], shown.payload["adults"]) == (session.id, True)
    return (await context_sessions.opened(who.account.id, session.id, who.user.id)).build


def ids(build: dict[str, Any], part: str = "placed") -> set[str]:
    return {each["id"] for each in build[part]}


async def test_a_copy_tells_what_it_pins_and_not_what_it_leaves_out(services: Services):
    who = await somebody()
    _, pages = await told(who, 3)
    memory = await story_memory(pages[-1])
    (fact,) = await facts.put(memory.id, [NewFact("Door", "It is green.", "thing", 5, "1", page_id=pages[0].id)])
    session = await context_sessions.of_story(who.account.id, pages[0].story_id)
    build = await replayed(services, who, session)
    assert {"premise", f"fact:{fact}", f"page:{pages[0].id}"} <= ids(build)
    assert 0 < build["prompt_tokens"] <= build["window"]
    copy = await context_sessions.copy(who.account.id, session.id, who.user.id)
    own = {"kind": "plot", "id": "own:1", "text": "It rains."}
    copy = await context_sessions.change(
        who.account.id, copy.id, who.user.id, elements=[own], filters={"without": ["fact"]}
    )
    tried = await replayed(services, who, copy)
    assert f"fact:{fact}" not in ids(tried)
    assert "own:1" in ids(tried)
    assert [(each["id"], each["reason"]) for each in tried["left_out"] if each["id"] == f"fact:{fact}"] == [
        (f"fact:{fact}", "tag")
    ]
    assert (await context_sessions.opened(who.account.id, session.id)).build == build
    pinned = await context_sessions.change(who.account.id, copy.id, who.user.id, pins=[f"fact:{fact}"])
    assert f"fact:{fact}" in ids(await replayed(services, who, pinned))


async def test_a_chat_and_a_project_are_replayed(services: Services, ann: Who):
    exchange = await said(ann, "hello")
    await chat_memory(exchange)
    chat = await context_sessions.of_chat(
        ann.account.id, ann.conversation.id, exchange.reply.persona_id, exchange.reply.epoch
    )
    assert "message" in ids(await replayed(services, ann, chat))
    project = await context_sessions.begin_project(ann.account.id, ann.user.id, "my town")
    own = {"kind": "lore", "id": "own:1", "text": "The tower hums."}
    project = await context_sessions.change(ann.account.id, project.id, ann.user.id, elements=[own])
    assert ids(await replayed(services, ann, project)) == {"own:1"}


async def test_what_a_chats_session_leaves_out_is_not_told(services: Services, ann: Who):
    exchange = await said(ann, "hello")
    memory = await chat_memory(exchange)
    await facts.put(memory.id, [NewFact("Ann", "Ann has a boat.", "person", 5, "1")])
    assert "Ann has a boat." in await reply_to(services, ann, "Who has a boat?")
    chat = await context_sessions.of_chat(
        ann.account.id, ann.conversation.id, exchange.reply.persona_id, exchange.reply.epoch
    )
    await context_sessions.change(ann.account.id, chat.id, filters={"without": ["fact"]})
    assert "Ann has a boat." not in await reply_to(services, ann, "Who has a boat?")
