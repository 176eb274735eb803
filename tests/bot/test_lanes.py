"""The courier's lanes: nothing is claimed in vain, and no platform's messages wait for another's."""

import asyncio

import pytest

from bot.courier import AT_ONCE, DEFECT_FAILURES
from bot.platforms.base import Delivery, RetryLater
from db import outbox
from db.connection import rows
from tests.bot.test_courier import Post, fails, post, succeeds

__all__ = ["post"]


async def test_nothing_is_claimed_before_the_client_is_connected_or_while_another_process_leads(post: Post) -> None:
    post.platform.connected = False
    number = await post.put("e")
    async with post.at_work():
        await post.become(await post.put("other", platform="telegram"), "sent")
        assert (await post.become(number, "pending"))["attempts"] == 0
        post.platform.connected, post.allowed = True, False
        post.courier.notify("console")
        await asyncio.sleep(0.1)
        assert (await post.become(number, "pending"))["attempts"] == 0
        post.allowed = True
        post.courier.notify("console")
        assert (await post.become(number, "sent"))["attempts"] == 1


async def test_a_platform_with_all_its_room_in_flight_slows_no_other(post: Post) -> None:
    held = asyncio.Event()

    async def hangs(delivery: Delivery) -> None:
        del delivery
        await held.wait()

    for n in range(AT_ONCE + 5):
        post.platform.on(f"stuck {n}", hangs)
        await post.put(f"stuck {n}", ordered=False)
    async with post.at_work():
        async with asyncio.timeout(30):
            while len(post.platform.tries) < AT_ONCE:
                await asyncio.sleep(0.02)
        await post.become(await post.put("other", platform="telegram"), "sent")
        assert len(post.platform.tries) == AT_ONCE
        held.set()
        async with asyncio.timeout(30):
            while len(post.platform.delivered) < AT_ONCE + 5:
                await asyncio.sleep(0.02)


async def test_trouble_of_the_platform_is_not_counted_with_surprises_of_ours(post: Post) -> None:
    flood = fails(RetryLater("429", delay=0))
    surprise = fails(ValueError("a defect"))
    post.platform.on("e", *[flood] * 40, surprise, *[flood] * 5, succeeds)
    number = await post.put("e")
    async with post.at_work():
        sent = await post.become(number, "sent", "dead")
    assert (sent["state"], sent["attempts"], sent["failures"]) == ("sent", 47, 1)
    assert DEFECT_FAILURES > 1


async def test_a_courier_outlives_what_no_one_expects(post: Post) -> None:
    await rows("ALTER TABLE outbox RENAME TO outbox_away")
    async with post.at_work():
        await asyncio.sleep(0.2)
        await rows("ALTER TABLE outbox_away RENAME TO outbox")
        await post.become(await post.put("e"), "sent")


async def test_a_delivery_ends_with_its_lease(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def hangs(delivery: Delivery) -> None:
        del delivery
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async def away(claims: object) -> None:
        del claims
        raise ConnectionError("the database is silent")

    monkeypatch.setattr(outbox, "renew", away)
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 1.0)
    post.platform.on("e", hangs)
    await post.put("e")
    async with post.at_work():
        async with asyncio.timeout(20):
            await ended.wait()
