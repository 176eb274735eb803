"""`/status`: how busy it is for everybody, how workers and engines do for who runs the service."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from bot.compose import Composer
from bot.settings import BotSettings
from bot.text.cleaning import clean
from db import jobs, outbox, switches, usage
from db.connection import rows
from db.leaders import leader_connection
from tests.bot.world import Bot, command, event_of, running_bot, say
from tests.workers.living import lives, reports
from workers.queue import Queue

LLAMA: dict[str, Any] = {
    "engine": "llama", "model": "tiny-q8", "loaded": True, "pid": 7, "tokens_per_s": 41.4, "batch": 3.25,
    "cache_share": 0.64, "running": 3, "waiting": 2, "evictions": 5, "swap_outs": 1,
}  # fmt: skip
REMOTE: dict[str, Any] = {
    "engine": "remote", "model": "gpt", "loaded": True,
    "servers": [
        {"name": "one.example", "healthy": True, "running": 2},
        {"name": "two.example", "healthy": False, "running": 0, "problem": "connection refused"},
    ],
}  # fmt: skip


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


@pytest.fixture
async def queue(redis_url: str) -> AsyncGenerator[Queue]:
    async with Queue(redis_url) as queue:
        yield queue


async def status(bot: Bot, queue: Queue, *, platform: str = "telegram", kind: str = "dm", user: str = "ann") -> str:
    """What `/status` says on a platform in a kind of chat to a person, of whom ``telegram:boss`` runs the service."""
    event = await bot.does(command("status"))
    (sent,) = await outbox.of_event(event.key)
    row = replace(sent, platform=platform, destination={**sent.destination, "kind": kind, "user_id": user})
    around = replace(bot.around, queue=queue, operators=frozenset({"telegram:boss"}))
    message = await Composer(bot.topics.views, around).compose(row)
    assert message is not None
    assert message.private
    return clean(message.body)


async def test_everybody_sees_what_serves_and_how_long_it_takes(bot: Bot, queue: Queue):
    assert "no worker is up" in await status(bot, queue)
    await reports(queue, "den:1", LLAMA, {"engine": "template"})
    await reports(queue, "den:2", {**LLAMA, "loaded": False}, REMOTE)
    body = await status(bot, queue)
    assert "Up and working." in body
    assert "Writers: llama (tiny-q8, ready), templates, remote (gpt, ready)" in body
    assert "Waiting: 0 for people, 0 ahead of time. Running: 0." in body
    assert "Expected wait: none." in body
    assert "Stories of yours: 0" in body
    assert not any(word in body for word in ("den", "example", "tokens/s"))


async def test_the_wait_is_the_persons_own(bot: Bot, queue: Queue):
    """She has asked for a lot; a reply takes 60 s, and one is written at a time."""
    for number in range(6):
        await bot.does(say(f"Hello {number}!"))
    await lives("den:1", capacity=1)
    assert "is begun" not in await status(bot, queue)  # no job has ended yet: nobody knows
    job = await jobs.claim_next("cpu", jobs.Room())
    assert job is not None
    assert job.lease_token is not None
    await jobs.finish(job.id, job.lease_token)
    await rows("UPDATE jobs SET claimed_at = finished_at - interval '60 s' WHERE state = 'done'")
    assert await jobs.claim_next("cpu", jobs.Room()) is not None
    body = await status(bot, queue)
    assert "Waiting: 4 for people, 0 ahead of time. Running: 1." in body
    assert "What you ask for now is begun in 5 min." in body


@pytest.mark.parametrize(("platform", "user"), [("telegram", "boss"), ("console", "ann")])
async def test_who_runs_it_sees_workers_and_engines(bot: Bot, queue: Queue, platform: str, user: str):
    await reports(queue, "den:1", LLAMA, REMOTE)
    await reports(queue, "den:2", LLAMA)
    body = await status(bot, queue, platform=platform, user=user)
    lines = body.splitlines()
    assert "**Workers:** 2" in lines
    assert "den:2 (cpu): 3 of 32 jobs" in lines
    llama = (
        "**llama tiny-q8 on den:** 41 tokens/s, 3.2 answers at a time, cache hits 64 %, 3 running, 2 waiting, "
        "5 evictions, 1 swapped out"
    )
    # Both workers report the one model process that they share.
    assert [line for line in lines if "tiny-q8 on" in line] == [llama]
    assert "one.example: healthy, 2 running" in lines
    assert "two.example: down (connection refused), 0 running" in lines
    assert "Messages to deliver: 0" in body


@pytest.mark.parametrize(("kind", "user"), [("dm", "ann"), ("group", "boss")])
async def test_nobody_else_does_and_no_group_reads_along(bot: Bot, queue: Queue, kind: str, user: str):
    await reports(queue, "den:1", LLAMA)
    body = await status(bot, queue, kind=kind, user=user)
    assert "Writers: llama" in body
    assert "den:1" not in body


async def test_without_redis_the_workers_are_known(bot: Bot, queue: Queue, tmp_path: object):
    await reports(queue, "den:1", LLAMA)
    async with Queue(f"unix://{tmp_path}/nothing.sock") as away:
        body = await status(bot, away, user="boss")
    assert "Up and working." in body
    assert "**Workers:** 1" in body
    assert "den:1 (cpu): 3 of 32 jobs" in body


def test_operators_are_named_by_platform_and_user(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STORYFORK_OPERATORS", " discord:1, Telegram:2 ,")
    assert BotSettings().storyfork_operators == {"discord:1", "telegram:2"}
    monkeypatch.setenv("STORYFORK_OPERATORS", "12345")
    with pytest.raises(ValueError, match="not a platform and a user id"):
        BotSettings()


async def test_a_platform_in_trouble_is_named_and_operators_learn_why(bot: Bot, queue: Queue, database: str):
    async with leader_connection(database) as connection:
        await connection.stand("discord", "p1", host="den:1")
        await connection.report("telegram", "den:1", "Telegram refuses the token: check TELEGRAM_TOKEN")
    body = await status(bot, queue)
    assert "Not reachable at the moment: telegram" in body
    assert "TELEGRAM_TOKEN" not in body
    body = await status(bot, queue, user="boss")
    assert "**discord:** served by den:1" in body
    assert "**telegram:** down (Telegram refuses the token: check TELEGRAM_TOKEN)" in body
    await rows("UPDATE leaders SET renewed_at = now() - interval '1 minute' RETURNING 1")
    assert "**discord:** no bot process for 60 s" in await status(bot, queue, user="boss")


async def test_events_that_were_set_aside_are_counted_for_who_runs_it(
    bot: Bot, queue: Queue, caplog: pytest.LogCaptureFixture
):
    for _ in range(2):
        event = event_of(command("help"))
        assert await bot.router.bury(event)
        assert f"event {event.key} is a dead letter" in caplog.text
    assert "failed again and again: 2 events" in await status(bot, queue, user="boss")
    assert "again and again" not in await status(bot, queue)


async def test_what_the_operators_switched_off_is_said(bot: Bot, queue: Queue):
    await switches.set_switch(switches.MAINTENANCE, by=None, message="Back at nine.")
    await switches.set_switch(switches.of_command("imagine"), by=None)
    body = await status(bot, queue)
    assert body.startswith("Maintenance: nothing new is taken at the moment. Back at nine.")
    assert "Switched off by the operators: /imagine" in body


async def test_operators_see_how_what_models_wrote_came_to_be_shown(bot: Bot, queue: Queue):
    async def ran(function: str, result: str | None, model: str = "tiny", days: int = 0) -> None:
        task = await usage.begin(function, job_id=None, account_id=None)
        receipt = {} if result is None else {"craft": {"result": result, "attempts": 1, "failed": [[]], "model": model}}
        await usage.save(task, usage.TaskRecord(state="done", receipt=receipt))
        await rows("UPDATE ai_tasks SET started_at = now() - make_interval(days => $2) WHERE id = $1", task, days)

    for result in ("at_once", "at_once", "mended", "offline", None):
        await ran("write_page", result)
    await ran("answer_as_persona", "again", "other")
    await ran("answer_as_persona", "next", "other", days=8)
    body = await status(bot, queue, user="boss")
    assert "write_page, tiny: 50 % at once, 25 % mended, 0 % asked again, 0 % by another engine, 25 % by the" in body
    assert "answer_as_persona, other: 0 % at once, 0 % mended, 100 % asked again" in body
    assert "(of 1)" in body
    assert "write_page" not in await status(bot, queue)
