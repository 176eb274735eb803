"""Groups that take no message: the answer cannot be shown there, and the person is told in private."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from bot.platforms.base import Delivery, Undeliverable, Unshowable
from db.connection import jsonb, rows
from tests.bot.test_courier import Post, fails, succeeds
from tests.bot.world import running_bot


@pytest.fixture
async def post(database: str, redis_url: str) -> AsyncGenerator[Post]:
    async with running_bot(redis_url) as bot:
        yield Post(bot)


@pytest.mark.parametrize("in_private", [True, False])
async def test_that_a_group_is_closed_to_the_bot_is_said_in_private(
    post: Post, in_private: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the person has not opened a private chat either, the operator reads in the log which group it is."""
    group = {"chat_id": "-7", "thread_id": "12", "user_id": "5", "kind": "thread", "reply_to": "3"}

    async def closed(delivery: Delivery) -> None:
        if delivery.destination.kind != "dm" or not in_private:
            raise Undeliverable("TOPIC_CLOSED")

    post.platform.capabilities = replace(post.platform.capabilities, private_by_user=True)
    post.platform.on("muted", closed)
    number = await post.put("muted")
    await rows("UPDATE outbox SET destination = $2::jsonb WHERE id = $1 RETURNING id", number, jsonb(group))
    async with post.at_work():
        await post.become(number, "dead")
        (notice,) = await post.notices()
        await post.become(notice["id"], "sent" if in_private else "dead")
    shown = post.platform.tries[-1].destination
    assert (shown.chat_id, shown.kind, shown.reply_to) == ("5", "dm", "")
    assert "cannot be delivered to chat -7, thread 12 of console: TOPIC_CLOSED" in caplog.text
    assert in_private or "cannot be delivered to chat 5 of console" in caplog.text
    assert json.loads(notice["payload"])["key"] == "delivery.closed"


async def refused_in_group(post: Post, number: int, name: str) -> dict[str, Any]:
    """Let a message become dead that answers in a group, and return the notice of it, which is sent."""
    await rows("UPDATE accounts SET kind = 'group', name = $1 RETURNING id", name)
    group = {"chat_id": "-7", "user_id": "5", "kind": "group"}
    await rows("UPDATE outbox SET destination = $2::jsonb WHERE id = $1 RETURNING id", number, jsonb(group))
    async with post.at_work():
        await post.become(number, "dead")
        (notice,) = await post.notices()
        await post.become(notice["id"], "sent")
    return notice


async def test_the_group_that_is_closed_is_named(post: Post) -> None:
    """People ask in several groups: in private, "there" says nothing."""

    async def closed(delivery: Delivery) -> None:
        if delivery.destination.kind != "dm":
            raise Undeliverable("TOPIC_CLOSED")

    post.platform.capabilities = replace(post.platform.capabilities, private_by_user=True)
    post.platform.on("muted", closed)
    number = await post.put("muted")
    await refused_in_group(post, number, "Book *club*")
    assert "may not write in Book *club*, where you asked" in str(post.platform.messages[-1])


async def test_what_a_group_does_not_take_for_its_content_is_answered_there(post: Post) -> None:
    """The group is open: nobody has to let the bot write."""
    post.platform.capabilities = replace(post.platform.capabilities, private_by_user=True)
    post.platform.on("odd", fails(Unshowable("IMAGE_PROCESS_FAILED")), succeeds)
    number = await post.put("odd")
    notice = await refused_in_group(post, number, "Book club")
    assert (json.loads(notice["payload"])["key"], post.platform.tries[-1].destination.chat_id) == (
        "delivery.failed", "-7",
    )  # fmt: skip
