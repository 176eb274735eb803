"""Whose turn it is: accounts take turns, persons take turns within them, and nobody waits for ever."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from db import jobs
from db.connection import rows
from db.models import JobRow
from db.people import Who
from tests.db.job_kinds import Chore
from tests.db.world import somebody
from tests.effort import times

NOBODY = jobs.Room(background=False, suspects=False)


async def adds(who: Who, number: int = 1, **given: object) -> list[int]:
    """A person's jobs."""
    mine = {"account_id": who.account.id, "user_id": who.user.id, "conversation_id": who.conversation.id}
    return [await jobs.add(Chore(), **(mine | given)) for _ in range(number)]  # type: ignore[arg-type]


async def start(room: jobs.Room = NOBODY, named: int | None = None, queue: jobs.WorkerQueue = "cpu") -> int:
    """Start the next job; 0 if there is none."""
    job = await jobs.claim_next(queue, room, named=named)
    return 0 if job is None else job.id


async def position(job_id: int) -> int:
    """Return how many jobs start before a job, as it is told."""
    return (await jobs.outlook(job_id)).position


async def end(job_id: int) -> None:
    job = await jobs.get(job_id)
    assert job is not None
    assert job.lease_token is not None
    await jobs.finish(job_id, job.lease_token)


async def runs(number: int) -> list[int]:
    """One worker of one slot starts and ends so many jobs."""
    started: list[int] = []
    for _ in range(number):
        started.append(await start())
        await end(started[-1])
    return started


async def owners(started: Sequence[int], column: str = "user_id") -> list[int]:
    by_id = {job.id: getattr(job, column) for job in await JobRow.filter(id__in=started)}
    return [by_id[job_id] for job_id in started]


@pytest.mark.parametrize("flood", [400, times(2_000, 10_000)])
async def test_a_newcomer_waits_for_one_round_however_long_the_line(database: str, flood: int):
    ann, ben = await somebody("ann"), await somebody("ben")
    first = await adds(ann)
    await rows(
        "INSERT INTO jobs (type, queue, account_id, user_id, conversation_id) SELECT type, queue, account_id, user_id, "
        "conversation_id FROM jobs, generate_series(2, $1)",
        flood,
    )  # fmt: skip
    while await jobs.line_up("cpu"):
        pass
    assert await JobRow.filter(state="queued", lined=True).count() == flood
    assert await start() == first[0]
    (mine,) = await adds(ben)
    assert await position(mine) == 0
    assert await start() == mine
    # Of two accounts that both wait each has every second turn.
    more = await adds(ben, 10)
    assert [await position(job_id) for job_id in more[:3]] == [1, 3, 5]
    assert Counter(await owners(await runs(20))) == {ann.user.id: 10, ben.user.id: 10}


async def test_persons_of_one_place_take_turns_and_the_place_has_no_more_for_it(database: str):
    ann, ben = await somebody("ann", chat="guild", kind="group"), await somebody("ben", chat="guild", kind="group")
    carl = await somebody("carl")
    assert ann.account.id == ben.account.id
    of_ann = await adds(ann, 40)
    assert await start() == of_ann[0]
    of_ben = await adds(ben, 2)
    of_carl = await adds(carl, 10)
    started = await runs(20)
    # Every second turn is the place's, however many are in it; Ben's come first, as Ann has had one.
    assert Counter(await owners(started, "account_id"))[ann.account.id] == 10
    of_place = [job_id for job_id in started if job_id not in of_carl]
    assert of_place == [of_ben[0], of_ann[1], of_ben[1], *of_ann[2:9]]


async def test_a_hundred_persons_of_one_place_are_one_account(database: str):
    members = [await somebody(f"member-{n}", chat="guild", kind="group") for n in range(100)]
    for member in members:
        await adds(member)
    carl = await somebody("carl")
    await runs(1)
    first, second = await adds(carl, 2)
    assert [job_id for job_id in await runs(4) if job_id in {first, second}] == [first, second]


