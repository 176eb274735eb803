"""What was written while the bot was away: read within limits, and no chat holds up another."""

import asyncio

import pytest

from bot.events import Event
from bot.platforms.base import Outcome, Watched
from bot.platforms.discord import catchup
from bot.platforms.discord.catchup import ChatLocks
from tests.bot.discord.conftest import Notes, connecting
from tests.doubles.discord import DiscordServer, Fault
from tests.doubles.discord.places import Channel


class Choosy(Notes):
    """Refuses or holds texts by their beginning; ``well``: dead letters can be recorded.

    ``unknown``: texts of which it is not known at first whether they were committed; they were not.
    """

    def __init__(self, *chats: Channel) -> None:
        super().__init__()
        self.chats = [Watched(str(chat.id), "", "") for chat in chats]
        self.opened, self.holds = asyncio.Event(), asyncio.Event()
        self.well = self.buries = True
        self.unknown: set[str] = set()
        self.refused: list[str] = []
        self.burials = 0

    async def tried_to_bury(self) -> None:
        """Wait until a message was given up, or that was tried."""
        async with asyncio.timeout(10):
            while not self.burials:
                await asyncio.sleep(0.01)

    async def dispatch(self, event: Event) -> Outcome:
        if event.event_id in {e.event_id for e in self.events}:
            return Outcome("duplicate")
        said = text_of(event)
        if said.startswith("held"):
            self.holds.set()
            await self.opened.wait()
        if said.startswith("poison") or not self.well:
            self.refused.append(said)
            return Outcome("refused", "Later.")
        if said in self.unknown:
            self.unknown.discard(said)
            return Outcome("unknown")
        return await super().dispatch(event)

    async def bury(self, event: Event) -> bool:
        self.burials += 1
        return self.well and self.buries and await super().bury(event)

    async def said(self, *texts: str) -> None:
        """Wait until these were committed, in any order of chats."""
        async with asyncio.timeout(10):
            while not set(texts) <= {text_of(e) for e in self.events}:
                await asyncio.sleep(0.01)


