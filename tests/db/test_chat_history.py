"""What of a chat is remembered word for word."""

import pytest

from db import chat_turns, chats, personas
from db.personas import Persona
from tests.db.world import somebody

pytestmark = pytest.mark.usefixtures("database")


async def persona() -> Persona:
    await personas.sync_shipped([{"key": "mira", "name": "Mira", "greeting": "Hello."}])
    return await personas.named(0, "Mira")


async def test_the_newest_messages_are_read_and_all_that_no_summary_stands_for() -> None:
    who, mira = await somebody(), await persona()
    said: list[tuple[str, int, int]] = []
    for number in range(14):
        turn = await chats.say(who.conversation, mira, who.user.id, f"question {number:2}")
        assert await chats.count_told(turn.reply) == len(said)
        assert await chats.attach_reply(turn.reply.id, f"the answer{number:2}")
        said += [(f"question {number:2}", turn.said.id, turn.said.id)]
        said += [(f"the answer{number:2}", turn.said.id, turn.reply.id)]
    turn = await chats.say(who.conversation, mira, who.user.id, "now")
    texts = [text for text, _, _ in said]
    everything = (1 << 60, 0)
    assert [m.text for m in await chats.history(turn.reply, 50, everything)] == texts[-4:]
    after = said[15][1:]
    assert [m.text for m in await chats.history(turn.reply, 50, after)] == texts[-12:]
    assert [m.text for m in await chats.history(turn.reply, 12, after)] == texts[-4:]
    assert await chats.count_told(turn.reply, after) == 12
    assert [m.text for m in await chats.history(turn.reply)] == texts


async def test_variants_and_what_came_later_are_no_part_of_it() -> None:
    who, mira = await somebody(), await persona()
    first = await chats.say(who.conversation, mira, who.user.id, "one")
    await chats.attach_reply(first.reply.id, "old answer")
    second = await chat_turns.again(who.conversation, first.reply.id)
    await chats.attach_reply(second.reply.id, "new answer")
    failed = await chats.say(who.conversation, mira, who.user.id, "two")
    await chats.give_up(failed.reply.id)
    third = await chats.say(who.conversation, mira, who.user.id, "three")
    assert [m.text for m in await chats.history(third.reply)] == ["one", "new answer", "two"]
    assert await chats.history(second.reply) == []
