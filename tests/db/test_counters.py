"""No counter overflows: at its maximum it stays there, and what is counted goes on."""

from decimal import Decimal

from db import awaited_files, jobs, outbox, usage
from db.connection import row, rows
from tests.db.job_kinds import Chore
from tests.db.test_outbox import put
from tests.db.world import somebody


async def test_a_message_that_was_tried_as_often_as_can_be_counted(database: str):
    row_id = await put("1")
    await rows("UPDATE outbox SET attempts = 2147483647 WHERE id = $1", row_id)
    (claimed,) = (await outbox.claim("console", 1)).rows
    await outbox.retry(claimed.row.id, claimed.token, 0, "502")
    assert [c.row.id for c in (await outbox.claim("console", 1)).rows] == [row_id]


async def test_a_job_that_crashed_and_failed_as_often_as_can_be_counted(database: str):
    job_id = await jobs.add(Chore())
    await rows("UPDATE jobs SET attempt = 32767, retries = 32767 WHERE id = $1", job_id)
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    await jobs.retry(job_id, job.lease_token, 0, "busy")
    assert await jobs.claim(job_id) is not None
    await rows("UPDATE jobs SET lease_expires = now() - interval '1 second' WHERE id = $1", job_id)
    assert await jobs.reap() == [job_id]


async def test_a_file_that_was_fetched_as_often_as_can_be_counted(database: str):
    who = await somebody()
    await awaited_files.add(
        "console:1", {}, platform="console", account_id=who.account.id, conversation_id=who.conversation.id
    )
    await rows("UPDATE awaited_files SET attempts = 32767")
    assert len(await awaited_files.claim("console", 1)) == 1


async def test_a_server_that_reports_more_than_can_be_counted(database: str):
    task = await usage.begin("write_page", job_id=None, account_id=None)
    record = usage.TaskRecord(
        state="done", prompt_tokens=10**18, completion_tokens=2**40, cost_usd=Decimal(10) ** 12, error="x"
    )
    await usage.save(task, record)
    found = await row("SELECT prompt_tokens, completion_tokens, cost_usd FROM ai_tasks")
    assert found == {"prompt_tokens": 2**31 - 1, "completion_tokens": 2**31 - 1, "cost_usd": Decimal(999_999)}
