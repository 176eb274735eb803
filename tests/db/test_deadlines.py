"""Late jobs: silence ends in a notice, and what only looks late is left alone."""

import pytest

from db import jobs
from db.connection import rows
from db.jobs import LateJobs
from db.models import JobRow, OutboxRow
from db.work import BranchingPage, Imagine, spec_of
from tests.db.job_kinds import Chore
from tests.db.world import somebody
from tests.workers.living import lives


async def asked(parameters: object, **columns: object) -> int:
    """A job that answers somebody."""
    who = await somebody()
    return await jobs.add(
        parameters,  # type: ignore[arg-type]
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key=f"console:{await JobRow.all().count()}",
        destination={"chat_id": "c"},
        **columns,  # type: ignore[arg-type]
    )


async def ended(seconds: float = 0) -> list[int]:
    """What a process ends that has watched the database for a while; ``seconds``: how long ago all jobs were due."""
    if seconds:
        await rows(
            "UPDATE jobs SET run_after = run_after - make_interval(secs => $1::float8), "
            "claimed_at = claimed_at - make_interval(secs => $1::float8)",
            seconds,
        )
    late = LateJobs()
    for _ in range(jobs.SETTLED_CHECKS - 1):
        assert await late.end() == []
    return [found.job.id for found in await late.end()]


async def told() -> list[str]:
    return [row.payload["key"] for row in await OutboxRow.all().order_by("id")]


async def test_where_nobody_draws_the_person_is_told(database: str):
    await lives("den:1")
    drawing, writing = await asked(Imagine(prompt="a door"), queue="gpu"), await asked(Chore())
    assert await ended(100) == []
    assert await ended(100) == [drawing]
    assert await told() == ["picture.nobody"]
    assert (await JobRow.get(id=drawing)).state == "dead"
    assert (await JobRow.get(id=writing)).state == "queued"
    assert await ended() == []


async def test_where_no_worker_is_left_at_all_too(database: str):
    job = await asked(Chore())
    assert await ended(130) == [job]
    assert await told() == ["job.nobody"]


async def test_a_long_queue_before_living_workers_is_late_after_an_hour(database: str):
    await lives("den:1")
    job = await asked(Chore())
    assert await ended(3000) == []
    assert await ended(700) == [job]
    assert await told() == ["job.late_start"]


async def test_a_run_without_end_loses_its_lease_and_is_told(database: str):
    await lives("den:1")
    job = await jobs.claim(await asked(Chore()))
    assert job is not None
    assert job.lease_token is not None
    assert await ended(1700) == []
    assert await ended(200) == [job.id]
    assert await told() == ["job.late_run"]
    assert await jobs.renew(job.id, job.lease_token) is None


@pytest.mark.parametrize(("answered", "state", "said"), [(False, "dead", ["job.late_wait"]), (True, "cancelled", [])])
async def test_a_wait_without_a_deadline_expires(database: str, answered: bool, state: str, said: list[str]):
    job = await jobs.claim(await asked(Chore()))
    assert job is not None
    assert job.lease_token is not None
    assert await jobs.take_or_wait(job.id, job.lease_token, "choice", None, 1000.0) is None
    if answered:
        await rows(
            "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, destination, payload, state) SELECT "
            "event_key, 'reply', 'console', conversation_id, 'notice', '{}', '{\"key\": \"done\"}', 'sent' FROM jobs"
        )
    assert await ended() == []
    await rows("UPDATE jobs SET deadline = deadline - interval '1001 s'")
    assert await jobs.wake_due() == []
    assert await ended() == [job.id]
    assert (await JobRow.get(id=job.id)).state == state
    assert [key for key in await told() if key != "done"] == said


async def test_children_end_with_a_late_parent(database: str):
    parent = await asked(Chore())
    child = await jobs.add(Chore(), parent_id=parent, queue="gpu")
    held = await jobs.claim(child)
    assert held is not None
    assert held.lease_token is not None
    assert parent in await ended(130)
    assert (await JobRow.get(id=child)).state in {"cancelled", "dead"}
    assert await jobs.renew(child, held.lease_token) is None


async def test_an_outage_and_a_clock_that_jumps_make_nobody_late(database: str, monkeypatch: pytest.MonkeyPatch):
    job = await asked(Chore())
    late = LateJobs()
    for _ in range(jobs.SETTLED_CHECKS):
        assert await late.end() == []
    # The clock of the database is set forward by two hours: as if it had been behind before.
    assert late._before is not None
    late._before = (late._before[0], late._before[1] - 7200)
    await rows("UPDATE jobs SET run_after = run_after - interval '2 hours'")
    for _ in range(jobs.SETTLED_CHECKS + 1):
        assert await late.end() == []
    assert (await JobRow.get(id=job)).state == "queued"
    # After checks that failed or came late, some must be undisturbed first.
    await rows("UPDATE jobs SET run_after = run_after - interval '2 hours'")
    late._before = (late._before[0] - 60, late._before[1] - 60)
    assert await late.end() == []
    assert await late.end() == []


def test_types_say_when_they_are_late():
    assert spec_of("imagine").nobody == "picture.nobody"
    assert spec_of("imagine").deadlines.run_s > spec_of(BranchingPage.type).deadlines.run_s
