"""Files of accepted events: fetched after the commit, once each, whatever is killed or slow meanwhile."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest

from bot import fetching
from bot.events import Command, Event, IncomingFile, TextMessage
from bot.fetching import FileFetcher
from bot.locales import text
from bot.platforms.base import FileTooBig, RetryLater
from db import awaited_files, inbox
from db.connection import rows
from db.models import AwaitedFileRow, JobRow, PictureRow
from db.usage_limits import UsageLimits
from prompts.registry import default_registry
from tests.bot.world import Bot, command, event_of

PNG: Final = b"\x89PNG any bytes"


class Source:
    """Where files come from: fails and waits as told. ``asked`` holds what was fetched, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.errors: list[Exception] = []
        self.slow: dict[str, asyncio.Event] = {}
        self.data = PNG

    async def fetch(self, source: str, limit: int) -> bytes:
        self.asked.append(source)
        if source in self.slow:
            await self.slow[source].wait()
        if self.errors:
            raise self.errors.pop(0)
        return self.data


@pytest.fixture
def source() -> Source:
    return Source()


@asynccontextmanager
async def fetching_for(bot: Bot, source: Source) -> AsyncGenerator[FileFetcher]:
    fetcher = FileFetcher({"console": source}, bot.router, bot.topics.commands)
    task = asyncio.create_task(fetcher.run())
    try:
        yield fetcher
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def imagine(file: str = "f1", name: str = "ann") -> Event:
    sent = IncomingFile(name="me.png", mime="image/png", source=file)
    return event_of(Command(name="imagine", rest="a door", file=sent), name=name)


async def all_done() -> None:
    async with asyncio.timeout(20):
        while await AwaitedFileRow.all().count():
            await asyncio.sleep(0.02)


async def test_the_event_is_accepted_first_and_run_with_the_file(bot: Bot, source: Source):
    event = imagine()
    assert (await bot.router.dispatch(event)).status == "working"
    assert (await bot.router.dispatch(event)).status == "duplicate"
    assert (source.asked, await JobRow.all().count(), await PictureRow.all().count()) == ([], 0, 0)
    async with fetching_for(bot, source):
        await all_done()
    (job,) = await JobRow.all()
    (picture,) = await PictureRow.all()
    assert (job.type, job.parameters["source"], job.event_key) == ("imagine", picture.id, event.key)
    assert await rows("SELECT data FROM picture_files") == [{"data": PNG}]
    assert source.asked == ["f1"]


async def test_a_slow_file_holds_up_nobody_else_and_each_chat_keeps_its_order(bot: Bot, source: Source):
    source.slow["a1"] = asyncio.Event()
    for file, name in (("a1", "ann"), ("a2", "ann"), ("b1", "ben")):
        await bot.router.dispatch(imagine(file, name))
    async with fetching_for(bot, source):
        async with asyncio.timeout(20):
            while await JobRow.all().count() < 1:
                await asyncio.sleep(0.02)
        assert sorted(source.asked) == ["a1", "b1"]
        help_ = await bot.does(command("help"))
        assert await bot.answers(help_)
        source.slow["a1"].set()
        await all_done()
    assert source.asked[-1] == "a2"
    assert await JobRow.all().count() == 3


async def test_what_was_stored_before_a_kill_is_not_fetched_again(bot: Bot, source: Source):
    await bot.router.dispatch(imagine())
    source.slow["f1"] = asyncio.Event()
    async with fetching_for(bot, source):
        async with asyncio.timeout(20):
            while not source.asked:
                await asyncio.sleep(0.02)
    row = await AwaitedFileRow.get()
    assert (row.stored, row.attempts) == ("", 1)
    await rows("UPDATE awaited_files SET lease_expires = now() - interval '1 second', stored = '41'")
    async with fetching_for(bot, source):
        await all_done()
    assert source.asked == ["f1"]
    (job,) = await JobRow.all()
    assert job.parameters["source"] == 41


