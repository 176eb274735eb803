"""Two quick messages in one chat: the second is answered after the first, from a prompt that holds its answer."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from db import chats, jobs, personas
from db.connection import row, rows, transaction
from db.models import ChatMessageRow, JobRow, OutboxRow
from db.personas import Persona
from db.work import Failure, PersonaReply
from prompts.personas import load_personas
from prompts.registry import default_registry
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import run_by
from workers.engines.text.base import Completion, TextRequest
from workers.engines.text.chain import TextChain
from workers.queue import Queue
from workers.runner import Runner
from workers.services import Services

FIRST = "The heron is called Aldous, and he is older than the pier on which he stands."


class SlowEngine(ScriptedEngine):
    """Answers nothing before it may."""

    def __init__(self) -> None:
        super().__init__([FIRST])
        self.may_answer = asyncio.Event()

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        async for piece in super().stream(request):
            await self.may_answer.wait()
            yield piece


@pytest.fixture
def model() -> SlowEngine:
    return SlowEngine()


@pytest.fixture
async def services(database: str, redis_url: str, model: SlowEngine) -> AsyncGenerator[Services]:
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    async with Queue(redis_url) as queue:
        yield Services(TextChain([model]), default_registry(), queue)


async def said(text: str, *, by: str = "ann", persona: Persona | None = None) -> int:
    """The job that answers a message."""
    who = await somebody(by)
    persona = persona or await personas.active(who.conversation)
    reply = (await chats.say(who.conversation, persona, who.user.id, text)).reply
    return await jobs.add(
        PersonaReply(reply=reply.id),
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key=f"console:{reply.id}",
        destination={"chat_id": "c"},
    )


async def state_of(job: int) -> str:
    return (await JobRow.get(id=job)).state


async def is_due(job: int) -> bool:
    found = await row("SELECT state = 'queued' AND run_after <= now() AS due FROM jobs WHERE id = $1", job)
    return found is not None and found["due"]


async def put_off(services: Services, job: int) -> None:
    """A worker takes a job up, and puts it off."""
    asked = len(await rows("SELECT id FROM ai_tasks"))
    await run_by(Runner(services, 4), job)
    assert await state_of(job) == "queued"
    assert not await is_due(job)
    assert len(await rows("SELECT id FROM ai_tasks")) == asked


async def test_the_second_is_written_from_the_first_ones_answer(services: Services, model: SlowEngine) -> None:
    runner = Runner(services, 4)
    first, second = await said("Who is that heron?"), await said("And how old is he?")
    await runner.fill("cpu")
    async with asyncio.timeout(30):
        while not (model.requests and (runner.running == 1 or len(model.requests) > 1)):
            await asyncio.sleep(0.02)
        assert len(model.requests) == 1
        assert (await state_of(first), await state_of(second)) == ("running", "queued")
        model.may_answer.set()
        while await state_of(second) != "done":
            await runner.start("cpu", named=second)
            await asyncio.sleep(0.02)
    assert ["Aldous" in str(request.messages) for request in model.requests] == [False, True]
    replies = await ChatMessageRow.filter(role="persona").order_by("id")
    assert [o.payload["message"] for o in await OutboxRow.all().order_by("id")] == [m.id for m in replies]
    job = await JobRow.get(id=second)
    assert (job.attempt, job.retries) == (0, 0)


async def test_it_is_due_as_soon_as_the_first_is_there_or_given_up(services: Services, model: SlowEngine) -> None:
    model.may_answer.set()
    first, second, third = await said("One."), await said("Two."), await said("Three.")
    await put_off(services, second)
    await put_off(services, third)
    await run_by(Runner(services, 4), first)
    assert await is_due(second)
    assert not await is_due(third)
    async with transaction():
        await jobs.abandon(second, Failure("job.cancelled"))
    assert await is_due(third)
    await run_by(Runner(services, 4), third)
    assert await state_of(third) == "done"


async def test_it_can_be_cancelled_meanwhile(services: Services, model: SlowEngine) -> None:
    model.may_answer.set()
    first, second = await said("One."), await said("Two.")
    await put_off(services, second)
    async with transaction():
        await jobs.abandon(second, Failure("job.cancelled"))
    assert await state_of(second) == "cancelled"
    await run_by(Runner(services, 4), first)
    assert await state_of(first) == "done"


@pytest.mark.parametrize("way", ["another chat", "another persona", "after a reset", "an earlier one"])
async def test_nothing_else_is_waited_for(services: Services, model: SlowEngine, way: str) -> None:
    model.may_answer.set()
    first = await said("One.")
    who = await somebody("ann")
    if way == "another chat":
        other = await said("Two.", by="ben")
    elif way == "another persona":
        found = (await personas.known(who.account.id))[-1]
        other = await said("Two.", persona=found)
    elif way == "after a reset":
        await chats.reset(who.conversation.id)
        other = await said("Two.")
    else:
        other, _ = first, await said("Two.")
    await run_by(Runner(services, 4), other)
    assert await state_of(other) == "done"


async def test_it_waits_neither_for_ever_nor_for_what_no_job_writes(services: Services, model: SlowEngine) -> None:
    model.may_answer.set()
    first, second, third = await said("One."), await said("Two."), await said("Three.")
    await put_off(services, second)
    await rows("UPDATE jobs SET created_at = now() - interval '3 minutes', run_after = now() WHERE id = $1", second)
    await run_by(Runner(services, 4), second)
    assert await state_of(second) == "done"
    await rows("UPDATE jobs SET state = 'dead' WHERE id = $1", first)
    await run_by(Runner(services, 4), third)
    assert await state_of(third) == "done"


async def test_who_looks_while_the_first_is_being_committed_misses_nothing(services: Services) -> None:
    first, second = await said("One."), await said("Two.")
    reply = await ChatMessageRow.filter(role="persona").order_by("id").first()
    job = await jobs.claim(second)
    assert reply is not None
    assert job is not None
    assert job.lease_token is not None
    token, attached = job.lease_token, asyncio.Event()

    async def look() -> bool:
        await attached.wait()
        return await chats.follow(reply.id + 2, second, token)

    looking = asyncio.create_task(look())
    async with transaction():
        await chats.attach_reply(reply.id, FIRST)
        attached.set()
        await asyncio.sleep(0.3)
        await rows("UPDATE jobs SET state = 'done' WHERE id = $1", first)
    assert not await looking
    assert await state_of(second) == "running"
