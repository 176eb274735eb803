"""Rate limits: requests that are left are used, however long the window; what is exhausted is not asked again."""

import asyncio
import time

import discord
import pytest

from bot.messages import Message
from bot.platforms.base import RetryLater
from bot.platforms.discord.buckets import Bucket
from tests.bot.discord.conftest import Connected, connecting
from tests.doubles.discord import DiscordServer, Settings
from tests.doubles.discord.ratelimit import RateLimits

PAGE = Message("It was there.", title="The door", thread="The door")
SOON = 20.0
"""Seconds that a busy machine may take for what needs no waiting; every window here is longer."""


async def begin_story(connected: Connected, number: int) -> None:
    ann = connected.server.person("ann")
    channel = connected.server.guild("Readers").text_channel("general")
    asked = await ann.slash(channel, "story new", premise="a door")
    event = await connected.notes.event()
    await asked.acknowledged()
    async with asyncio.timeout(SOON):
        await connected.platform.deliver(connected.delivery(event, number), PAGE)


def refused(server: DiscordServer) -> list[str]:
    return [f"{r.method} {r.path}" for r in server.log.requests if r.status == 429]


@pytest.mark.parametrize("window", [300.0, 3_600.0, 86_400.0])
async def test_every_request_that_is_left_is_used_and_then_the_story_goes_on_in_the_channel(window: float):
    settings = Settings(rate_limits=RateLimits(threads=(2, window), edits=None))
    async with DiscordServer(settings) as server, connecting(server) as connected:
        for number in range(4):
            await begin_story(connected, number)
        channel = server.guild("Readers").text_channel("general")
        threads = [c for c in server.world.channels.values() if c.is_thread]
        assert [[m.content for m in t.messages.values()] for t in threads] == [["**The door**\n\nIt was there."]] * 2
        shown = [m.content for m in channel.messages.values() if m.author.bot]
        assert shown == ["📖 **The door**"] * 2 + ["📖 **The door**", "**The door**\n\nIt was there."] * 2
        assert connected.threads == [str(thread.id) for thread in threads]
        assert refused(server) == []


async def test_a_story_that_began_in_the_channel_stays_there_after_a_crash():
    settings = Settings(rate_limits=RateLimits(threads=(1, 300.0), edits=None))
    async with DiscordServer(settings) as server, connecting(server) as connected:
        await begin_story(connected, 1)
        ann, channel = server.person("ann"), server.guild("Readers").text_channel("general")
        await ann.slash(channel, "story new", premise="a door")
        event = await connected.notes.event()
        connected.recorded.clear()
        long = Message("word " * 700, title="The door", thread="The door")
        await connected.platform.deliver(connected.delivery(event, 2), long)
        parts = list(connected.recorded)
        assert len(parts) > 2
        await connected.platform.deliver(connected.delivery(event, 2, sent=parts[:2], attempt=2), long)
        assert len([c for c in server.world.channels.values() if c.is_thread]) == 1


async def test_a_channel_that_is_exhausted_for_long_is_left_alone_and_others_go_on():
    settings = Settings(rate_limits=RateLimits(edits=(2, 300.0)))
    async with DiscordServer(settings) as server, connecting(server) as connected:
        ann, bob = server.person("ann"), server.person("bob")
        await ann.say(ann.dm(), "hello")
        to_ann = await connected.notes.event()
        await bob.say(bob.dm(), "hello")
        to_bob = await connected.notes.event()
        began = time.monotonic()
        for number in (1, 2):
            await connected.platform.deliver(connected.delivery(to_ann, number), Message(str(number)))
        for number in (3, 4):
            with pytest.raises(RetryLater) as raised:
                await connected.platform.deliver(connected.delivery(to_ann, number), Message(str(number)))
            assert raised.value.delay is not None
            assert 300 - (time.monotonic() - began) - 1 < raised.value.delay <= 300
        await connected.platform.deliver(connected.delivery(to_bob, 5), Message("5"))
        assert [m.content for m in server.log.bot_messages()] == ["1", "2", "5"]
        assert refused(server) == []


async def test_a_bucket_that_is_exhausted_shortly_is_waited_for():
    bucket = Bucket(30.0)
    async with bucket:
        bucket.remaining, bucket.limit, bucket.expires = 0, 3, asyncio.get_running_loop().time() + 0.2
    order: list[int] = []

    async def one(number: int) -> None:
        async with bucket:
            order.append(number)
            bucket.expires = asyncio.get_running_loop().time() + 0.2

    async with asyncio.timeout(SOON):
        await asyncio.gather(*(one(n) for n in range(7)))
    assert sorted(order) == list(range(7))
    bucket.remaining, bucket.expires = 0, asyncio.get_running_loop().time() + 31
    with pytest.raises(discord.RateLimited):
        await bucket.acquire()


async def test_a_request_that_was_never_answered_closes_nothing():
    bucket = Bucket(30.0)
    for _ in range(3):
        with pytest.raises(OSError, match="away"):
            async with asyncio.timeout(SOON), bucket:
                raise OSError("away")
