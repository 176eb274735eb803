"""How long finished work and sent messages are kept: no table grows for ever, and what is still needed stays."""

from datetime import timedelta

import pytest

from db import inbox, jobs, outbox, privacy, usage
from db.connection import row, rows
from db.environment import BadEnvironment, read_settings
from db.payloads.notice import Erase
from db.retention import RetentionSettings, days_kept
from tests.db.job_kinds import Chore
from tests.db.world import somebody


async def job(state: str, days: float, *, parent: int | None = None) -> int:
    """Return a job of that age in that state, with the result of a step."""
    who = await somebody()
    job_id = await jobs.add(Chore(), conversation_id=who.conversation.id, parent_id=parent)
    await rows(
        "UPDATE jobs SET state = $2, created_at = now() - $3::interval, finished_at = CASE WHEN $2 IN ('done', 'dead', "
        "'cancelled') THEN now() - $3::interval END WHERE id = $1",
        job_id, state, timedelta(days=days),
    )  # fmt: skip
    await rows(
        "INSERT INTO artifacts (job_id, step, kind, content, created_at) VALUES ($1, 'a', 'step', '{}', "
        "now() - $2::interval)",
        job_id, timedelta(days=days),
    )  # fmt: skip
    return job_id


async def message(event: str, state: str, days: float, *, edits: int | None = None, part: str = outbox.REPLY) -> int:
    """Return a message of that age in that state."""
    who = await somebody()
    row_id = await outbox.add(
        event, part, platform="console", conversation_id=who.conversation.id, payload=Erase(), destination={},
        edits_row=edits,
    )  # fmt: skip
    assert row_id is not None
    await rows(
        "UPDATE outbox SET state = $2, created_at = now() - $3::interval WHERE id = $1",
        row_id, state, timedelta(days=days),
    )  # fmt: skip
    return row_id


async def left(table: str, column: str = "id") -> list[int]:
    return [r[column] for r in await rows(f"SELECT {column} FROM {table} ORDER BY 1")]


async def test_finished_jobs_go_after_a_month_and_open_ones_stay(database: str):
    gone = [await job(state, 31) for state in ("done", "dead", "cancelled")]
    kept = [await job("done", 29), await job("queued", 400), await job("waiting", 400)]
    assert (await privacy.prune([]))["public.jobs"] == len(gone)
    assert await left("jobs") == kept


async def test_a_job_stays_while_its_parent_or_a_child_of_it_works(database: str):
    working = await job("waiting", 50)
    await job("done", 40, parent=working)
    over = await job("done", 50)
    await job("queued", 40, parent=over)
    assert (await privacy.prune([]))["public.jobs"] == 0
    assert len(await left("artifacts")) == 3  # those of `over` are read by nobody
    await rows("UPDATE jobs SET state = 'done', finished_at = now() - interval '40 days'")
    while (await privacy.prune([]))["public.jobs"]:
        pass
    assert await left("jobs") == []


async def test_results_of_steps_go_when_no_rerun_can_need_them(database: str):
    await job("done", 4)
    kept = [await job("done", 2), await job("waiting", 60), await job("queued", 60)]
    assert (await privacy.prune([]))["public.artifacts"] == 1
    assert await left("artifacts", "job_id") == kept


async def test_sent_messages_go_after_a_quarter_of_a_year_and_open_ones_stay(database: str):
    for number, state in enumerate(("sent", "superseded", "dead")):
        await message(f"console:{number}", state, 91)
    kept = [await message("console:a", "sent", 89), await message("console:b", "pending", 400)]
    assert (await privacy.prune([]))["public.outbox"] == 3
    assert await left("outbox") == kept


async def test_a_message_stays_while_another_one_rewrites_it(database: str):
    first = await message("console:1", "sent", 200)
    await message("console:2", "sent", 1, edits=first)
    other = await message("console:3", "sent", 200)
    edit = await message("console:4", "pending", 200, edits=other)
    placeholder = await message("console:5", "sent", 200, part=outbox.PLACEHOLDER)
    reply = await message("console:5", "pending", 1)
    assert (await privacy.prune([]))["public.outbox"] == 0
    await rows("UPDATE outbox SET state = 'sent' WHERE id = ANY ($1::bigint[])", [edit, reply])
    await privacy.prune([])
    assert await left("outbox") == [first, first + 1, reply]
    assert placeholder not in await left("outbox")


async def test_records_of_calls_go_after_a_quarter_of_a_year(database: str):
    for days in (89, 91):
        task = await usage.begin("write_page", job_id=None, account_id=None)
        await rows("UPDATE ai_tasks SET started_at = now() - make_interval(days => $2) WHERE id = $1", task, days)
    assert (await privacy.prune([]))["public.ai_tasks"] == 1


async def test_a_batch_is_small_and_what_must_stay_is_in_nobodys_way(database: str):
    await job("waiting", 60)
    await rows("INSERT INTO jobs (type, queue, parent_id, state, finished_at) SELECT 'chore', 'cpu', 1, 'done', "
               "now() - interval '90 days' FROM generate_series(1, 300)")  # fmt: skip
    await rows("INSERT INTO jobs (type, queue, state, finished_at) SELECT 'chore', 'cpu', 'done', now() - "
               "interval '80 days' FROM generate_series(1, 450)")  # fmt: skip
    await inbox.record("console:1")
    assert await privacy.prune([], tables=["public.jobs"], batches=1) == {"public.jobs": 200}
    assert await privacy.prune([], tables=["public.jobs"]) == {"public.jobs": 250}
    assert len(await left("jobs")) == 301


async def test_the_operators_days_replace_the_rules(database: str) -> None:
    for days in (3, 9, 40):
        await rows(
            "INSERT INTO inbox (event_key, received_at) VALUES ($1, now() - make_interval(days => $2))",
            f"e{days}",
            days,
        )
    assert (await privacy.prune([], days={"public.inbox": 8}))["public.inbox"] == 2


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("jobs", "table=days"),
        ("jobs=0", "table=days"),
        ("jobs=-3", "table=days"),
        ("jobs=many", "table=days"),
        ("stories=7", "'stories' is no table with a retention; these are: .*, inbox, .*, jobs,"),
        ("inbox=2", "inbox must be kept for 7 days"),
        ("dice.rolls=2", "'dice.rolls' is no table"),
    ],
)
def test_a_wrong_retention_is_named(value: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYFORK_RETENTION", value)
    with pytest.raises(BadEnvironment, match=problem):
        days_kept(read_settings(RetentionSettings), privacy.rules([]))


def test_days_by_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYFORK_RETENTION", " jobs = 14, public.audit=90 ,")
    found = days_kept(read_settings(RetentionSettings), privacy.rules([]))
    assert (found["public.jobs"], found["public.audit"], found["public.inbox"]) == (14, 90, 30)


async def test_what_was_deleted_is_gone_from_the_files(database: str) -> None:
    await rows("INSERT INTO inbox (event_key, error) SELECT 'e' || n, 'a canary' FROM generate_series(1, 300) n")
    await rows("UPDATE inbox SET received_at = now() - interval '60 days'")
    await privacy.prune([], tables=["public.inbox"])
    size = await row("SELECT pg_relation_size('inbox') AS bytes")
    assert size == {"bytes": 0}
