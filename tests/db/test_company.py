"""Several personas in one chat: who is there, and turns with several answers."""

from typing import Any, Final

import pytest

from db import chat_turns, chats, company, personas, saved_chats
from db.chats import Exchange, StoredMessage
from db.connection import rows
from db.errors import LimitReached, NotFound
from db.memory import past
from db.people import Who
from db.personas import Persona
from tests.db.world import somebody

pytestmark = pytest.mark.usefixtures("database")
CARDS: Final = [{"key": name.casefold(), "name": name} for name in ("Mira", "Vex", "Marlow")]


async def here(who: Who) -> Who:
    """The same person, with the conversation as it is now."""
    del who
    return await somebody()


async def gathered(*others: str) -> tuple[Who, list[Persona]]:
    """A conversation of Mira's with others, and all of them."""
    await personas.sync_shipped(CARDS)
    who = await somebody()
    found = [await personas.named(who.account.id, each["name"]) for each in CARDS]
    for name in others:
        persona = next(each for each in found if each.name == name)
        await company.join(who.conversation, persona.id, when_called=False, most=0)
    return await somebody(), found


async def turn(who: Who, text: str, *speakers: Persona, answered: bool = True) -> tuple[Exchange, list[StoredMessage]]:
    """Something said to Mira's chat, and the replies of some personas."""
    mira, first, *others = await personas.active(who.conversation), *speakers
    exchange = await chats.say(who.conversation, mira, who.user.id, text, speaker_id=first.id)
    replies = [exchange.reply, *[await chats.answer_too(exchange.said, each.id) for each in others]]
    for reply, speaker in zip(replies, speakers, strict=True):
        if answered:
            assert await chats.attach_reply(reply.id, f"{speaker.name} on {text}")
    return exchange, replies


async def told(reply: StoredMessage) -> list[str]:
    found = await chats.pending(reply.id)
    assert found is not None
    return [each.text for each in found.heard]


async def texts(who: Who) -> list[str]:
    """All that the next reply would be told."""
    exchange, _ = await turn(who, "now", await personas.active(who.conversation), answered=False)
    found = [each.text for each in await chats.history(exchange.reply)]
    await rows("DELETE FROM chat_messages WHERE id = $1", exchange.said.id)
    return found


def names(members: list[company.PresentPersona]) -> list[str]:
    return [each.name for each in members]


async def test_personas_come_and_go() -> None:
    who, (mira, vex, marlow) = await gathered()
    assert names(await company.present(who.conversation)) == ["Mira"]
    await company.join(who.conversation, vex.id, when_called=True, most=2)
    assert [(each.name, each.when_called) for each in await company.present(who.conversation)] == [
        ("Mira", False), ("Vex", True),
    ]  # fmt: skip
    with pytest.raises(LimitReached):
        await company.join(who.conversation, marlow.id, when_called=False, most=2)
    await company.join(who.conversation, vex.id, when_called=False, most=2)
    assert [each.when_called for each in await company.present(who.conversation)] == [False, False]
    with pytest.raises(NotFound, match="not_here"):
        await company.leave(who.conversation, marlow.id)
    who = await here(who)
    await company.leave(who.conversation, vex.id)
    assert await rows("SELECT FROM company") == [], "one alone needs no row"
    with pytest.raises(NotFound, match="last"):
        await company.leave(who.conversation, mira.id)


async def test_using_one_sends_the_others_away() -> None:
    who, (_, vex, _) = await gathered("Vex", "Marlow")
    assert names(await company.present(who.conversation)) == ["Mira", "Vex", "Marlow"]
    await personas.use(who.conversation.id, vex.id)
    assert names(await company.present((await here(who)).conversation)) == ["Vex"]


