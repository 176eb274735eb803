"""Announcements: to every place once, to people only if they wanted it; the operator is told the result."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.announcement_settings import PREFERENCES
from bot.events import ButtonPress
from bot.policy import AccessPolicy
from db import access, accounts, announcements, audit, outbox, people, places
from db.access import Target
from db.connection import rows, transaction
from db.models import AnnouncementRow, JobRow, OutboxRow
from tests.bot.playing import words
from tests.bot.world import Bot, command, press, running_bot
from tests.db.world import somebody
from tests.workers.making import run_by
from workers.engines.text.chain import TextChain
from workers.runner import Runner
from workers.services import Services
from workers.steps.announcement import ReportAnnouncement, SpreadAnnouncement
from workers.workflows.base import WorkflowPlan

NEWS = "We move on Friday."
PLAN = WorkflowPlan("announce", [SpreadAnnouncement(0.01), ReportAnnouncement()])


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url, policy=AccessPolicy(frozenset({"console:boss"}))) as bot:
        yield bot


async def asked(bot: Bot) -> tuple[int, str]:
    """An operator writes an announcement; returns its id and what they are asked."""
    message = await bot.answer(await bot.does(command(f"operator announce: {NEWS}"), name="boss"))
    ((send, drop),) = message.buttons
    assert (send.label, drop.label) == ("Send", "Drop")
    return int(send.action.rpartition(".")[2], 36), message.body


@asynccontextmanager
async def sending(state: str = "sent") -> AsyncGenerator[None]:
    """Couriers are at work: what is to be sent gets this state."""

    async def deliver() -> None:
        while True:
            await rows("UPDATE outbox SET state = $1 WHERE state = 'pending' AND kind = 'announced'", state)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(deliver())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def work(bot: Bot) -> None:
    """A worker takes the announcement up."""
    runner = Runner(Services(TextChain([]), bot.around.prompts, bot.around.queue), 4, lambda _: PLAN)
    await run_by(runner, (await JobRow.get(type="announce")).id)


async def reached() -> list[str]:
    """The chats that got a message, in order."""
    found = await OutboxRow.filter(kind="announced").order_by("id")
    return [row.destination["chat_id"] for row in found]


async def test_every_place_gets_it_once_and_people_who_wanted_it(bot: Bot):
    for n in range(announcements.BATCH + 2):
        await somebody(chat=f"club{n}", kind="group")
    wants, _ = await somebody("ben"), await somebody("eve")
    await accounts.set_announcements(wants.account.id, on=True)
    number, question = await asked(bot)
    assert f"to {announcements.BATCH + 2} places and to 1 person" in question
    async with sending():
        sent = await bot.does(press("announce", number), name="boss", pressed="m1")
        await work(bot)
    expected = [f"club{n}" for n in range(announcements.BATCH + 2)]
    assert await reached() == [*expected, "dm-ben"]
    count = announcements.BATCH + 3
    settled, result = await bot.answers(sent)
    assert (settled.body, settled.buttons) == (NEWS, ())
    assert result.body == f"The announcement was delivered {count} of {count} times."
    assert [(e.action, e.subject) for e in await audit.entries()] == [("announce", str(number))]
    assert (await AnnouncementRow.get(id=number)).state == "done"
    found = await OutboxRow.filter(kind="announced").order_by("id").first()
    assert found is not None
    message = await bot.composer.compose((await outbox.of_event(found.event_key))[0])
    assert message is not None
    assert (message.body, "to all places" in message.footer) == (NEWS, True)


async def test_it_is_sent_or_dropped_once(bot: Bot):
    number, _ = await asked(bot)
    assert "Only the operators" in await words(bot, await bot.does(press("announce", number)))
    assert "dropped" in await words(bot, await bot.does(press("announce_drop", number), name="boss"))
    assert "before" in await words(bot, await bot.does(press("announce", number), name="boss"))
    assert await JobRow.all().count() == 0


async def test_a_worker_that_dies_midway_sends_nothing_twice(bot: Bot):
    for n in range(announcements.BATCH + 2):
        await somebody(chat=f"club{n}", kind="group")
    number, _ = await asked(bot)
    await bot.does(press("announce", number), name="boss")
    async with transaction():
        assert await announcements.place_batch(number) == announcements.BATCH
    await rows("UPDATE announcements SET last_account = 0")  # as if that had been lost
    async with sending():
        await work(bot)
    assert len(await reached()) == len(set(await reached())) == announcements.BATCH + 2


async def test_who_is_left_out(bot: Bot):
    kept = await somebody(chat="kept", kind="group")
    left, banned = await somebody(chat="left", kind="group"), await somebody(chat="banned", kind="group")
    assert await places.leave(left.conversation.id, private=False)
    await access.put("banned", Target("place", "console", "banned"), by=None)
    ended = datetime.now(UTC) - timedelta(hours=1)
    await access.put("banned", Target("place", "console", "kept"), by=None, ends_at=ended)
    number, question = await asked(bot)
    assert "1 place " in question
    async with sending():
        await bot.does(press("announce", number), name="boss")
        await work(bot)
    assert await reached() == ["kept"]
    assert kept.account.id != banned.account.id
    assert (await announcements.reach(listed_only=True)).total == 0
    await access.put("allowed", Target("place", "console", "kept"), by=None)
    assert (await announcements.reach(listed_only=True)).places == 1


async def test_a_place_gets_it_in_its_channel_else_where_it_was_last_active(bot: Bot):
    first = await somebody(chat="club", kind="group")
    for chat, active in (("talk", "2 hours"), ("news", "1 hour")):
        await rows(
            "INSERT INTO conversations (account_id, platform, chat_id, kind, active_at) "
            f"VALUES ($1, 'console', $2, 'group', now() - interval '{active}')",
            first.account.id, chat,
        )  # fmt: skip
    await rows("UPDATE conversations SET active_at = now() - interval '3 hours' WHERE chat_id = 'club'")
    number, _ = await asked(bot)
    await announcements.decide(number, "sending")
    async with transaction():
        await announcements.place_batch(number)
    (talk,) = await rows("SELECT id FROM conversations WHERE chat_id = 'talk'")
    await accounts.set_announcement_channel(first.account.id, talk["id"])
    number, _ = await asked(bot)
    await announcements.decide(number, "sending")
    async with transaction():
        await announcements.place_batch(number)
    assert await reached() == ["news", "talk"]


async def test_what_cannot_be_delivered_is_counted(bot: Bot):
    await somebody(chat="club", kind="group")
    number, _ = await asked(bot)
    async with sending("dead"):
        sent = await bot.does(press("announce", number), name="boss")
        await work(bot)
    assert "0 of 1 times. 1 place could not be reached." in await words(bot, sent)


async def test_an_announcement_that_is_cancelled_stays_where_it_is(bot: Bot):
    await somebody(chat="club", kind="group")
    number, _ = await asked(bot)
    await bot.does(press("announce", number), name="boss")
    job = await JobRow.get(type="announce")
    await bot.does(press("cancel", job.id), name="boss")
    assert (await AnnouncementRow.get(id=number)).state == "dropped"
    async with transaction():
        assert await announcements.place_batch(number) is None


def test_both_settings_are_registered(bot: Bot):
    assert {spec.name for spec in PREFERENCES} <= set(bot.topics.preferences.names)


async def test_a_place_says_where_it_wants_them(bot: Bot):
    async def presses(label: str) -> None:
        nonlocal shown
        labels = {button.label: button.action for line in shown.buttons for button in line}
        labels |= {option.label: option.action for select in shown.selects for option in select.options}
        found = next(action for name, action in labels.items() if re.search(rf"\b{label}\b", name))
        event = await bot.does(ButtonPress(data=found), group="club", role="admin", pressed="m1")
        shown = (await bot.answers(event))[0]

    shown = (await bot.answers(await bot.does(command("settings"), group="club", role="admin")))[0]
    for label in ("This place", "Announcements", "here"):
        await presses(label)
    (club,) = await rows("SELECT c.id FROM conversations c WHERE chat_id = 'club'")
    (account,) = await rows("SELECT settings ->> 'announcement_channel' AS chosen FROM accounts WHERE kind = 'group'")
    assert account["chosen"] == str(club["id"])
    assert [(e.action, e.subject) for e in await audit.entries()] == [("setting", "announce_channel")]


async def test_the_stand_in_of_a_guild_that_removed_the_bot_is_no_channel(bot: Bot):
    for chat in ("general", "guild"):
        await people.resolve(
            "discord", account=("guild", "guild", "Guild"), user=("7", "Ann", ""), conversation=(chat, "", "group")
        )
    await rows("UPDATE conversations SET active_at = now() - interval '1 day' WHERE chat_id = 'general'")
    number, _ = await asked(bot)
    await announcements.decide(number, "sending")
    async with transaction():
        await announcements.place_batch(number)
    assert await reached() == ["general"]
