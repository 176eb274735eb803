"""The pace: Telegram never has to ask for patience, and is given it when it does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.events import Destination
from bot.messages import Button, Message, Progress
from bot.platforms.base import RetryLater
from bot.platforms.telegram import ChatPace, TelegramPlatform
from bot.platforms.telegram.pace import PATIENCE, FloodLimits
from tests.bot.telegram.conftest import Outbox, RecordingInbound, running, to
from tests.doubles.telegram import Fault, FloodRules, Person, Rules, TelegramServer
from tests.doubles.telegram.server import Request
from tests.effort import times

FAST: Final = FloodLimits(per_second=10.0, group_seconds=2.6, overall_per_second=250.0)
"""A minute takes two seconds, a second a tenth."""
RULES = Rules(flood=FloodRules(chat_per_second=10.0, group_seconds=2.0, overall_per_second=300))
PAGE = Message(title="Door", body="It is **open**.", buttons=((Button("1", "1.choose.a.1.1"),),))
TURNS = 6


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    async with TelegramServer(rules=RULES) as running_server:
        yield running_server


@pytest.fixture
async def paced(server: TelegramServer, inbound: RecordingInbound) -> AsyncIterator[TelegramPlatform]:
    async with running(server, inbound, pace=ChatPace(FAST)) as platform:
        yield platform


def refused(server: TelegramServer) -> list[Request]:
    return [r for r in server.requests if r.status == 429]


async def play(platform: TelegramPlatform, outbox: Outbox, where: Destination, turns: int = TURNS) -> None:
    """As many pages as one can tap through, each with a placeholder, progress while it is written, and a mark."""
    for _ in range(turns):
        placing = outbox.row(where)
        await platform.place(placing, Progress("Writing"))
        placed = outbox.recorded[placing.id][0]
        for percent in range(0, 100, 20):
            await platform.show_progress(where, placed, Progress("Writing", percent, text="Once"))
        await platform.deliver(outbox.row(where, placeholder=placed), PAGE)
        await platform.deliver(outbox.row(where, kind="mark", edit=placed), Message(body="It is open."))


async def test_ordinary_play_meets_no_flood_control(
    server: TelegramServer, paced: TelegramPlatform, outbox: Outbox, inbound: RecordingInbound
) -> None:
    people = [server.person(name) for name in ("Alice", "Bob", "Cleo")]
    for person in people:
        await person.say(person.chat(), "hi")
    async with asyncio.timeout(60):
        await asyncio.gather(*(play(paced, outbox, to(person)) for person in people))
    assert refused(server) == []
    pages = [m for m in server.sent if m.text.startswith("Door") or m.text == "It is open."]
    assert len(pages) == len(people) * TURNS


async def test_nor_do_several_at_once_in_one_group(
    server: TelegramServer, paced: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    group = server.group("Readers", [alice])
    where = to(alice).model_copy(update={"chat_id": str(group.id), "kind": "group"})
    async with asyncio.timeout(60):
        await asyncio.gather(*(play(paced, outbox, where, 3) for _ in range(3)))
    assert refused(server) == []


async def test_after_a_refusal_nothing_enters_that_chat_and_another_is_unaffected(
    server: TelegramServer, paced: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    bob = server.person("Bob")
    for person in (alice, bob):
        await person.say(person.chat(), "hi")
    await paced.place(outbox.row(to(alice), 1), Progress("Writing"))
    (placed,) = outbox.recorded[1]
    server.faults.add(Fault("flood", method="editMessageText", retry_after=2))
    with pytest.raises(RetryLater) as raised:
        await paced.deliver(outbox.row(to(alice), 2, placeholder=placed), PAGE)
    assert raised.value.delay == 2
    closed = refused(server)[0]
    assert closed.ended is not None
    again = [
        asyncio.create_task(paced.deliver(outbox.row(to(alice), 2, placeholder=placed), PAGE)),
        asyncio.create_task(paced.retract(to(alice), "77")),
        asyncio.create_task(paced.place(outbox.row(to(alice), 3), Progress("Writing"))),
    ]
    await paced.show_progress(to(alice), "78", Progress("Writing", 50))
    await paced.deliver(outbox.row(to(bob), 4), PAGE)
    assert not any(task.done() for task in again)
    async with asyncio.timeout(30):
        await asyncio.gather(*again)
    later = [r for r in server.requests if r.started > closed.started and str(r.params.get("chat_id")) == str(alice.id)]
    assert min(r.started for r in later) >= closed.ended + 2 - 0.01
    assert len(refused(server)) == 1


async def test_a_longer_wait_goes_back_into_the_outbox_and_asks_nothing(
    server: TelegramServer, paced: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await alice.say(alice.chat(), "hi")
    server.faults.add(Fault("flood", method="sendMessage", retry_after=40))
    for _ in range(3):
        with pytest.raises(RetryLater) as raised:
            await paced.deliver(outbox.row(to(alice), 1), PAGE)
        assert raised.value.delay is not None
        assert 30 < raised.value.delay <= 40
    assert len(server.calls("sendMessage")) == 1


async def test_a_press_is_answered_though_its_chat_is_closed(
    server: TelegramServer, paced: TelegramPlatform, outbox: Outbox, inbound: RecordingInbound, alice: Person
) -> None:
    await alice.say(alice.chat(), "hi")
    await paced.deliver(outbox.row(to(alice), 1), PAGE)
    server.faults.add(Fault("flood", method="sendMessage", retry_after=40))
    with pytest.raises(RetryLater):
        await paced.deliver(outbox.row(to(alice), 2), PAGE)
    await alice.tap(server.sent[0], "1")
    event = await inbound.wait(2)
    await paced.deliver(outbox.row(event.destination, 3), Message("Not now.", private=True))
    assert [q.answer.text for q in server.world.queries.values() if q.answer] == ["Not now."]


async def test_a_retry_goes_on_at_the_first_part_that_is_not_done(
    server: TelegramServer, paced: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await alice.say(alice.chat(), "hi")
    long = Message(body="word " * 1200, buttons=PAGE.buttons)
    server.faults.add(Fault("flood", method="editMessageText", skip=1, retry_after=1))
    with pytest.raises(RetryLater):
        await paced.deliver(outbox.row(to(alice), 1), long)
    await paced.deliver(outbox.row(to(alice), 1, attempt=2), long)
    edited = [r.params["message_id"] for r in server.calls("editMessageText")]
    assert [str(message) for message in edited] == [outbox.recorded[1][0], *[outbox.recorded[1][1]] * 2]


@settings(max_examples=times(15, 1_000), deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(1, 3), st.booleans()), max_size=80))
def test_limits_hold_for_any_sequence(calls: list[tuple[int, int, bool]]) -> None:
    limits = FloodLimits(per_second=1_000, group_calls=20, group_seconds=0.05, overall_per_second=5_000)
    passed: list[tuple[float, int]] = []

    async def one(pace: ChatPace, chat: int, count: int, progress: bool) -> None:
        now = asyncio.get_running_loop().time
        if progress:
            if pace.spare(chat):
                passed.append((now(), chat))
            return
        await pace.enter(chat, count)
        passed.extend([(now(), chat)] * count)

    async def everything() -> None:
        pace = ChatPace(limits)
        await asyncio.gather(*(one(pace, *call) for call in calls))

    asyncio.run(everything())
    for chat in {chat for _, chat in passed if chat < 0}:
        at = sorted(when for when, where in passed if where == chat)
        for first, over in zip(at, at[limits.group_calls + 2 :], strict=False):
            assert over - first >= limits.group_seconds - 0.01
    assert len(passed) >= sum(count for _, count, progress in calls if not progress)


@pytest.mark.parametrize("chat", [1, -1])
async def test_answers_come_before_progress(chat: int) -> None:
    pace = ChatPace(FloodLimits(per_second=0.001, overall_per_second=1e6))
    assert [pace.spare(chat) for _ in range(4)] == [True, True, False, False]
    for _ in range(2):
        await pace.enter(chat)
    assert not pace.spare(chat)
    with pytest.raises(RetryLater):
        await pace.enter(chat)
    assert pace.spare(2)


async def test_the_overall_limit_holds_for_many_chats() -> None:
    pace = ChatPace(FloodLimits(overall_per_second=250.0))
    now = asyncio.get_running_loop().time
    passed: list[float] = []

    async def one(chat: int) -> None:
        await pace.enter(chat)
        passed.append(now())

    await asyncio.gather(*(one(chat) for chat in range(1, 101)))
    assert passed[-1] - passed[0] >= 96 / 250 - 0.02


async def test_idle_chats_are_forgotten() -> None:
    pace = ChatPace(FloodLimits(group_seconds=0.0, per_second=1e9, overall_per_second=1e9))
    for chat in range(1, 10_000):
        await pace.enter(chat)
    assert pace.chats <= 2048
    pace.close(-1, PATIENCE)
    assert not pace.spare(-1)
