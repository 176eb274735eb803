"""The model that an account chose writes what its people ask for."""

from collections.abc import AsyncIterator

import pytest

from db import accounts, chats, jobs, personas
from db.models import ChatMessageRow
from db.people import Who
from db.work import PersonaReply
from prompts.personas import load_personas
from prompts.registry import default_registry
from tests.db.world import somebody
from tests.doubles.openai.server import KEY, OpenAIServer
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import run_by
from workers.engines.text.chain import TextChain
from workers.engines.text.remote import RemoteEngine
from workers.queue import Queue
from workers.runner import Runner
from workers.services import Services


async def answered(services: Services, who: Who) -> ChatMessageRow:
    """A reply to somebody, written."""
    persona = await personas.active(who.conversation)
    reply = (await chats.say(who.conversation, persona, who.user.id, "Hello!")).reply
    job = await jobs.add(
        PersonaReply(reply=reply.id),
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key=f"console:{reply.id}",
        destination={"chat_id": "c"},
    )
    await run_by(Runner(services, 4), job)
    return await ChatMessageRow.get(id=reply.id)


@pytest.fixture
async def queue(database: str, redis_url: str) -> AsyncIterator[Queue]:
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    async with Queue(redis_url) as queue:
        yield queue


async def test_a_functions_request_carries_the_chosen_name_else_its_role(queue: Queue):
    engine = ScriptedEngine(["Hello yourself."])
    services = Services(TextChain([engine]), default_registry(), queue)
    ann, ben = await somebody("ann"), await somebody("ben")
    await accounts.choose_model(ann.account.id, "big")
    for who in (ann, ben):
        assert (await answered(services, who)).state == "ready"
    await accounts.choose_model(ann.account.id, "")
    await answered(services, ann)
    assert [request.model for request in engine.requests] == ["big", "chat", "chat"]


async def test_a_remote_server_is_asked_for_the_chosen_model(queue: Queue):
    server = OpenAIServer(text="Hello yourself.")
    server.models = ("usual", "small", "big")
    await server.start()
    remote = RemoteEngine(server.url, "usual", api_key=KEY, models={"chat": "small", "writer": "big"})
    services = Services(TextChain([remote]), default_registry(), queue)
    ann = await somebody("ann")
    for chosen in ("", "big", "gone"):
        await accounts.choose_model(ann.account.id, chosen)
        assert (await answered(services, ann)).text == "Hello yourself."
    assert list(dict.fromkeys(request["model"] for request in server.requests)) == ["small", "big", "usual"]
    await services.text.close()
    await server.stop()
