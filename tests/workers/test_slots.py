"""Which jobs a process takes on: room for people, suspects one at a time, only types it knows."""

import asyncio
from typing import Any

import pytest

from db import jobs
from db.connection import rows
from db.errors import Outage
from db.models import JobRow
from tests.workers.living import lives
from tests.workers.making import a_job, plan, run, step, told
from tests.workers.test_without_redis import until
from workers import outcomes, slots
from workers.runner import Runner
from workers.services import Services
from workers.steps.base import Run


class Machine:
    """A worker of many jobs, which the job called ``killer`` ends the moment it runs; it is started again each time."""

    def __init__(self, services: Services, capacity: int) -> None:
        self.services, self.capacity, self.killer = services, capacity, 0
        self.deaths = 0
        self.most_suspects = 0

    async def live(self) -> None:
        """One life: take what is due until killed, or until nothing is left."""
        killed, running = asyncio.Event(), set[int]()

        async def work(now: Run) -> Any:
            job = now.job
            if job.attempt:
                running.add(job.id)
                self.most_suspects = max(self.most_suspects, len(running))
            if job.id == self.killer:
                await asyncio.sleep(0.02)  # its neighbours have begun
                killed.set()
                await asyncio.sleep(60)
            await asyncio.sleep(0.05)
            running.discard(job.id)
            return {}

        runner = Runner(self.services, self.capacity, lambda _: plan(step("a", work)))
        while not killed.is_set():
            await jobs.line_up("cpu")
            await runner.fill("cpu")
            if not runner.running:
                return
            await asyncio.sleep(0.005)
        self.deaths += 1
        # What SIGKILL leaves behind: leases that nobody renews.
        left = list(runner._working)
        await rows(
            "UPDATE jobs SET lease_expires = now() - interval '1 s', lease_token = gen_random_uuid() "
            "WHERE state = 'running'"
        )
        for job_id in left:
            runner.cancel(job_id)
        await runner.drain(0)
        await jobs.reap()


async def test_only_the_killer_is_buried(services: Services):
    ids = [await a_job() for _ in range(33)]
    machine = Machine(services, 44)
    machine.killer = ids[16]
    async with asyncio.timeout(60):
        while await JobRow.filter(state__in=["queued", "running"]).exists():
            await machine.live()
    assert machine.deaths == jobs.MAX_CRASHES
    assert machine.most_suspects == 1
    states = {job.id: (job.state, job.attempt) for job in await JobRow.all()}
    assert states.pop(machine.killer) == ("dead", 3)
    assert {state for state, _ in states.values()} == {"done"}
    assert max(attempt for _, attempt in states.values()) == 1
    assert await told() == ["job.crashed"]


async def test_a_suspect_that_lives_on_lets_the_next_one_start(services: Services, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slots, "PROBATION_SECONDS", 0.1)
    for attempt, waits in ((1, False), (2, True)):
        begun, end = list[int](), asyncio.Event()

        async def work(now: Run, begun: list[int] = begun, end: asyncio.Event = end) -> Any:
            begun.append(now.job.id)
            await end.wait()
            return {}

        runner = Runner(services, 4, lambda _, work=work: plan(step("a", work)))
        first, second = await a_job(), await a_job()
        await rows("UPDATE jobs SET attempt = $1 WHERE state = 'queued'", attempt)
        assert await runner.start("cpu", first)
        await until(lambda begun=begun: _true(begun))
        assert not await runner.start("cpu", second)
        assert begun == [first]
        await asyncio.sleep(0.3)
        assert runner.restricted == waits
        assert await runner.start("cpu", second) != waits
        end.set()
        await until(lambda runner=runner: _true(not runner.running))
        assert not runner.restricted or not waits
        await rows("DELETE FROM jobs")


async def _true(value: object) -> bool:
    return bool(value)


