"""Leaders: one at a time, handed over at once when released, taken over when silent, whatever the clocks say."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from db.connection import rows
from db.leaders import LeaderConnection, leader_connection, leaders


@pytest.fixture
async def seat(database: str) -> AsyncGenerator[LeaderConnection]:
    async with leader_connection(database) as connection:
        yield connection


async def test_one_leads_until_it_releases(seat: LeaderConnection):
    first = await seat.stand("telegram", "a")
    assert first.holder == "a"
    assert (await seat.stand("telegram", "b")) == first
    assert (await seat.stand("telegram", "a")).beat > first.beat
    await seat.release(["telegram"], "b")
    assert (await seat.stand("telegram", "b")).holder == "a"
    await seat.release(["telegram"], "a")
    assert (await seat.stand("telegram", "b")).holder == "b"


async def test_a_row_that_has_not_changed_may_be_taken_and_one_renewed_since_may_not(seat: LeaderConnection):
    seen = await seat.stand("telegram", "a")
    renewed = await seat.stand("telegram", "a")
    assert (await seat.stand("telegram", "b", unchanged_beat=seen.beat)).holder == "a"
    assert (await seat.stand("telegram", "b", unchanged_beat=renewed.beat)).holder == "b"
    assert (await seat.stand("telegram", "a")).holder == "b"


async def test_who_stood_by_and_leads_now_is_followed_by_nobody(seat: LeaderConnection):
    await seat.stand("telegram", "a")
    await seat.stand_by("telegram", "b")
    assert (await seat.stand("telegram", "a")).followed
    led = await seat.stand("telegram", "a")
    assert not (await seat.stand("telegram", "b", unchanged_beat=led.beat)).followed
    await seat.release(["telegram"], "b")
    await seat.stand_by("telegram", "a")  # it asked before that
    assert not (await seat.stand("telegram", "a")).followed


async def test_clocks_decide_nothing(seat: LeaderConnection):
    held = await seat.stand("telegram", "a")
    for offset in ("-1 year", "1 year"):
        await rows(f"UPDATE leaders SET renewed_at = now() + interval '{offset}' RETURNING 1")
        assert await seat.stand("telegram", "b") == held


async def test_of_many_at_once_one_wins(seat: LeaderConnection, database: str):
    async def stand(name: str) -> str:
        async with leader_connection(database) as own:
            return (await own.stand("discord", name)).holder

    names = [f"p{n}" for n in range(8)]
    await asyncio.gather(*map(stand, names))
    (found,) = await leaders()
    assert found.holder in names
    assert [n for n in names if await stand(n) == n] == [found.holder]


async def test_a_report_says_why_nobody_leads_and_overwrites_no_leader(seat: LeaderConnection):
    await seat.report("telegram", "host", "refused")
    await seat.stand("discord", "a", problem="no heartbeat")
    await seat.report("discord", "host", "refused")
    assert [(x.name, x.holder, x.problem) for x in await leaders()] == [
        ("discord", "a", "no heartbeat"), ("telegram", "", "refused"),
    ]  # fmt: skip
