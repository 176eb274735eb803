"""Answers of one conversation go out in the order in which they were asked for, whichever job is done first."""

from db import inbox, jobs, outbox
from db.connection import rows, transaction
from db.payloads.notice import Erase
from tests.db.job_kinds import Chore
from tests.db.world import somebody


async def ask(event: str, *, who: str = "ann", queue: jobs.WorkerQueue = "cpu") -> jobs.Job:
    """Commit an event whose answer is a job's, and start the job."""
    person = await somebody(who)
    async with transaction():
        await inbox.record(event)
        job_id = await jobs.add(
            Chore(), queue=queue, conversation_id=person.conversation.id, event_key=event, destination={}
        )
    job = await jobs.claim(job_id)
    assert job is not None
    return job


async def answer(job: jobs.Job) -> int:
    assert job.event_key is not None
    assert job.conversation_id is not None
    assert job.lease_token is not None
    async with transaction():
        await jobs.finish(job.id, job.lease_token)
        return await say(job.event_key, job.conversation_id)


async def say(event: str, conversation_id: int) -> int:
    row_id = await outbox.add(
        event, outbox.REPLY, platform="console", conversation_id=conversation_id, payload=Erase(), destination={}
    )
    assert row_id is not None
    return row_id


async def send() -> list[int]:
    """Send what is due, and return it."""
    claimed = (await outbox.claim("console", 10)).rows
    for each in claimed:
        await outbox.sent(each.row.id, each.token)
    return [c.row.id for c in claimed]


async def test_the_second_answer_waits_for_the_first(database: str):
    first, second = await ask("console:1"), await ask("console:2")
    late = await answer(second)
    other = await answer(await ask("console:3", who="ben"))
    assert await send() == [other]
    early = await answer(first)
    assert await send() == [early]
    assert await send() == [late]


async def test_three_finished_answers_leave_in_the_order_of_the_questions(database: str):
    asked = [await ask(f"console:{n}") for n in range(3)]
    sent = {n: await answer(asked[n]) for n in (2, 0, 1)}
    assert [await send() for _ in range(3)] == [[sent[0]], [sent[1]], [sent[2]]]


async def test_an_answer_known_at_once_does_not_wait(database: str):
    job = await ask("console:1")
    assert job.conversation_id is not None
    async with transaction():
        await inbox.record("console:2")
        known = await say("console:2", job.conversation_id)
    assert await send() == [known]


async def test_it_waits_for_nothing_that_takes_long(database: str):
    # Pictures take their time, a retry may be far off, and an earlier job may hang.
    await ask("console:1", queue="gpu")
    beside = await answer(await ask("console:2"))
    assert await send() == [beside]
    slow = await ask("console:3")
    assert slow.lease_token is not None
    await jobs.retry(slow.id, slow.lease_token, 60, "busy")
    before = await answer(await ask("console:4"))
    assert await send() == [before]
    await rows("UPDATE jobs SET run_after = now() WHERE id = $1", slow.id)
    held = await answer(await ask("console:5"))
    assert await send() == []
    await rows("UPDATE outbox SET created_at = created_at - make_interval(secs => $1)", outbox.HOLD_SECONDS + 1)
    await rows("UPDATE outbox SET asked_at = asked_at - make_interval(secs => $1)", outbox.HOLD_SECONDS + 1)
    await rows("UPDATE inbox SET received_at = received_at - make_interval(secs => $1)", outbox.HOLD_SECONDS + 1)
    assert await send() == [held]


async def test_an_earlier_job_that_has_answered_holds_nothing(database: str):
    first, second = await ask("console:1"), await ask("console:2")
    assert first.conversation_id is not None
    early = await say("console:1", first.conversation_id)  # the job goes on working
    assert await send() == [early]
    assert await answer(second) in await send()


async def test_it_does_not_wait_for_jobs_whose_turn_comes_later(database: str):
    """One member of a group has asked for a lot; another's only answer is finished first."""
    ann, ben = await somebody("ann", chat="group", kind="group"), await somebody("ben", chat="group", kind="group")
    for number, who in ((1, ann), (2, ann), (3, ann), (4, ben)):
        async with transaction():
            await inbox.record(f"console:{number}")
            await jobs.add(
                Chore(), account_id=who.account.id, user_id=who.user.id, conversation_id=who.conversation.id,
                event_key=f"console:{number}", destination={},
            )  # fmt: skip
    first, second = [await jobs.claim_next("cpu", jobs.Room()) for _ in range(2)]
    assert first is not None
    assert second is not None
    assert (first.event_key, second.event_key) == ("console:1", "console:4")
    held = await answer(second)
    assert await send() == []  # Ann's first is being written, and was asked for earlier
    early = await answer(first)
    assert [await send(), await send()] == [[early], [held]]
