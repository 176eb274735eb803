"""The last turn of a chat: variants of the answer, editing, undoing, and who may do that and when."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import pytest

from db import chat_openings, chat_turns, chats, personas, saved_chats
from db.connection import row, rows, transaction
from db.errors import LimitReached, NotAllowed, NotFound
from db.memory import memories, past
from db.memory.indexing import index_chat
from db.people import Who
from db.personas import Persona
from tests.db.world import somebody

pytestmark = pytest.mark.usefixtures("database")
MIRA: Final = {"key": "mira", "name": "Mira", "greeting": "Hello."}


async def begun() -> tuple[Who, Persona]:
    await personas.sync_shipped([MIRA])
    who = await somebody()
    return who, await personas.active(who.conversation)


async def turn(who: Who, text: str, answer: str | None = "answer") -> chats.Exchange:
    """Something said, and the answer to it; without one it fails."""
    exchange = await chats.say(who.conversation, await personas.active(who.conversation), who.user.id, text)
    if answer is None:
        await chats.give_up(exchange.reply.id)
    else:
        assert await chats.attach_reply(exchange.reply.id, f"{answer} to {text}")
    return exchange


async def told(who: Who) -> list[str]:
    """What the next reply would be told, oldest first."""
    async with transaction():
        said = await chats.say(who.conversation, await personas.active(who.conversation), who.user.id, "now")
        found = [each.text for each in await chats.history(said.reply)]
        await rows("DELETE FROM chat_messages WHERE id = $1", said.said.id)
    return found


async def test_only_the_chosen_variant_is_told() -> None:
    who, _ = await begun()
    first = (await turn(who, "one")).reply.id
    for text in ("second", "third"):
        made = (await chat_turns.again(who.conversation, first)).reply.id
        await chats.attach_reply(made, text)
    assert await told(who) == ["one", "third"]
    seen = await chat_turns.shown(who.account.id, made)
    assert seen is not None
    assert (seen.number, seen.count, seen.last, seen.holds, seen.opens, seen.said) == (3, 3, True, True, False, "one")
    assert (await chat_turns.choose(who.conversation, made, 1)).id == first, "around the end"
    assert await told(who) == ["one", "answer to one"]
    assert (await chat_turns.choose(who.conversation, first, 1)).text == "second"
    assert (await chat_turns.choose(who.conversation, first, 1)).text == "second", "the same press again"


async def test_what_failed_is_no_variant() -> None:
    who, _ = await begun()
    first = (await turn(who, "one")).reply.id
    await chats.give_up((await chat_turns.again(who.conversation, first)).reply.id)
    seen = await chat_turns.shown(who.account.id, first)
    assert seen is not None
    assert seen.count == 1
    assert (await chat_turns.choose(who.conversation, first, 1)).id == first


async def test_greetings_are_variants_like_others() -> None:
    who, mira = await begun()
    opened = await chat_openings.open_chat(who.conversation.id, mira.id, 0, ["Hush.", "Late."], "checked", who.user.id)
    assert opened is not None
    assert (await chat_turns.choose(who.conversation, opened, 1, 0, for_others=False)).text == "Late."
    edited = await chat_turns.edit(who.conversation, opened, who.user.id, "Early.", "checked")
    assert await told(who) == ["Early."]
    seen = await chat_turns.shown(who.account.id, edited.id)
    assert seen is not None
    assert (seen.opens, seen.count) == (True, 3)
    with pytest.raises(NotFound, match="nothing_to_undo"):
        await chat_turns.undo(who.conversation, opened)
    with pytest.raises(NotFound, match="removed"):
        await chat_turns.again(who.conversation, opened)


async def test_an_edit_is_the_persona_s_word_and_its_author_s_data() -> None:
    who, mira = await begun()
    first = (await turn(who, "one")).reply.id
    edited = await chat_turns.edit(who.conversation, first, who.user.id, "Mine.", "checked")
    assert (edited.user_id, edited.state) == (who.user.id, "ready")
    assert (await chat_turns.edit(who.conversation, edited.id, who.user.id, "Mine.", "checked")).id == edited.id
    await turn(who, "two")
    found = {each.text: (each.speaker, each.user_id) for each in await past.messages(who.conversation.id, mira.id, 0)}
    assert found["Mine."] == ("", None), "nobody said it but the persona"
    assert found["one"][1] == who.user.id


async def test_an_edit_waits_for_its_verdict() -> None:
    who, _ = await begun()
    first = (await turn(who, "one")).reply.id
    edited = await chat_turns.edit(who.conversation, first, who.user.id, "Mine.", "unchecked")
    assert await told(who) == ["one", "answer to one"]
    assert await chat_turns.unjudged(edited.id) == "Mine."
    with pytest.raises(NotFound, match="being_written"):
        await chat_turns.undo(who.conversation, first)
    await chat_turns.drop_edit(edited.id)
    assert await row("SELECT state, text FROM chat_messages WHERE id = $1", edited.id) == {
        "state": "failed",
        "text": "",
    }
    again = await chat_turns.edit(who.conversation, first, who.user.id, "Mine.", "unchecked")
    await chats.attach_reply(again.id, "Mine.")
    assert await told(who) == ["one", "Mine."]


async def test_what_is_undone_is_told_to_nobody_and_forgotten() -> None:
    who, mira = await begun()
    turns = [await turn(who, text) for text in ("kite", "boat", "moon")]
    await memories.note_reply(turns[-1].reply.id, "sfw")
    await turn(who, "lost", None)
    memory = await memories.of_chat(who.conversation.id, mira.id)
    assert memory is not None
    for each in turns:
        await rows(
            "INSERT INTO facts (memory_id, message_id, subject, text, kind, importance, version) "
            "VALUES ($1, $2, 'it', 'is', 'thing', 5, '1')",
            memory.id, each.reply.id,
        )  # fmt: skip
    await rows("UPDATE memories SET read_to = $1", turns[-1].said.id)
    assert await index_chat(who.account.id, who.conversation.id, mira.id, 0) == 7
    undone = await chat_turns.undo(who.conversation, turns[2].reply.id)
    assert (undone.reply, undone.last) == (turns[2].reply.id, turns[1].reply.id)
    again = await chat_turns.undo(who.conversation, turns[1].reply.id)
    assert again.last == turns[0].reply.id
    assert await told(who) == ["kite", "answer to kite"]
    assert [f["message_id"] for f in await rows("SELECT message_id FROM facts")] == [turns[0].reply.id]
    chunks = await rows("SELECT m.text FROM archive_chunks c JOIN chat_messages m ON m.id = c.message_id")
    assert {each["text"] for each in chunks} == {"kite", "answer to kite"}
    now = await memories.of_chat(who.conversation.id, mira.id)
    assert now is not None
    assert now.read_to < turns[1].said.id, "what comes in its place is learnt from"
    assert await index_chat(who.account.id, who.conversation.id, mira.id, 0) == 0
    assert await past.messages(who.conversation.id, mira.id, 0) == [], "the last exchange may still be answered anew"
    await turn(who, "sun")
    assert [each.text for each in await past.messages(who.conversation.id, mira.id, 0)] == ["kite", "answer to kite"]


async def test_who_may_and_when() -> None:
    who, _ = await begun()
    first, second = [(await turn(who, text)).reply.id for text in ("one", "two")]
    calls = (chat_turns.again, chat_turns.go_on, chat_turns.undo)
    for call in calls:
        with pytest.raises(NotFound, match="not_last"):
            await call(who.conversation, first)
        with pytest.raises(NotAllowed, match="not_yours"):
            await call(who.conversation, second, who.user.id + 1, for_others=False)
        with pytest.raises(NotFound, match="unknown_message"):
            await call(who.conversation, second + 1000)
    await chat_turns.go_on(who.conversation, second)
    for call in calls:
        with pytest.raises(NotFound, match="being_written"):
            await call(who.conversation, second)
    await rows("UPDATE chat_messages SET state = 'failed' WHERE state = 'pending'")
    await chat_turns.undo(who.conversation, second, who.user.id, for_others=False)
    for call in calls:
        with pytest.raises(NotFound, match="undone_already"):
            await call(who.conversation, second)
    await chats.reset(who.conversation.id)
    here = await somebody()
    with pytest.raises(NotFound, match="unknown_message"):
        await chat_turns.undo(here.conversation, first)


async def test_any_answer_can_be_edited_hidden_and_gone_back_to() -> None:
    who, mira = await begun()
    memory = await memories.open_chat(who.conversation.id, mira.id)
    assert memory is not None
    first, second, _ = [(await turn(who, text)).reply.id for text in ("one", "two", "three")]
    edited = await chat_turns.edit(who.conversation, first, who.user.id, "words", "checked")
    assert await told(who) == ["one", "words", "two", "answer to two", "three", "answer to three"], "in its place"
    assert await chats.last_reply(who.conversation.id, mira.id, 0) != edited.id
    assert "words" in [each.text for each in await past.messages(who.conversation.id, mira.id, 0)]
    await chat_turns.hide(who.conversation, edited.id)
    for gone in (await told(who), [each.text for each in await past.messages(who.conversation.id, mira.id, 0)]):
        assert gone[:3] == ["one", "two", "answer to two"]
    with pytest.raises(NotFound, match="not_chosen"):
        await chat_turns.hide(who.conversation, edited.id)
    await chat_turns.unhide(who.conversation, edited.id)
    with pytest.raises(NotFound, match="not_hidden"):
        await chat_turns.unhide(who.conversation, edited.id)
    assert await chat_turns.rewind(who.conversation, edited.id) == [second, second + 2]
    assert await told(who) == ["one", "words"]
    with pytest.raises(NotFound, match="undone_already"):
        await chat_turns.hide(who.conversation, second)


async def test_a_hidden_answer_is_still_a_turn_and_not_everything_is_taken_back_at_once() -> None:
    who, mira = await begun()
    first, second = [(await turn(who, text)).reply.id for text in ("one", "two")]
    await chat_turns.hide(who.conversation, second)
    with pytest.raises(NotFound, match="not_last"):
        await chat_turns.undo(who.conversation, first)
    await rows(
        "INSERT INTO chat_messages (conversation_id, persona_id, epoch, role, text) "
        "SELECT $1, $2, 0, 'user', 'x' FROM generate_series(1, $3::int)",
        who.conversation.id, mira.id, chat_turns.TAKEN_BACK,
    )  # fmt: skip
    with pytest.raises(LimitReached, match="too_much_behind"):
        await chat_turns.rewind(who.conversation, first)


async def test_nobody_takes_back_what_others_said_unless_they_may() -> None:
    who, _ = await begun()
    first = (await turn(who, "one")).reply.id
    ben = await somebody("ben")
    said = await turn(who, "two")
    await rows("UPDATE chat_messages SET user_id = $2 WHERE id = $1", said.said.id, ben.user.id)
    with pytest.raises(NotAllowed, match="not_yours"):
        await chat_turns.rewind(who.conversation, first, who.user.id, for_others=False)
    for call in (chat_turns.hide, chat_turns.rewind, chat_turns.editable):
        with pytest.raises(NotAllowed, match="not_yours"):
            await call(who.conversation, first, ben.user.id, for_others=False)
    assert await told(who) == ["one", "answer to one", "two", "answer to two"]


async def test_an_answer_grows_and_multiplies_within_bounds() -> None:
    who, _ = await begun()
    first = (await turn(who, "one")).reply.id
    await rows("UPDATE chat_messages SET text = repeat('a', $2) WHERE id = $1", first, chat_turns.CONTINUED_CHARS)
    with pytest.raises(NotAllowed, match="too_long_to_continue"):
        await chat_turns.go_on(who.conversation, first)
    await rows("UPDATE chat_messages SET variant_index = $2 WHERE id = $1", first, chat_turns.MOST_VARIANTS - 1)
    with pytest.raises(LimitReached, match="too_many_variants"):
        await chat_turns.again(who.conversation, first)


async def test_a_branch_reads_like_the_chat_that_it_comes_from() -> None:
    who, _ = await begun()
    second = [(await turn(who, text)).reply.id for text in ("one", "two", "three")][1]
    made = await saved_chats.branch(who.conversation, who.user.id, second)
    here = replace(who.conversation, epoch=made.epoch)
    last = await chats.last_reply(here.id, (await personas.active(here)).id, made.epoch)
    assert last is not None
    again = await chat_turns.again(here, last)
    assert [each.text for each in await chats.history(again.reply)] == ["one", "answer to one"]
    assert again.said.text == "two"


async def test_of_presses_at_once_one_counts() -> None:
    who, _ = await begun()
    turns = [(await turn(who, text)).reply.id for text in ("one", "two")]

    async def press(call: Callable[..., Awaitable[object]]) -> str:
        try:
            async with transaction():
                await call(who.conversation, turns[1])
        except NotFound as e:
            return e.key
        return "done"

    done = await asyncio.gather(
        *(press(chat_turns.undo) for _ in range(4)), *(press(chat_turns.again) for _ in range(4))
    )
    assert done.count("done") == 1, done