async def test_a_chat_stays_what_it_is_when_who_began_it_leaves() -> None:
    who, (mira, vex, marlow) = await gathered("Vex")
    await turn(who, "one", mira, vex)
    await company.leave(who.conversation, mira.id)
    who = await here(who)
    assert names(await company.present(who.conversation)) == ["Vex"]
    assert (await personas.active(who.conversation)).id == mira.id
    assert await texts(who) == ["one", "Mira on one", "Vex on one"]
    assert (await company.lead(who.conversation)).id == vex.id, "what begins now is Vex's"
    await company.join(who.conversation, marlow.id, when_called=False, most=0)
    assert names(await company.present((await here(who)).conversation)) == ["Vex", "Marlow"]


async def test_the_second_hears_the_first_and_waits_for_it() -> None:
    who, (mira, vex, marlow) = await gathered("Vex", "Marlow")
    await turn(who, "one", mira, vex)
    _, (first, second, third) = await turn(who, "two", vex, marlow, mira, answered=False)
    waiting = await chats.pending(second.id)
    assert waiting is not None
    assert (waiting.persona.name, waiting.said.text, waiting.heard) == ("Marlow", "two", [])
    await chats.attach_reply(first.id, "Hush.")
    await chats.give_up(second.id)
    assert await told(third) == ["Hush."], "what failed is not heard"
    await chats.attach_reply(third.id, "Late.")
    assert await texts(who) == ["one", "Mira on one", "Vex on one", "two", "Hush.", "Late."]
    heard = {each.name: each.spoke for each in await company.present(who.conversation)}
    assert sorted(heard, key=lambda name: heard[name]) == ["Marlow", "Vex", "Mira"]
    assert heard["Marlow"] < first.id


async def test_each_answer_has_its_variants() -> None:
    who, (mira, vex, _) = await gathered("Vex")
    _, (first, second) = await turn(who, "one", vex, mira)
    again = (await chat_turns.again(who.conversation, first.id)).reply
    assert again.speaker == vex.id
    assert await told(second) == ["Vex on one"]
    await chats.attach_reply(again.id, "Otherwise.")
    assert await told(second) == ["Otherwise."], "whoever answers anew hears what holds"
    other = (await chat_turns.again(who.conversation, second.id)).reply
    assert other.speaker == mira.id
    await chats.attach_reply(other.id, "Mira anew")
    assert await texts(who) == ["one", "Otherwise.", "Mira anew"]
    seen = await chat_turns.shown(who.account.id, again.id)
    assert seen is not None
    assert (seen.persona.name, seen.said, seen.number, seen.count, seen.last) == ("Vex", "one", 2, 2, True)
    edited = await chat_turns.edit(who.conversation, second.id, who.user.id, "My own.", "checked")
    assert (edited.speaker_id, await texts(who)) == (None, ["one", "Otherwise.", "My own."])


@pytest.mark.parametrize("pressed", [0, 1])
async def test_undoing_takes_all_answers_of_a_turn(pressed: int) -> None:
    who, (mira, vex, _) = await gathered("Vex")
    _, (_, before) = await turn(who, "one", mira, vex)
    _, replies = await turn(who, "two", vex, mira)
    undone = await chat_turns.undo(who.conversation, replies[pressed].id, who.user.id)
    assert undone.last == before.id
    assert await texts(who) == ["one", "Mira on one", "Vex on one"]
    shown = await chat_turns.shown(who.account.id, replies[1].id)
    assert shown is not None
    assert (shown.said, shown.holds) == ("two", False)
    with pytest.raises(NotFound, match="undone_already"):
        await chat_turns.undo(who.conversation, replies[1 - pressed].id, who.user.id)
    assert (await chat_turns.undo(who.conversation, before.id, who.user.id)).last is None
    assert await texts(who) == []


async def test_a_turn_counts_as_answered_by_any_of_its_answers() -> None:
    who, (mira, vex, _) = await gathered("Vex")
    _, (old, _) = await turn(who, "one", mira, vex)
    _, (failed, second) = await turn(who, "two", mira, vex, answered=False)
    await chats.give_up(failed.id)
    await chats.attach_reply(second.id, "Only me.")
    with pytest.raises(NotFound, match="not_last"):
        await chat_turns.undo(who.conversation, old.id, who.user.id)
    await chat_turns.undo(who.conversation, second.id, who.user.id)