@pytest.mark.parametrize("error", [OSError("broken"), ValueError("odd")])
async def test_a_file_that_never_comes_is_said(bot: Bot, source: Source, error: Exception, quick: None):
    source.errors = [error] * fetching.ATTEMPTS
    event = imagine()
    await bot.router.dispatch(event)
    async with fetching_for(bot, source):
        await all_done()
    assert len(source.asked) == fetching.ATTEMPTS
    assert (await bot.answer(event)).body == text("attachment.not_fetched")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off without the waiting."""
    monkeypatch.setattr(fetching, "BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr(fetching, "POLL_SECONDS", 0.01)


async def test_a_platform_that_is_away_costs_no_attempt(bot: Bot, source: Source, quick: None):
    source.errors = [RetryLater("away", 0.001) for _ in range(3 * fetching.ATTEMPTS)]
    await bot.router.dispatch(imagine())
    async with fetching_for(bot, source):
        await all_done()
    assert await JobRow.all().count() == 1


async def test_a_file_larger_than_was_claimed_is_refused(bot: Bot, source: Source):
    source.errors = [FileTooBig("f1")]
    event = imagine()
    await bot.router.dispatch(event)
    async with fetching_for(bot, source):
        await all_done()
    assert "too large" in (await bot.answer(event)).body


async def test_an_event_that_fails_whatever_comes_is_set_aside(bot: Bot, source: Source):
    event = imagine()
    await bot.router.dispatch(event)
    await rows("UPDATE awaited_files SET attempts = $1", fetching.ATTEMPTS)
    async with fetching_for(bot, source):
        await all_done()
    assert source.asked == []
    assert (await bot.answer(event)).body == text("router.gave_up")
    assert await inbox.dead_letters() == 1


async def test_a_question_is_answered_by_a_file_that_is_fetched(bot: Bot, source: Source):
    source.data = b"no {{ such }}"
    name = default_registry().names()[0]
    await bot.does(Command(name="prompt set", values={"name": name}))
    event = event_of(TextMessage(text="", file=IncomingFile(name="a.txt", mime="text/plain", source="t1")))
    assert (await bot.router.dispatch(event)).status == "working"
    async with fetching_for(bot, source):
        await all_done()
    assert source.asked == ["t1"]
    assert (await bot.answer(event)).asks is None


async def test_a_text_said_meanwhile_is_no_answer(bot: Bot, source: Source):
    source.slow["t1"] = asyncio.Event()
    names = default_registry().names()
    prompt = default_registry().get(names[0]).source
    source.data = prompt.encode()
    await bot.does(Command(name="prompt set", values={"name": names[0]}))
    answer = event_of(TextMessage(text="", file=IncomingFile(name="a.txt", mime="text/plain", source="t1")))
    aside = event_of(TextMessage(text="Is it there?"))
    other = event_of(TextMessage(text="no {{ other }}"), name="ben")
    await bot.does(Command(name="prompt set", values={"name": names[1]}), name="ben")
    await bot.router.dispatch(answer)
    assert (await bot.router.dispatch(aside)).status == "working"
    assert (await bot.router.dispatch(other)).status == "answered"
    (job,) = await JobRow.all()
    assert (job.type, job.event_key) == ("persona_reply", aside.key)
    async with fetching_for(bot, source):
        async with asyncio.timeout(20):
            while not source.asked:
                await asyncio.sleep(0.02)
        assert await bot.answers(answer) == []
        source.slow["t1"].set()
        await all_done()
    assert (await bot.answer(answer)).asks is None
    assert [row["source"] for row in await rows("SELECT source FROM prompt_overrides")] == [prompt]


async def test_a_command_that_waits_for_its_file_holds_up_no_answer(bot: Bot, source: Source):
    source.slow["f1"] = asyncio.Event()
    await bot.router.dispatch(imagine())
    asked = await bot.does(command("persona use"))
    assert (await bot.answer(asked)).asks is not None
    answer = await bot.does(TextMessage(text="nobody"))
    assert "nobody" in (await bot.answer(answer)).body


async def test_a_file_that_nothing_takes_is_not_fetched(bot: Bot):
    event = event_of(TextMessage(text="look", file=IncomingFile(name="a.txt", mime="text/plain", source="t1")))
    await bot.router.dispatch(event)
    assert await AwaitedFileRow.all().count() == 0


async def test_a_file_beyond_the_limit_is_refused_before_it_is_fetched(bot: Bot, source: Source):
    bot.router._limits = UsageLimits(uploads=2)  # type: ignore[attr-defined]
    events = [imagine(f"f{n}") for n in range(3)]
    statuses = [(await bot.router.dispatch(event)).status for event in events]
    assert statuses == ["working", "working", "answered"]
    answer = await bot.answer(events[2])
    assert "You have sent 2 files within a day" in answer.body
    assert "You can send another in 12 h" in answer.body
    async with fetching_for(bot, source):
        await all_done()
    assert (source.asked, await JobRow.all().count()) == (["f0", "f1"], 2), "what was accepted is counted once"


async def test_a_file_is_refused_before_it_is_fetched_when_no_more_is_kept(bot: Bot, source: Source):
    await bot.router.dispatch(imagine())
    async with fetching_for(bot, source):
        await all_done()
    bot.router._limits = UsageLimits(kept_pictures=1)  # type: ignore[attr-defined]
    event = imagine("f2")
    assert (await bot.router.dispatch(event)).status == "answered"
    assert "kept here" in (await bot.answer(event)).body
    assert await AwaitedFileRow.all().count() == 0


async def test_files_accepted_together_are_stored_as_far_as_they_are_kept(bot: Bot, source: Source):
    bot.router._limits = UsageLimits(kept_pictures=1)  # type: ignore[attr-defined]
    events = [imagine(f"f{n}") for n in range(2)]
    assert [(await bot.router.dispatch(event)).status for event in events] == ["working"] * 2
    async with fetching_for(bot, source):
        await all_done()
    assert await PictureRow.all().count() == 1
    assert "kept here" in (await bot.answer(events[1])).body


async def test_a_file_that_answers_a_question_counts_too(bot: Bot, source: Source):
    bot.router._limits = UsageLimits(uploads=1, kept_pictures=1)  # type: ignore[attr-defined]
    await bot.router.dispatch(imagine())
    async with fetching_for(bot, source):
        await all_done()
    source.asked.clear()
    await bot.does(Command(name="prompt set", values={"name": default_registry().names()[0]}))
    event = event_of(TextMessage(text="", file=IncomingFile(name="a.txt", mime="text/plain", source="t1")))
    await bot.router.dispatch(event)
    assert "one file within a day" in (await bot.answer(event)).body


async def test_more_files_than_are_fetched_for_one_person_are_refused(bot: Bot, source: Source):
    events = [imagine(f"f{n}") for n in range(awaited_files.PER_PERSON + 1)]
    statuses = [(await bot.router.dispatch(event)).status for event in events]
    assert statuses == ["working"] * awaited_files.PER_PERSON + ["answered"]
    assert "are still being fetched" in (await bot.answer(events[-1])).body
    assert (await bot.router.dispatch(imagine(name="ben"))).status == "working"


async def test_without_a_platform_to_fetch_from_it_runs_on(bot: Bot):
    fetcher = FileFetcher({"console": object()}, bot.router, bot.topics.commands)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await fetcher.run()
