"""A clock that is set, back or forward, stops nothing and ends nothing; it is played by moving what is stored."""

import asyncio

import pytest

from db import clock, jobs, outbox
from db.connection import row, rows
from db.models import JobRow, OutboxRow
from db.payloads.notice import Notice
from tests.db.job_kinds import Chore
from tests.db.world import somebody

DAY = 86_400.0
TIMES = {
    "jobs": ("run_after", "woken_at", "created_at", "lease_expires", "deadline"),
    "outbox": ("not_before", "created_at", "asked_at", "lease_expires"),
    "inbox": ("received_at",),
    "clock": ("seen_at",),
}


async def _set_clock(seconds: float) -> None:
    """Set the server's clock by ``seconds``, as seen by what is stored."""
    for table, columns in TIMES.items():
        changes = ", ".join(f"{c} = {c} - make_interval(secs => $1)" for c in columns)
        await rows(f"UPDATE {table} SET {changes}", seconds)


async def _message(conversation_id: int, key: str) -> None:
    await rows("INSERT INTO inbox (event_key) VALUES ($1)", key)
    await outbox.add(key, outbox.REPLY, platform="telegram", conversation_id=conversation_id,
                     payload=Notice(key="x"), destination={})  # fmt: skip


@pytest.fixture
async def place(database: str) -> int:
    del database
    await clock.follow()
    return (await somebody(platform="telegram")).conversation.id


@pytest.mark.parametrize("seconds", [-DAY, -300.0])
async def test_a_clock_that_was_set_back_freezes_nothing(place: int, seconds: float):
    job = await jobs.add(Chore())
    waiting = await jobs.add(Chore())
    await rows("UPDATE jobs SET state = 'waiting', waiting_for = 'choice', deadline = now() + interval '1 minute' "
               "WHERE id = $1", waiting)  # fmt: skip
    await _message(place, "telegram:1")
    await _set_clock(seconds)
    assert (await outbox.claim("telegram", 5)).rows == []
    assert await clock.follow() == pytest.approx(seconds, abs=30)
    assert [c.row.event_key for c in (await outbox.claim("telegram", 5)).rows] == ["telegram:1"]
    claimed = await jobs.claim(job)
    assert claimed is not None
    found = await row("SELECT extract(epoch FROM deadline - now())::float8 AS left FROM jobs WHERE id = $1", waiting)
    assert found is not None
    assert 0 < found["left"] <= 60
    assert await clock.follow() == 0


@pytest.mark.parametrize("seconds", [DAY, 3650 * DAY])
async def test_a_clock_that_was_set_forward_ends_no_lease_and_no_wait_and_deletes_nothing(place: int, seconds: float):
    job = await jobs.add(Chore())
    assert await jobs.claim(job) is not None
    waiting = await jobs.add(Chore())
    await rows("UPDATE jobs SET state = 'waiting', waiting_for = 'choice', deadline = now() + interval '1 minute' "
               "WHERE id = $1", waiting)  # fmt: skip
    await _message(place, "telegram:1")
    (sending,) = (await outbox.claim("telegram", 5)).rows
    await _set_clock(seconds)
    assert not await clock.trusted()
    assert await clock.follow() == pytest.approx(seconds, abs=30)
    assert not await clock.trusted(), "somebody may have to set the clock first"
    assert await jobs.reap() == []
    await jobs.wake_due()
    assert (await JobRow.get(id=waiting)).state == "waiting"
    assert (await outbox.claim("telegram", 5)).rows == []
    await outbox.sent(sending.row.id, sending.token)
    found = await row("SELECT extract(epoch FROM lease_expires - now())::float8 AS left FROM jobs WHERE id = $1", job)
    assert found is not None
    assert 0 < found["left"] <= clock.GRACE_SECONDS, "a dead worker's job does not wait for a day"


async def test_an_ordinary_pause_changes_nothing(place: int):
    del place
    job = await jobs.add(Chore())
    before = await JobRow.get(id=job)
    await rows("UPDATE clock SET seen_at = seen_at - interval '20 seconds'")
    assert await clock.follow() == 0
    assert await clock.trusted()
    assert await JobRow.get(id=job) == before


async def test_many_workers_correct_a_clock_once(place: int, database: str):
    del database
    await _message(place, "telegram:1")
    await _set_clock(-DAY)
    shifts = await asyncio.gather(*(clock.follow() for _ in range(6)))
    assert sorted(shifts)[1:] == [0] * 5
    found = await OutboxRow.get(event_key="telegram:1")
    at = await row("SELECT now() AS now")
    assert at is not None
    assert abs((found.not_before - at["now"]).total_seconds()) < 60