async def test_background_work_leaves_slots_to_people(services: Services):
    end = asyncio.Event()

    async def slow(_: Run) -> Any:
        await end.wait()
        return {}

    runner = Runner(services, 4, lambda _: plan(step("a", slow)))
    background = [await a_job(priority=jobs.BACKGROUND, event_key=None) for _ in range(6)]
    started = [runner.start("cpu", job_id) for job_id in background[:4]]  # woken for all of them at once
    assert sorted(await asyncio.gather(*started)) == [False, True, True, True]
    await until(lambda: _true(runner.running == 3))
    assert (runner.free, runner.restricted) == (1, True)
    person = await a_job()
    assert await runner.start("cpu")
    assert (await JobRow.get(id=person)).state == "running"
    end.set()
    await runner.drain(5)
    assert await JobRow.filter(state="done").count() == 4


async def _true_of(count: Any, wanted: int) -> bool:
    return await count == wanted


@pytest.mark.parametrize("capacity", [1, 2, 3, 4, 32])
def test_somebody_is_always_left_room(capacity: int):
    some = slots.Slots(capacity)
    rooms = [some.admit(slot) for slot in range(capacity)]
    assert some.free == capacity
    assert sum(room.background for room in rooms) == (1 if capacity == 1 else capacity - max(1, capacity // 4))


async def test_background_work_comes_first_once_people_have_had_their_share(services: Services):
    person = await jobs.get(await a_job())
    some = slots.Slots(8)
    for slot in range(2 * jobs.BACKGROUND_SHARE):
        assert some.admit(slot).aged == (slot > 0 and slot % (jobs.BACKGROUND_SHARE - 1) == 0)
        some.settle(slot, person)
        some.release(slot)


async def test_a_database_that_is_away_costs_a_job_nothing(
    services: Services, database: str, monkeypatch: pytest.MonkeyPatch
):
    """The work ends in an outage that lasts: the worker lives, and puts its job back as soon as it can."""
    monkeypatch.setattr(outcomes, "OUTAGE_SECONDS", 0.05)
    job_id, away = await a_job(), True

    async def ends(_: Run) -> Any:
        raise Outage("the connection is lost")

    retry = jobs.retry

    async def unreachable(*_: Any) -> None:
        if away:
            raise Outage("still away")

    monkeypatch.setattr(jobs, "retry", unreachable)
    job = await run(services, job_id, plan(step("a", ends)))
    assert (job.state, job.attempt, job.retries) == ("queued", 0, 0)
    monkeypatch.setattr(jobs, "retry", retry)
    # An error of the kind in a database that answers is tried again, later and not for ever.
    job = await run(services, job_id, plan(step("a", ends)))
    assert (job.state, job.attempt, job.retries) == ("queued", 0, 1)
    await rows("UPDATE jobs SET retries = $1, run_after = now()", outcomes.MAX_OUTAGES)
    assert (await run(services, job_id, plan(step("a", ends)))).state == "dead"
    assert await told() == ["job.unavailable"]


async def test_leases_that_ran_out_in_an_outage_are_left_to_their_holders(services: Services):
    await lives("den:1")
    held = await jobs.claim(await a_job())
    assert held is not None
    assert held.lease_token is not None
    await rows("UPDATE jobs SET lease_expires = now() - interval '60 s'")
    # Nobody could beat for a while, or the clock has jumped: the dead cannot be told from the living.
    for state in ("seen_at = now() - interval '30 s'", "seen_at = now() + interval '1 day'", "steady_since = now()"):
        await rows("UPDATE heartbeats SET seen_at = now(), steady_since = now() - interval '1 hour'")
        await rows(f"UPDATE heartbeats SET {state}")
        assert await jobs.reap(steady=True) == []
    assert await jobs.renew(held.id, held.lease_token) is not None
    # The first beat after a gap begins anew.
    await rows("UPDATE heartbeats SET seen_at = now() - interval '30 s', steady_since = now() - interval '1 hour'")
    await lives("den:1")
    await rows("UPDATE jobs SET lease_expires = now() - interval '60 s'")
    assert await jobs.reap(steady=True) == []
    await rows("UPDATE heartbeats SET steady_since = now() - interval '1 hour'")
    assert await jobs.reap(steady=True) == [held.id]
    # A lease from before the clock was set back does not last for a day.
    again = await jobs.claim(held.id)
    assert again is not None
    await rows("UPDATE jobs SET lease_expires = now() + interval '1 day'")
    assert await jobs.reap(steady=True) == [held.id]
