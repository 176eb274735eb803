"""Where the bot was removed or blocked, nothing more is sent, until it is seen there again; the log says so."""

import pytest

from bot.events import BotMembership
from bot.platforms.base import Gone
from db import audit, conversations, outbox, people, places
from db.models import AccountRow, ConversationRow
from db.payloads.notice import Notice
from db.people import Who
from tests.bot.test_courier import Post, fails
from tests.bot.test_courier import post as post
from tests.bot.world import Bot, command, event_of
from tests.db.world import somebody


async def put(event: str, who: Who, chat: str, kind: str) -> int:
    """Write a row to be sent to a chat; returns its id."""
    number = await outbox.add(
        event, outbox.REPLY, platform="console", conversation_id=who.conversation.id,
        payload=Notice(key="form.nothing_to_cancel"), destination={"chat_id": chat, "user_id": "ann", "kind": kind},
    )  # fmt: skip
    assert number is not None
    return number


async def noted() -> list[str]:
    return [entry.action for entry in await audit.entries()]


@pytest.mark.parametrize(("chat", "kind"), [("club", "group"), ("dm-ann", "dm")])
async def test_what_is_still_to_be_sent_is_given_up(post: Post, chat: str, kind: str):
    who = await somebody(chat="" if kind == "dm" else chat, kind=kind)
    post.platform.on("first", fails(Gone("Forbidden: bot was kicked from the group chat")))
    first, second = await put("first", who, chat, kind), await put("second", who, chat, kind)
    other = await post.put("other", who="ben")
    async with post.at_work():
        await post.become(first, "dead")
        await post.become(second, "dead")
        await post.become(other, "sent")
        later = await put("later", who, chat, kind)
        assert (await post.become(later, "dead"))["error"] == places.REMOVED
        assert post.platform.delivered == ["other"]
        assert len(post.platform.tries) == 2
        account, conversation = await AccountRow.get(id=who.account.id), await ConversationRow.get(chat_id=chat)
        assert (account.left_at is not None, conversation.left_at is not None) == (kind == "group", kind == "dm")
        assert await noted() == ["bot_removed" if kind == "group" else "bot_blocked"]
        await places.back(who.conversation.id)
        again = await put("again", who, chat, kind)
        await post.become(again, "sent")
    assert (await noted())[0] == "bot_added"


async def test_who_writes_again_is_answered_again(bot: Bot):
    event = await bot.does(command("help"))
    (row,) = await outbox.of_event(event.key)
    assert await places.leave(row.conversation_id, private=True)
    assert not await places.leave(row.conversation_id, private=True)
    assert (await outbox.of_event(event.key))[0].state == "dead"
    assert await conversations.watched("console") == []
    again = await bot.does(command("help"))
    (row,) = await outbox.of_event(again.key)
    assert (row.state, row.closed) == ("pending", False)
    assert await noted() == ["bot_added", "bot_blocked"]


async def test_a_block_in_private_does_not_close_the_group(bot: Bot):
    event = await bot.does(command("help"), group="club")
    (row,) = await outbox.of_event(event.key)
    assert not await places.leave(row.conversation_id, private=True)
    assert await noted() == []
    assert await places.leave(row.conversation_id, private=False)
    (row,) = await outbox.of_event(event.key)
    assert (row.state, row.closed) == ("dead", True)
    outcome = await bot.router.dispatch(event_of(command("help"), group="club"))
    assert outcome.status == "answered"
    assert (await AccountRow.get(external_id="club")).left_at is None


async def test_the_bot_is_removed_and_added_again(bot: Bot):
    await bot.does(command("help"), group="club")
    outcome = await bot.router.dispatch(event_of(BotMembership(change="removed"), group="club"))
    assert outcome.status == "ignored"
    assert (await AccountRow.get(external_id="club")).left_at is not None
    await bot.does(BotMembership(change="added"), group="club")
    assert (await AccountRow.get(external_id="club")).left_at is None
    assert await noted() == ["bot_added", "bot_removed"]


async def left(platform: str = "discord") -> dict[str, bool]:
    return {a.external_id: a.left_at is not None for a in await AccountRow.filter(platform=platform, kind="guild")}


async def guild(key: str) -> Who:
    return await people.resolve(
        "discord", account=("guild", key, key), user=("1", "Ann", ""), conversation=(f"c{key}", "", "group")
    )


async def test_a_guild_that_is_missing_later_is_known_to_be_missing(database: str):
    for key in ("10", "20", "30"):
        await guild(key)
    assert await places.record("discord", ["10", "20"]) == [], (
        "30 was never one of the bot's: a person brought it along"
    )
    assert await places.record("discord", ["10"]) == ["20"]
    assert await left() == {"10": False, "20": False, "30": False}, "missing is not yet left"
    assert await places.leave_place("discord", "20")
    assert not await places.leave_place("discord", "20")
    assert await places.record("discord", ["10"]) == []
    assert await left() == {"10": False, "20": True, "30": False}
    assert await noted() == ["bot_removed"]


async def test_a_guild_that_took_the_bot_back_meanwhile_is_not_deleted(database: str):
    who = await guild("10")
    await places.record("discord", ["10"])
    assert await places.leave(who.conversation.id, private=False)
    assert await places.record("discord", []) == []
    assert await places.record("discord", ["10"]) == []
    assert await left() == {"10": False}
    assert await noted() == ["bot_added", "bot_removed"]


async def test_what_a_platform_lists_is_recorded_in_a_transaction(bot: Bot):
    await guild("10")
    await guild("20")
    assert await bot.router.record_places("discord", ["10", "20"]) == []
    assert await bot.router.record_places("discord", ["10"]) == ["20"]
    assert await bot.router.place_left("discord", "20")
    assert await left() == {"10": False, "20": True}
