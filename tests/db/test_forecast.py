"""Position and time: what is said to a person comes true."""

import random

import pytest

from db import jobs
from db.connection import rows
from db.jobs.forecast import OWN_SAMPLES, Durations
from db.models import JobRow
from tests.db.test_turns import adds, position, runs, start
from tests.db.world import somebody
from tests.workers.living import lives


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_so_many_jobs_start_before_a_job_as_its_position_says(database: str, seed: int):
    chance = random.Random(seed)
    places = [await somebody(f"p{n}", chat=f"g{n % 3}", kind="group") for n in range(7)]
    await rows("UPDATE accounts SET weight = 2.5 WHERE id = $1", places[0].account.id)
    for _ in range(50):
        await adds(chance.choice(places))
        if chance.random() < 0.3:
            await start()
    waiting = [job.id for job in await JobRow.filter(state="queued")]
    said = {job_id: await position(job_id) for job_id in waiting}
    started = await runs(len(waiting))
    assert {job_id: started.index(job_id) for job_id in waiting} == said


async def test_background_work_starts_after_people(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    first, second = await adds(ann, 2, priority=jobs.BACKGROUND)
    await adds(ben, 3)
    assert [await position(job_id) for job_id in (first, second)] == [3, 4]


async def test_what_is_not_in_line_has_no_position(database: str):
    (job,) = await adds(await somebody("ann"))
    assert await jobs.outlook(job) == jobs.Outlook(0, None, None)
    assert await start() == job
    assert await jobs.outlook(job) == jobs.Outlook()
    assert await jobs.outlook(10**9) == jobs.Outlook()


async def test_the_time_comes_from_recent_jobs_and_the_slots_of_living_workers(database: str):
    ann, ben, carl = [await somebody(name) for name in ("ann", "ben", "carl")]
    for seconds in (10, 20, 30):
        await adds(ann)
        (ended,) = await runs(1)
        await rows("UPDATE jobs SET claimed_at = finished_at - make_interval(secs => $2) WHERE id = $1", ended, seconds)
    await adds(ann, 9)
    for _ in range(2):
        await start()
    await rows("UPDATE jobs SET claimed_at = now() - interval '5 s' WHERE state = 'running'")
    (mine,) = await adds(ben)
    assert (await jobs.outlook(mine)).done_s is None  # nobody is there
    await lives("den:1", capacity=1)
    await lives("den:2", capacity=1)
    await lives("den:3", capacity=9, queues=["gpu"])
    found = await jobs.outlook(mine)
    # A job takes 20 s; the two that run have 15 s left each.
    assert found.position == 0
    assert found.start_s == pytest.approx(15, abs=2)
    assert found.done_s == pytest.approx(35, abs=2)
    now = await jobs.outlook_now(carl.account.id, carl.user.id)
    assert (now.position, now.done_s) == (1, None)
    assert now.start_s == pytest.approx(15, abs=2)
    again = await jobs.outlook_now(ann.account.id, ann.user.id)
    assert again.position == 8
    assert again.start_s == pytest.approx(15 + 4 * 20, abs=2)
    await lives("den:4", capacity=30)
    assert (await jobs.outlook(mine)).start_s == pytest.approx(0, abs=1)


async def test_an_account_with_a_slower_model_has_durations_of_its_own(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    for who, seconds in ((ann, 90), (ben, 10)):
        await adds(who, OWN_SAMPLES)
        ended = await runs(OWN_SAMPLES)
        await rows(
            "UPDATE jobs SET claimed_at = finished_at - make_interval(secs => $2) WHERE id = ANY ($1)", ended, seconds
        )
    usual = await Durations.recent()
    found = [usual.of("chore", account) for account in (ann.account.id, ben.account.id, 0)]
    assert found == [pytest.approx(90), pytest.approx(10), pytest.approx(50)]


@pytest.mark.parametrize(
    ("slots", "running", "ahead", "background", "wait"),
    [
        (1, [], {}, False, 0),
        (2, [("a", 4.0)], {}, False, 0),
        (1, [("a", 4.0)], {}, False, 6),
        (1, [("a", 60.0)], {}, False, 1),
        (2, [("a", 4.0), ("a", 9.0)], {"a": 1}, False, 6),
        (1, [("a", 4.0)], {"a": 2, "b": 3}, False, 6 + 20 + 9),
        (1, [("a", 4.0)], {"a": 4}, True, 6 + 50),
        (1, [("a", 4.0), ("a", 2.0)], {}, False, 8),
    ],
)
def test_a_slot_is_free_when_the_jobs_before_have_ended(
    slots: int, running: list[tuple[str, float]], ahead: dict[str, int], background: bool, wait: float
):
    usual = Durations({"a": [12.0, 8.0], "b": [3.0]})
    assert usual.wait(slots, running, ahead, background=background) == pytest.approx(wait)


def test_what_nobody_knows_is_not_said():
    assert Durations().wait(1, [("a", 1.0)], {}, background=False) is None
    assert Durations().of("a", 1) is None
    assert Durations({"b": [4.0]}).of("a", 1) == 4.0