async def test_an_account_of_twice_the_weight_has_twice_the_turns(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    await rows("UPDATE accounts SET weight = 2 WHERE id = $1", ann.account.id)
    await adds(ann, 40)
    await adds(ben, 40)
    assert Counter(await owners(await runs(30))) == {ann.user.id: 20, ben.user.id: 10}


async def test_the_named_job_is_a_hint(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    of_ann = await adds(ann, 5)
    first = await start(named=of_ann[4])
    (of_ben,) = await adds(ben)
    assert first == of_ann[0]
    assert await start(named=of_ann[1]) == of_ben
    assert await start(named=10**9) == of_ann[1]
    assert await start(named=of_ann[2], queue="gpu") == 0


async def test_people_come_first_and_background_work_has_its_share_once_it_has_waited(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    later = await adds(ann, 3, priority=jobs.BACKGROUND)
    people = await adds(ben, 6)
    both, patient = jobs.Room(), jobs.Room(aged=True)
    assert await start(patient) == people[0]  # it has not waited for long
    await rows("UPDATE jobs SET run_after = run_after - interval '1 minute' WHERE id = ANY ($1)", later)
    assert await start(both) == people[1]
    assert await start(patient) == later[0]
    assert await start(jobs.Room(background=False, aged=True)) == people[2]
    assert [await start(both) for _ in range(5)] == [*people[3:], *later[1:]]


async def test_a_retry_keeps_its_turn_and_brings_no_second_one(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    of_ann = await adds(ann, 5)
    job = await jobs.claim_next("cpu", NOBODY)
    assert job is not None
    assert job.lease_token is not None
    await jobs.retry(job.id, job.lease_token, 60, "busy")
    of_ben = await adds(ben, 5)
    assert await owners(await runs(2)) == [ann.user.id, ben.user.id]
    await rows("UPDATE jobs SET run_after = now() WHERE id = $1", job.id)
    await jobs.line_up("cpu")
    assert await runs(3) == [of_ann[0], of_ann[2], of_ben[1]]


async def test_a_crash_costs_no_turn_and_suspects_start_one_at_a_time(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    of_ann = await adds(ann, 3)
    of_ben = await adds(ben, 3)
    started = [await start() for _ in range(2)]
    assert started == [of_ann[0], of_ben[0]]
    await rows("UPDATE jobs SET lease_expires = now() - interval '1 s' WHERE state = 'running'")
    assert sorted(await jobs.reap()) == sorted(started)
    assert await start() == of_ann[1]
    assert await start(jobs.Room()) == of_ann[0]
    assert await start() == of_ben[1]


async def test_a_child_has_its_parents_turn_and_a_moved_job_joins_at_the_end(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    of_ann = await adds(ann, 4)
    of_ben = await adds(ben, 1)
    assert await start() == of_ann[0]
    (child,) = await adds(ann, parent_id=of_ann[0])
    assert {await start(), await start()} == {child, of_ben[0]}
    drawn = await adds(ben, 2, queue="gpu")
    job = await jobs.get(of_ann[0])
    assert job is not None
    assert job.lease_token is not None
    await jobs.move(job.id, job.lease_token, "gpu")
    started = [await start(queue="gpu", named=job.id) for _ in range(3)]
    assert set(started[:2]) == {drawn[0], job.id}
    assert started[2] == drawn[1]


async def test_a_click_takes_background_work_and_its_children_into_the_line_of_people(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    (parent,) = await adds(ann, priority=jobs.BACKGROUND, event_key=None)
    (child,) = await adds(ann, priority=jobs.BACKGROUND, parent_id=parent)
    flood = await adds(ben, 20)
    assert await start() == flood[0]
    assert await jobs.promote(parent, event_key="console:1", destination={}) is not None
    assert {await start(), await start()} == {parent, child}
    # A running one takes no turn of the background into the line of people.
    (running,) = await adds(ann, priority=jobs.BACKGROUND)
    await rows("UPDATE jobs SET turn = 5000 WHERE id = $1", running)
    assert await jobs.claim(running) is not None
    assert await jobs.promote(running, event_key="console:2", destination={}) is not None
    (mine,) = await adds(await somebody("carl"))
    assert mine in {await start(), await start()}


async def test_jobs_that_an_older_release_added_or_left_are_found(database: str):
    (job,) = await adds(await somebody("ann"))
    await rows("UPDATE jobs SET lined = false, turn = NULL, person_turn = NULL")
    assert await start() == 0
    assert not await jobs.line_up("cpu")
    assert await start() == job
    # It leaves what waits for a retry in line.
    await rows(
        "UPDATE jobs SET state = 'queued', lined = true, lease_token = NULL, lease_expires = NULL, "
        "run_after = now() + interval '1 minute'"
    )
    assert await start() == 0


async def test_jobs_of_nobody_have_turns_too(database: str):
    ann = await somebody("ann")
    of_ann = await adds(ann, 3)
    await start()
    (system,) = [await jobs.add(Chore())]
    assert await start() == system
    assert await start() == of_ann[1]


async def test_unknown_types_are_passed_over(database: str):
    ann = await somebody("ann")
    (first,) = await adds(ann)
    await rows("UPDATE jobs SET type = 'from the future'")
    (second,) = await adds(ann)
    claimed = await jobs.claim_next("cpu", jobs.Room(), ["chore"])
    assert claimed is not None
    assert claimed.id == second
    assert await jobs.claim_next("cpu", jobs.Room(), ["chore"]) is None
    assert await start() == first


async def test_workers_that_start_jobs_at_once_get_different_ones(database: str):
    people = [await somebody(name) for name in ("ann", "ben", "carl")]
    added = [job_id for who in people for job_id in await adds(who, 20)]
    started = [job_id for _ in range(8) for job_id in await asyncio.gather(*(start() for _ in range(8)))]
    assert sorted(filter(None, started)) == sorted(added)
    fair = Counter(await owners(started[:24]))
    assert max(fair.values()) - min(fair.values()) <= 3
