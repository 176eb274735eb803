"""The cancel button of a reply that is being written: who may press it, when, and what it leads to."""

from collections.abc import AsyncGenerator

import pytest

from bot.messages import Message
from db import jobs
from db.models import ChatMessageRow, JobRow
from db.permissions import Role
from tests.bot.world import Bot, press, running_bot, say


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


async def asked(bot: Bot) -> JobRow:
    """A reply that somebody waits for."""
    said = await bot.does(say("Tell me about the sea."))
    return await JobRow.get(event_key=said.key)


async def pressed(bot: Bot, job: JobRow, name: str = "ann", group: str = "", role: Role = "owner") -> list[Message]:
    return await bot.answers(await bot.does(press("cancel", job.id), name=name, group=group, role=role))


async def test_a_reply_that_is_being_written_is_asked_to_stop_and_goes_on_as_a_job(bot: Bot):
    job = await asked(bot)
    assert await jobs.claim(job.id) is not None
    assert await pressed(bot, job) == []
    now = await JobRow.get(id=job.id)
    assert now.state == "running"
    assert now.stop_requested
    reply = await ChatMessageRow.get(id=job.parameters["reply"])
    assert reply.state == "pending"


async def test_a_second_press_is_told_that_it_is_being_stopped(bot: Bot):
    job = await asked(bot)
    assert await jobs.claim(job.id) is not None
    await pressed(bot, job)
    (told,) = await pressed(bot, job)
    assert "being stopped already" in told.body
    assert told.private


async def test_a_reply_that_nobody_writes_yet_is_cancelled_at_once(bot: Bot):
    job = await asked(bot)
    assert await pressed(bot, job) == []
    assert (await JobRow.get(id=job.id)).state == "cancelled"
    assert (await ChatMessageRow.get(id=job.parameters["reply"])).state == "failed"
    (told,) = await pressed(bot, job)
    assert "finished already" in told.body


async def test_what_is_finished_cannot_be_stopped(bot: Bot):
    job = await asked(bot)
    claimed = await jobs.claim(job.id)
    assert claimed is not None
    assert claimed.lease_token is not None
    await jobs.finish(job.id, claimed.lease_token)
    (told,) = await pressed(bot, job)
    assert "finished already" in told.body


async def test_nobody_else_can_stop_it(bot: Bot):
    job = await JobRow.get(event_key=(await bot.does(say("Hi!"), name="ben", group="club", role="member")).key)
    (told,) = await pressed(bot, job, group="club", role="member")
    assert "Only the person who asked" in told.body
    # In another account it is not even told that there is such a job.
    (told,) = await pressed(bot, job)
    assert "finished already" in told.body
    assert (await JobRow.get(id=job.id)).state == "queued"