async def test_what_was_removed_is_not_answered_anew() -> None:
    who, (mira, vex, _) = await gathered("Vex")
    exchange, (_, second) = await turn(who, "one", mira, vex)
    await rows("UPDATE chat_messages SET text = '' WHERE id = $1", exchange.said.id)
    with pytest.raises(NotFound, match="removed"):
        await chat_turns.again(who.conversation, second.id)


async def test_a_branch_an_export_and_a_memory_know_who_spoke() -> None:
    who, (mira, vex, _) = await gathered("Vex")
    _, (_, second) = await turn(who, "one", vex, mira)
    await turn(who, "two", mira)
    lines: list[Any] = [(each.role, each.speaker) for each in await past.messages(who.conversation.id, mira.id, 0)]
    assert lines == [("user", "ann"), ("persona", "Vex"), ("persona", "")]
    await saved_chats.branch(who.conversation, who.user.id, second.id)
    who = await here(who)
    said = await saved_chats.said(who.conversation.id, mira.id, who.conversation.epoch)
    assert [(each.name, each.text) for each in said] == [
        ("ann", "one"), ("Vex", "Vex on one"), ("Mira", "Mira on one"),
    ]  # fmt: skip
    last = await chats.last_reply(who.conversation.id, mira.id, who.conversation.epoch)
    assert last is not None
    assert await told((await chat_turns.again(who.conversation, last)).reply) == ["Vex on one"]


async def test_everybody_in_a_chat_is_known_by_name() -> None:
    who, (mira, vex, _) = await gathered("Vex")
    await turn(who, "one", mira)
    found = await company.names(who.conversation.id, mira.id, 0)
    assert {(each.persona, each.id, each.name) for each in found} == {
        (False, who.user.id, "ann"), (True, mira.id, "Mira"), (True, vex.id, "Vex"),
    }  # fmt: skip


async def test_in_the_chat_of_a_persona_that_was_deleted_the_others_go_on() -> None:
    who, (mira, vex, _) = await gathered()
    own = await personas.create(who.account.id, who.user.id, {"name": "Bo"})
    await personas.use(who.conversation.id, own.id)
    who = await here(who)
    await company.join(who.conversation, vex.id, when_called=False, most=0)
    await turn(who, "one", own, vex)
    await personas.remove(who.account.id, who.user.id, own.id)
    who = await here(who)
    assert names(await company.present(who.conversation)) == ["Vex"]
    assert (await personas.active(who.conversation)).id == own.id
    assert await texts(who) == ["one", "Bo on one", "Vex on one"], "they have heard it"
    await rows("UPDATE personas SET deleted_at = now() WHERE id = $1", vex.id)
    who = await here(who)
    assert names(await company.present(who.conversation)) == ["Mira"]
    await company.join(who.conversation, (await personas.named(who.account.id, "Marlow")).id, when_called=False, most=0)
    who = await here(who)
    assert names(await company.present(who.conversation)) == ["Mira", "Marlow"]
    assert (await personas.active(who.conversation)).id == mira.id


async def test_whose_chat_is_opened_again_talks_there() -> None:
    who, (mira, vex, marlow) = await gathered()
    await turn(who, "one", mira)
    await saved_chats.begin(who.conversation, who.user.id, "", "checked")
    old = next(each.id for each in await saved_chats.listed(who.conversation.id) if not each.open)
    await personas.use(who.conversation.id, vex.id)
    await company.join((await here(who)).conversation, marlow.id, when_called=False, most=0)
    who = await here(who)
    new = next(each.id for each in await saved_chats.listed(who.conversation.id) if each.open)
    await turn(who, "two", vex, marlow)
    await saved_chats.switch(who.conversation, who.user.id, old)
    who = await here(who)
    assert names(await company.present(who.conversation)) == ["Mira"], "Vex and Marlow were never in this chat"
    await company.join(who.conversation, vex.id, when_called=False, most=0)
    who = await here(who)
    await saved_chats.switch(who.conversation, who.user.id, new)
    assert names(await company.present((await here(who)).conversation)) == ["Mira", "Vex"], "Vex is among them"
