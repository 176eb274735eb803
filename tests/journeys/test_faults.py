"""What dies in the middle of a journey costs the person nothing but time."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from bot.stack.home import StackUrls
from bot.stack.supervisor import EX_CONFIG
from db import jobs, stories
from db.connection import rows
from db.models import JobRow
from db.work import BranchingPage
from tests.db.world import somebody
from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.doubles.telegram import Message, TelegramServer
from tests.journeys.processes import Program, bot, running, worker

STORY = "/story_new a keeper finds a door under the sea"


def page(message: Message) -> bool:
    return "1" in message.labels and "Retry" in message.labels


@pytest.fixture
async def slow() -> AsyncGenerator[dict[str, str]]:
    """Settings of a language model that takes half a minute for each word."""
    server = OpenAIServer(pause_s=30.0)
    await server.start()
    yield {
        "STORYFORK_REMOTE_BASE_URL": server.url,
        "STORYFORK_REMOTE_API_KEY": KEY,
        "STORYFORK_REMOTE_MODEL": MODEL,
    }
    await server.stop()


async def state_of_first_job(state: str) -> JobRow:
    async with asyncio.timeout(60):
        while True:
            job = await JobRow.all().order_by("id").first()
            if job is not None and job.state == state:
                return job
            await asyncio.sleep(0.05)


async def test_a_killed_workers_job_is_done_by_another(
    database: str, redis_url: str, tmp_path: Path, slow: dict[str, str]
):
    urls = StackUrls(database, redis_url)
    async with TelegramServer() as telegram:
        settings = {"TELEGRAM_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.api_url}
        stuck = worker(urls, tmp_path, 1, **slow)
        healthy = worker(urls, tmp_path, 2)
        async with running(stuck, bot(urls, tmp_path, "telegram", **settings)):
            ann = telegram.person("ann")
            said = await ann.say(ann.chat(), STORY)
            job = await state_of_first_job("running")
            async with running(healthy):
                await stuck.kill()
                await ann.wait_for_message(ann.chat(), page, timeout=60, after=said)
    done = await JobRow.get(id=job.id)
    assert (done.state, done.attempt) == ("waiting", 1)


@pytest.mark.slow
async def test_a_stopped_workers_job_costs_no_attempt(
    database: str, redis_url: str, tmp_path: Path, slow: dict[str, str]
):
    urls = StackUrls(database, redis_url)
    async with TelegramServer() as telegram:
        settings = {"TELEGRAM_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.api_url}
        old = worker(urls, tmp_path, 1, STORYFORK_DRAIN_SECONDS="0.5", **slow)
        async with running(old, bot(urls, tmp_path, "telegram", **settings)):
            ann = telegram.person("ann")
            said = await ann.say(ann.chat(), STORY)
            job = await state_of_first_job("running")
            assert await old.stop() == 0
            assert (await JobRow.get(id=job.id)).state == "queued"
            async with running(worker(urls, tmp_path, 2)):
                await ann.wait_for_message(ann.chat(), page, timeout=60, after=said)
    done = await JobRow.get(id=job.id)
    assert (done.state, done.attempt, done.retries) == ("waiting", 0, 0)


@pytest.mark.slow
async def test_a_second_ctrl_c_ends_a_worker_in_the_middle_of_a_job_at_once(
    database: str, redis_url: str, tmp_path: Path, slow: dict[str, str]
):
    stubborn = worker(StackUrls(database, redis_url), tmp_path, 1, STORYFORK_DRAIN_SECONDS="300", **slow)
    who = await somebody()
    move = await stories.create(
        account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, premise="a door", seed=1
    )
    await jobs.add(BranchingPage(page=move.page.id), account_id=who.account.id, conversation_id=who.conversation.id)
    async with running(stubborn):
        job = await state_of_first_job("running")
        stubborn.send(signal.SIGINT)
        async with asyncio.timeout(30):
            while "worker stops" not in stubborn.output():
                await asyncio.sleep(0.05)
        assert stubborn.running
        assert await stubborn.stop(signal.SIGINT, patience=10) == 128 + signal.SIGINT
        assert "Traceback" not in stubborn.output()
    assert (await JobRow.get(id=job.id)).state == "running"  # another worker takes it when the lease has run out


async def test_a_killed_bot_answers_after_its_restart_once(database: str, redis_url: str, tmp_path: Path):
    urls = StackUrls(database, redis_url)
    async with TelegramServer() as telegram:
        settings = {"TELEGRAM_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.api_url}
        program = bot(urls, tmp_path, "telegram", **settings)
        async with running(program):
            ann = telegram.person("ann")
            said = await ann.say(ann.chat(), STORY)
            await state_of_first_job("queued")
            await program.kill()
            async with running(worker(urls, tmp_path), bot(urls, tmp_path, "telegram", **settings)):
                await ann.wait_for_message(ann.chat(), page, timeout=60, after=said)
                await asyncio.sleep(1)
                assert len([m for m in ann.chat().messages if page(m)]) == 1


@pytest.mark.slow
async def test_every_process_ends_on_sigterm(database: str, redis_url: str, tmp_path: Path):
    urls = StackUrls(database, redis_url)
    async with TelegramServer() as telegram:
        settings = {"TELEGRAM_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.api_url}
        programs = [worker(urls, tmp_path), bot(urls, tmp_path, "telegram", **settings)]
        async with running(*programs):
            ann = telegram.person("ann")
            said = await ann.say(ann.chat(), STORY)
            await ann.wait_for_message(ann.chat(), page, timeout=60, after=said)
            assert [await p.stop(signal.SIGTERM, patience=10) for p in programs] == [0, 0]
    assert await rows("SELECT 1 FROM outbox WHERE state <> 'sent'") == []


async def says(program: Program, words: str, times: int = 1) -> None:
    async with asyncio.timeout(60):
        while program.output().count(words) < times:
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_bot_that_stands_by_takes_over_from_one_that_is_killed(database: str, redis_url: str, tmp_path: Path):
    urls = StackUrls(database, redis_url)
    async with TelegramServer() as telegram:
        settings = {"TELEGRAM_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.api_url}
        first, second = bot(urls, tmp_path, "telegram", **settings), bot(urls, tmp_path, "telegram", **settings)
        async with running(first):
            await says(first, "this process leads telegram")
            async with running(second):
                await says(second, "connected as", times=2)  # they share a log
                await first.kill()
                ann = telegram.person("ann")
                said = await ann.say(ann.chat(), "/help")
                await ann.wait_for_message(ann.chat(), "want to know more about", timeout=30, after=said)
                assert await second.stop(signal.SIGTERM, patience=30) == 0


@pytest.mark.slow
async def test_a_wrong_token_ends_a_bot_of_one_platform_with_a_message(database: str, redis_url: str, tmp_path: Path):
    async with TelegramServer() as telegram:
        wrong = {"TELEGRAM_TOKEN": "123456:" + "x" * 35, "TELEGRAM_API_URL": telegram.api_url}
        program = bot(StackUrls(database, redis_url), tmp_path, "telegram", **wrong)
        async with running(program):
            async with asyncio.timeout(60):
                while program.running:
                    await asyncio.sleep(0.05)
            assert await program.stop() == EX_CONFIG
    assert "check TELEGRAM_TOKEN" in program.output()
    assert "Traceback" not in program.output()


@pytest.mark.slow
async def test_bot_and_worker_refuse_the_database_of_a_newer_release(database: str, redis_url: str, tmp_path: Path):
    urls = StackUrls(database, redis_url)
    settings = {"TELEGRAM_TOKEN": "123456:" + "x" * 35, "TELEGRAM_API_URL": "http://127.0.0.1:9"}
    programs = [bot(urls, tmp_path, "telegram", **settings), worker(urls, tmp_path, 1)]
    await rows("INSERT INTO schema_migrations (name, checksum) VALUES ('9999_future', 'x')")
    try:
        async with running(*programs), asyncio.timeout(60):
            while any(program.running for program in programs):
                await asyncio.sleep(0.05)
            assert [await program.stop() for program in programs] == [EX_CONFIG, EX_CONFIG]
    finally:
        await rows("DELETE FROM schema_migrations WHERE name = '9999_future'")
    for program in programs:
        assert "migration 9999_future, which this release does not know: update Storyfork" in program.output()
        assert "Traceback" not in program.output()
