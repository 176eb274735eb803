"""A chat that is slow, or an event that never commits, holds up nobody else; and nothing is lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from telegram import Chat, User

from bot.events import Event
from bot.platforms.base import Outcome
from bot.platforms.telegram import intake, members
from bot.platforms.telegram import queries as presses
from bot.platforms.telegram.api import make_bot
from tests.bot.backlog import Away, MemoryBacklog
from tests.bot.telegram.conftest import RecordingInbound, running
from tests.doubles.telegram import Person, TelegramServer


@dataclass
class Gate:
    """Answers events; those of one person wait until it opens, or are refused."""

    slow: Person
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    refuses: bool = False
    tries: int = 0

    async def __call__(self, event: Event) -> Outcome:
        if event.user.external_id == str(self.slow.id):
            self.tries += 1
            if self.refuses:
                return Outcome("refused", "Later.")
            await self.opened.wait()
        return Outcome("silent")


def texts(events: Sequence[Event], person: Person) -> list[str]:
    said = [e for e in events if e.user.external_id == str(person.id)]
    return [e.payload.text for e in said if e.payload.type == "said"]


async def confirmed(server: TelegramServer) -> None:
    """Wait until Telegram keeps no update any more."""
    async with asyncio.timeout(20):
        while server.pending_updates:
            await asyncio.sleep(0.01)


@pytest.fixture
def bob(server: TelegramServer) -> Person:
    return server.person("Bob")


async def test_a_slow_chat_holds_up_nobody_and_is_resumed_after_a_kill(
    server: TelegramServer, inbound: RecordingInbound, alice: Person, bob: Person
) -> None:
    gate = inbound.answer = Gate(alice)
    async with running(server, inbound):
        for n in range(3):
            await alice.say(alice.chat(), f"a{n}")
            await bob.say(bob.chat(), f"b{n}")
            await inbound.wait(n + 1)
        assert texts(inbound.events, bob) == ["b0", "b1", "b2"]
        await confirmed(server)
    assert texts(inbound.events, alice) == []
    gate.opened.set()
    async with running(server, inbound):
        await alice.say(alice.chat(), "a3")
        await inbound.wait(7)
        assert texts(inbound.events, alice) == ["a0", "a1", "a2", "a3"]


async def test_an_event_that_never_commits_is_given_up_and_its_chat_goes_on(
    server: TelegramServer, inbound: RecordingInbound, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "FIRST_PAUSE", 0.01)
    gate = inbound.answer = Gate(alice, refuses=True)
    async with running(server, inbound):
        poison = await alice.say(alice.chat(), "poison")
        await bob.say(bob.chat(), "hello")
        assert await inbound.burial(1) == f"m{alice.id}.{poison.id}"
        assert gate.tries >= intake.FAILURES
        gate.refuses = False
        gate.opened.set()
        await alice.say(alice.chat(), "and now")
        async with asyncio.timeout(10):
            while "and now" not in texts(inbound.events, alice):
                await asyncio.sleep(0.01)
        assert texts(inbound.events, bob) == ["hello"]
        await confirmed(server)


async def test_a_flood_of_one_chat_stays_in_order_and_out_of_memory(
    server: TelegramServer, inbound: RecordingInbound, alice: Person, bob: Person
) -> None:
    backlog = MemoryBacklog()
    inbound.backlog = backlog
    gate = inbound.answer = Gate(alice)
    many = 3 * intake.LANE
    for n in range(many):
        await alice.say(alice.chat(), f"a{n}")
    async with running(server, inbound):
        await confirmed(server)
        await bob.say(bob.chat(), "hello")
        assert (await inbound.wait(1)).user.external_id == str(bob.id)
        assert len(backlog.kept) == many
        gate.opened.set()
        await inbound.wait(many + 1)
        assert texts(inbound.events, alice) == [f"a{n}" for n in range(many)]
        async with asyncio.timeout(10):
            while backlog.kept:
                await asyncio.sleep(0.01)


async def test_nothing_is_confirmed_that_is_neither_committed_nor_kept(
    server: TelegramServer, inbound: RecordingInbound, alice: Person
) -> None:
    inbound.backlog = Away()
    gate = inbound.answer = Gate(alice)
    async with running(server, inbound):
        await alice.say(alice.chat(), "first")
        async with asyncio.timeout(10):
            while not gate.tries:
                await asyncio.sleep(0.01)
        assert len(server.calls("getUpdates")) == 1
    assert len(server.pending_updates) == 1
    inbound.backlog, inbound.answer = MemoryBacklog(), None
    async with running(server, inbound):
        await inbound.wait(1)
        await confirmed(server)


async def test_what_is_remembered_of_presses_and_people_is_bounded(
    server: TelegramServer, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(query_id: str, text: str) -> None:
        """Nobody is told."""

    monkeypatch.setattr(presses, "_KEPT", 2)
    queries = presses.Queries(answer, presses.Background())
    for query_id in ("1", "2", "3"):
        queries.opened(query_id)
    assert [queries.known(query_id) for query_id in ("1", "2", "3")] == [False, True, True]

    monkeypatch.setattr(members, "KNOWN", 1)
    group = server.group("Readers", [alice, bob])
    async with make_bot(server.token, server.api_url) as client:
        known = members.Members(client)
        chat = Chat(group.id, "supergroup")
        for person in (alice, bob, bob, alice):
            await known.of(chat, User(person.id, "Somebody", is_bot=False))
    assert len(server.calls("getChatMember")) == 3
