"""A reply that is stopped midway: the model stops, what was written is kept, nothing stays unanswered."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from db import chats, jobs, personas
from db.connection import rows
from db.models import ChatMessageRow, JobRow, OutboxRow
from db.work import PersonaReply
from prompts.personas import load_personas
from prompts.registry import default_registry
from tests.db.world import somebody
from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.models.tiny_gguf import tiny_gguf
from tests.workers.making import run_by
from workers.engines.text.chain import TextChain
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.remote import RemoteEngine
from workers.queue import PROGRESS_CHANNEL, Queue
from workers.runner import Runner
from workers.services import Services

TEXT = " ".join(f"kelp{n:03d}" for n in range(300))


@pytest.fixture
async def model() -> AsyncGenerator[OpenAIServer]:
    server = OpenAIServer(text=TEXT, pause_s=0.01)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def services(database: str, redis_url: str, model: OpenAIServer) -> AsyncGenerator[Services]:
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    remote = RemoteEngine(model.url, MODEL, api_key=KEY)
    async with Queue(redis_url) as queue:
        chain = TextChain([remote])
        yield Services(chain, default_registry(), queue)
        await chain.close()


async def a_reply() -> tuple[int, int]:
    """A job that writes a reply, and the reply."""
    who = await somebody()
    persona = await personas.active(who.conversation)
    reply = (await chats.say(who.conversation, persona, who.user.id, "Hello!")).reply
    job = await jobs.add(
        PersonaReply(reply=reply.id),
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key="console:1",
        destination={"chat_id": "c"},
    )
    return job, reply.id


async def heard(services: Services, job: int) -> None:
    """As the worker does when it hears of a cancel."""
    assert await services.stop_requests.check(job)


async def test_what_was_written_is_kept_and_marked(services: Services, model: OpenAIServer):
    job, reply = await a_reply()
    running = asyncio.create_task(run_by(Runner(services, 4), job))
    while not model.requests:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    assert await jobs.ask_to_stop(job)
    assert not await jobs.ask_to_stop(job)
    await heard(services, job)
    await asyncio.wait_for(running, 2)
    written = await ChatMessageRow.get(id=reply)
    assert written.state == "ready"
    assert written.text
    assert TEXT.startswith(written.text)
    assert len(written.text) < len(TEXT)
    row = await OutboxRow.get(event_key="console:1", part="reply")
    expected = {"message": reply, "stopped": True, "quoted": False, "unseen": False}
    assert (row.kind, row.payload) == ("chat_reply", expected)
    assert (await JobRow.get(id=job)).state == "done"
    (task,) = await rows("SELECT state, steps FROM ai_tasks")
    assert task["state"] == "cancelled"
    assert json.loads(task["steps"])[-1] == {"step": "stopped", "chars": len(written.text)}
    assert model.disconnects == 1


async def test_a_wish_that_came_before_anybody_listened_is_found_in_the_record(services: Services, model: OpenAIServer):
    job, reply = await a_reply()
    # It was asked to stop in the hands of a worker that died then.
    assert await jobs.claim(job) is not None
    assert await jobs.ask_to_stop(job)
    await rows("UPDATE jobs SET lease_expires = now() - interval '1 s'")
    assert await jobs.reap() == [job]
    await run_by(Runner(services, 4), job)
    assert model.requests == []
    assert (await ChatMessageRow.get(id=reply)).state == "failed"
    row = await OutboxRow.get(event_key="console:1", part="reply")
    assert (row.kind, row.payload["key"]) == ("notice", "job.cancelled")
    assert (await JobRow.get(id=job)).state == "done"


async def test_a_real_model_stops_within_a_step(database: str, redis_url: str, tmp_path: Path):
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    chain = TextChain([LlamaEngine(tiny_gguf(tmp_path), context=4096)], "large")
    async with Queue(redis_url) as queue:
        services = Services(chain, default_registry(), queue)
        job, reply = await a_reply()
        running = asyncio.create_task(run_by(Runner(services, 4), job))
        shown = ""
        async with asyncio.timeout(60), aclosing(queue.listen(PROGRESS_CHANNEL)) as heard_of:
            async for news in heard_of:
                if news is not None and (shown := news[1]["text"]):
                    break
        assert await jobs.ask_to_stop(job)
        await heard(services, job)
        await asyncio.wait_for(running, 2)
        await chain.close()
    written = await ChatMessageRow.get(id=reply)
    assert written.state == "ready"
    assert shown.strip() in written.text
    (task,) = await rows("SELECT state FROM ai_tasks")
    assert task["state"] == "cancelled"


async def test_only_a_running_job_that_was_asked_is_told(services: Services):
    job, _ = await a_reply()
    assert not await services.stop_requests.check(job)
    assert not await services.stop_requests.check(0)
    assert not await jobs.ask_to_stop(job)
    await jobs.claim(job)
    assert not await services.stop_requests.check(job)
    await jobs.ask_to_stop(job)
    assert await services.stop_requests.check(job)
    await jobs.cancel(job)
    assert not await services.stop_requests.check(job)
