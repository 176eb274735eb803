"""What of a chat is remembered word for word."""

import pytest

from db import chats, personas
from db.personas import Persona
from tests.db.world import somebody

pytestmark = pytest.mark.usefixtures("database")


async def persona() -> Persona:
    await personas.sync_shipped([{"key": "mira", "name": "Mira", "greeting": "Hello."}])
    return await personas.named(0, "Mira")


async def test_old_messages_leave_the_history_several_at_a_time() -> None:
    who, mira = await somebody(), await persona()
    kept: list[list[str]] = []
    said: list[str] = []
    for number in range(14):
        turn = await chats.say(who.conversation, mira, who.user.id, f"question {number}")
        found = [message.text for message in await chats.history(turn.reply, keep=6, step=4)]
        assert found == said[len(said) - len(found) :]
        kept.append(found)
        assert await chats.attach_reply(turn.reply.id, f"answer {number}")
        said += [f"question {number}", f"answer {number}"]
    assert [len(found) for found in kept] == [0, 2, 4, 6, 8, 6, 8, 6, 8, 6, 8, 6, 8, 6]
    assert list(dict.fromkeys(found[0] for found in kept[1:])) == [f"question {n}" for n in (0, 2, 4, 6, 8, 10)]


async def test_variants_and_what_came_later_are_no_part_of_it() -> None:
    who, mira = await somebody(), await persona()
    first = await chats.say(who.conversation, mira, who.user.id, "one")
    await chats.attach_reply(first.reply.id, "old answer")
    second = await chats.again(who.conversation, first.reply.id)
    await chats.attach_reply(second.reply.id, "new answer")
    failed = await chats.say(who.conversation, mira, who.user.id, "two")
    await chats.give_up(failed.reply.id)
    third = await chats.say(who.conversation, mira, who.user.id, "three")
    assert [m.text for m in await chats.history(third.reply)] == ["one", "new answer", "two"]
    assert await chats.history(second.reply) == []
