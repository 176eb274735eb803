"""A file that its place does not take: something smaller is sent instead, or it is given up."""

import pytest

from bot.platforms.base import FileTooLarge
from db.outbox import OutboxMessage
from tests.bot.test_courier import Post, fails, succeeds
from tests.bot.test_courier import post as post


async def test_what_is_too_large_is_sent_smaller_or_given_up(post: Post, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []

    async def too_large(row: OutboxMessage) -> bool:
        asked.append(row.id)
        return row.event_key == "smaller"

    monkeypatch.setattr(post.courier._composer, "too_large", too_large)
    for event in ("smaller", "never"):
        post.platform.on(event, fails(FileTooLarge("413")), succeeds)  # the notice arrives
    smaller, never = await post.put("smaller"), await post.put("never", who="ben")
    async with post.at_work():
        await post.become(smaller, "superseded")
        await post.become(never, "dead")
    assert sorted(asked) == [smaller, never]
