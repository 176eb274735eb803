"""Thumbs under pages and replies: one of each person, which may change."""

from db import chats, personas
from db.connection import rows
from db.models import PageRow
from tests.bot.playing import begun, words
from tests.bot.world import Bot, command, press, write
from tests.db.world import somebody

THUMBS = ["👍", "👎"]


async def cast() -> list[tuple[str, bool]]:
    """Who voted how."""
    found = await rows("SELECT u.name, v.up FROM votes v JOIN users u ON u.id = v.user_id ORDER BY u.name")
    return [(each["name"], each["up"]) for each in found]


async def test_a_person_has_one_thumb_for_a_page_and_may_turn_it(bot: Bot):
    _, page = await begun(bot, group="den")
    shown = await bot.reply(await bot.does(command("story continue"), group="den"))
    thumbs = shown.buttons[-1]
    assert [button.label for button in thumbs] == THUMBS
    assert [button.word for button in thumbs] == ["like", "dislike"]
    up, down = press("vote_page", page.id, 1), press("vote_page", page.id, 0)
    assert [button.action for button in thumbs] == [up.data, down.data]
    for name, thumb in (("ann", up), ("ben", up), ("ann", up), ("ann", down)):
        event = await bot.does(thumb, name=name, group="den")
        assert (await bot.answer(event)).private
    assert await cast() == [("ann", False), ("ben", True)]


async def test_a_reply_has_thumbs_and_only_where_it_was_said(bot: Bot):
    await bot.does(command("persona list"))
    who = await somebody("ann")
    persona = await personas.active(who.conversation)
    reply = (await chats.say(who.conversation, persona, who.user.id, "Who are you?")).reply
    thumb = press("vote_reply", reply.id, 1)
    assert "gone" in await words(bot, await bot.does(thumb)), "it is not written yet"
    await chats.attach_reply(reply.id, "A clockmaker.")
    assert "Noted" in await words(bot, await bot.does(thumb))
    assert "gone" in await words(bot, await bot.does(thumb, name="ben"))
    assert await cast() == [("ann", True)]
    assert "gone" in await words(bot, await bot.does(press("vote_reply", (await _said(reply.id)), 1)))


async def _said(reply_id: int) -> int:
    """What a reply answers."""
    (found,) = await rows("SELECT reply_to_id FROM chat_messages WHERE id = $1", reply_id)
    return found["reply_to_id"]


async def test_a_page_that_is_not_written_has_no_thumbs(bot: Bot):
    _, first = await begun(bot)
    await bot.does(press("choose", first.id, 0, 1), pressed="m1")
    second = await PageRow.get(parent_id=first.id)
    thumb = press("vote_page", second.id, 1)
    assert "gone" in await words(bot, await bot.does(thumb))
    await write(second, "Inside")
    assert "Noted" in await words(bot, await bot.does(thumb))