def text_of(event: Event) -> str:
    return getattr(event.payload, "text", "")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries again at once."""
    monkeypatch.setattr(catchup, "PAUSE_SECONDS", 0.0)


async def test_a_message_that_never_commits_is_set_aside(server: DiscordServer):
    ann, ben = server.person("ann"), server.person("ben")
    for text in ("one", "poison", "two"):
        await ann.say(ann.dm(), text)
    await ben.say(ben.dm(), "hello")
    notes = Choosy(ann.dm(), ben.dm())
    async with connecting(server, notes=notes):
        await notes.said("one", "two", "hello")
    assert notes.refused == ["poison"] * catchup.TRIES
    assert len(notes.buried) == 1
    assert [text_of(e) for e in notes.events if e.user.external_id == str(ann.id)] == ["one", "two"]


async def test_a_chat_that_is_slow_holds_up_neither_others_nor_their_new_messages(server: DiscordServer):
    ann, ben = server.person("ann"), server.person("ben")
    await ann.say(ann.dm(), "held for long")
    await ben.say(ben.dm(), "one")
    notes = Choosy(ann.dm(), ben.dm())
    async with connecting(server, notes=notes):
        await notes.said("one")
        await ben.say(ben.dm(), "two")
        await notes.said("two")
        await ann.say(ann.dm(), "after it")
        notes.opened.set()
        await notes.said("after it")
        assert [text_of(e) for e in notes.events if e.user.external_id == str(ann.id)] == ["held for long", "after it"]


async def test_with_the_database_away_a_chat_stays_listed(server: DiscordServer):
    ann = server.person("ann")
    await ann.say(ann.dm(), "missed")
    notes = Choosy(ann.dm())
    notes.well = False
    async with connecting(server, notes=notes):
        await notes.tried_to_bury()
        notes.well = True
        await ann.say(ann.dm(), "new")
        await notes.said("new")
    assert [text_of(e) for e in notes.events] == ["missed", "new"]


async def test_nobody_has_to_write_again_once_the_database_is_back(server: DiscordServer):
    ann = server.person("ann")
    await ann.say(ann.dm(), "missed")
    notes = Choosy(ann.dm())
    notes.well = False
    async with connecting(server, notes=notes):
        await notes.tried_to_bury()
        notes.well = True
        await notes.said("missed")


async def test_no_message_is_committed_before_an_earlier_one(server: DiscordServer):
    ann = server.person("ann")
    await ann.say(ann.dm(), "poison")
    notes = Choosy(ann.dm())
    notes.buries = False
    async with connecting(server, notes=notes):
        later = await ann.say(ann.dm(), "new")
        told = await ann.wait_for_message(ann.dm(), lambda m: m.author.bot)
    assert told.reference is later
    assert notes.events == []


async def test_what_may_not_have_been_committed_precedes_the_next_message(server: DiscordServer):
    ann, notes = server.person("ann"), Choosy()
    notes.unknown = {"one"}
    async with connecting(server, notes=notes):
        await ann.say(ann.dm(), "one")
        await ann.say(ann.dm(), "two")
        await notes.said("two")
    assert [text_of(e) for e in notes.events] == ["one", "two"]


async def test_a_message_is_taken_later_if_its_refusal_could_not_be_sent(server: DiscordServer):
    ann, notes = server.person("ann"), Choosy()
    async with connecting(server, notes=notes):
        await ann.say(ann.dm(), "before")
        await notes.said("before")
        notes.well = False
        lost = server.faults.add(Fault("drop_before", "POST /channels/*/messages"))
        await ann.say(ann.dm(), "one")
        async with asyncio.timeout(10):
            while not lost.struck:
                await asyncio.sleep(0.01)
        notes.well = True
        await notes.said("one")
        assert [m for m in ann.messages(ann.dm()) if m.author.bot] == []


async def test_what_is_refused_while_the_process_stops_is_said_to_be(server: DiscordServer):
    ann, notes = server.person("ann"), Choosy()
    notes.well = False
    async with connecting(server, notes=notes):
        said = await ann.say(ann.dm(), "held until the process stops")
        async with asyncio.timeout(10):
            await notes.holds.wait()
        asyncio.get_running_loop().call_later(0.2, notes.opened.set)
    assert [m.reference for m in ann.messages(ann.dm()) if m.author.bot] == [said]


async def test_past_the_limits_a_chat_is_caught_up_with_its_next_message(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catchup, "TOTAL_MESSAGES", 1)
    monkeypatch.setattr(catchup, "AT_ONCE", 1)
    ann, ben = server.person("ann"), server.person("ben")
    await ann.say(ann.dm(), "one")
    await ben.say(ben.dm(), "missed")
    notes = Choosy(ann.dm(), ben.dm())
    async with connecting(server, notes=notes):
        await notes.said("one")
        await ben.say(ben.dm(), "new")
        await notes.said("new")
    assert [text_of(e) for e in notes.events] == ["one", "missed", "new"]


async def test_the_first_message_of_a_known_person_is_found(server: DiscordServer):
    ann, ben = server.person("ann"), server.person("ben")
    await ann.say(ann.dm(), "hello for the first time")
    notes = Choosy()
    notes.chats = [Watched("", "", "", user_id=str(person.id)) for person in (ann, ben)] + [Watched("", "", "", "?")]
    async with connecting(server, notes=notes):
        await notes.said("hello for the first time")
        await ben.say(ben.dm(), "me too")
        await notes.said("me too")
    assert len(notes.events) == 2


async def test_a_flood_of_one_chat_stays_in_order_and_out_of_memory(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catchup, "WAITING", 3)
    monkeypatch.setattr(catchup, "CHAT_MESSAGES", 4)
    ann, notes = server.person("ann"), Choosy()
    async with connecting(server, notes=notes):
        said = ["held", *(f"m{n}" for n in range(12))]
        for text in said:
            await ann.say(ann.dm(), text)
        await ann.say(ann.dm(), "the end of it")
        await server.person("ben").say(server.person("ben").dm(), "hello")
        await notes.said("hello")
        waiting = [task for task in asyncio.all_tasks() if task.get_name() == "discord.py: on_message"]
        assert len(waiting) == catchup.WAITING
        notes.opened.set()
        await notes.said(*said, "the end of it")
    assert [text_of(e) for e in notes.events if e.user.external_id == str(ann.id)] == [*said, "the end of it"]


async def test_what_somebody_was_told_nobody_took_is_not_taken_later(server: DiscordServer):
    ann = server.person("ann")
    first = Choosy(ann.dm())
    first.well = False
    async with connecting(server, notes=first):
        said = await ann.say(ann.dm(), "one")
        await ann.wait_for_message(ann.dm(), lambda m: m.reference is said)
    await ann.say(ann.dm(), "two")
    notes = Choosy(ann.dm())
    async with connecting(server, notes=notes):
        await notes.said("two")
    assert [text_of(e) for e in notes.events] == ["two"]


async def test_locks_are_kept_only_while_they_are_used():
    locks, order = ChatLocks(), list[int]()

    async def one(number: int) -> None:
        async with locks.hold(number % 2):
            order.append(number)
            await asyncio.sleep(0)

    waiting = asyncio.create_task(one(1))
    async with locks.hold(1):
        await asyncio.sleep(0)
        assert (len(locks), order) == (1, [])
        cancelled = asyncio.create_task(one(3))
        await asyncio.sleep(0)
        cancelled.cancel()
    await asyncio.gather(waiting, *(one(n) for n in range(0, 20, 2)))
    assert order[0] == 1
    assert len(locks) == 0
