"""Fencing: whatever happens in whatever order, a lease has one holder, and a token of another lease changes nothing."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import pytest

from db import jobs, outbox
from db.connection import row, rows
from db.errors import LeaseLost
from db.payloads.notice import Erase
from tests.db.job_kinds import Chore
from tests.db.world import somebody
from tests.effort import times

SEEDS: Final = range(times(4, 150))
STEPS: Final = 80
WORKERS: Final = 3
Use = Callable[[int, UUID], Awaitable[Any]]

JOB_USES: Final[dict[str, Use]] = {
    "renew": jobs.renew,
    "report": lambda i, t: jobs.report(i, t, "WRITE", 50),
    "save": lambda i, t: jobs.save_artifact(i, t, "step", "kind", {}),
    "retry": lambda i, t: jobs.retry(i, t, 0, "busy"),
    "put back": jobs.put_back,
    "move": lambda i, t: jobs.move(i, t, "gpu"),
    "wait": lambda i, t: jobs.take_or_wait(i, t, "reader", None),
    "finish": jobs.finish,
    "bury": lambda i, t: jobs.bury(i, t, "broken"),
}
MESSAGE_USES: Final[dict[str, Use]] = {
    "renew": lambda i, t: outbox.renew([(i, t)]),
    "record": lambda i, t: outbox.record_message(i, t, "m1"),
    "retry": lambda i, t: outbox.retry(i, t, 0, "502"),
    "supersede": outbox.supersede,
    "sent": outbox.sent,
    "bury": lambda i, t: outbox.bury(i, t, "blocked"),
}
KEEP: Final = {"renew", "report", "save", "record"}
"""What a holder does without giving the lease back."""


@dataclass
class Ledger:
    """Who should hold what: the token that is valid for each row, and every token that was ever given out, by row."""

    valid: dict[int, UUID] = field(default_factory=dict[int, UUID])
    given: dict[int, list[UUID]] = field(default_factory=dict[int, list[UUID]])

    def give(self, row_id: int, token: UUID) -> None:
        assert token not in {t for tokens in self.given.values() for t in tokens}, "a token was given out twice"
        self.valid[row_id] = token
        self.given.setdefault(row_id, []).append(token)


async def state(table: str, row_id: int) -> dict[str, Any] | None:
    return await row(f"SELECT to_jsonb(t) AS found FROM {table} t WHERE id = $1", row_id)


async def use(ledger: Ledger, table: str, uses: dict[str, Use], rng: random.Random) -> None:
    """Somebody uses a token that they were once given: only the valid one may work."""
    row_id = rng.choice(list(ledger.given))
    token, name = rng.choice(ledger.given[row_id]), rng.choice(list(uses))
    if ledger.valid.get(row_id) == token:
        found = await uses[name](row_id, token)
        if name not in KEEP and not isinstance(found, jobs.Awaited):  # it did not have to wait
            del ledger.valid[row_id]
        return
    before = await state(table, row_id)
    with suppress(LeaseLost):
        found = await uses[name](row_id, token)
        assert found is None, f"{name} with a stale token"
    assert await state(table, row_id) == before, f"{name} with a stale token changed the row"


async def expire(table: str, row_id: int) -> None:
    await rows(
        f"UPDATE {table} SET lease_expires = now() - interval '1 second' WHERE id = $1 AND lease_token IS NOT NULL",
        row_id,
    )


@pytest.mark.parametrize("seed", SEEDS)
async def test_jobs(database: str, seed: int):
    rng, ledger = random.Random(seed), Ledger()
    job_ids = [await jobs.add(Chore()) for _ in range(3)]
    for _ in range(STEPS):
        job_id, act = rng.choice(job_ids), rng.random()
        if act < 0.3:
            job = await jobs.claim(job_id)
            if job is not None:
                assert job_id not in ledger.valid, "two holders"
                assert job.lease_token is not None
                ledger.give(job_id, job.lease_token)
        elif act < 0.4:
            await expire("jobs", job_id)
        elif act < 0.5:
            for lost in await jobs.reap():
                del ledger.valid[lost]
        elif act < 0.55:
            await jobs.interact(job_id, {})
        elif ledger.given:
            await use(ledger, "jobs", JOB_USES, rng)
    held = {r["id"]: r["lease_token"] for r in await rows("SELECT id, lease_token FROM jobs WHERE state = 'running'")}
    assert held == ledger.valid


@pytest.mark.parametrize("seed", SEEDS)
async def test_messages(database: str, seed: int):
    rng, ledger = random.Random(seed), Ledger()
    conversation = (await somebody()).conversation.id
    for number in range(3):
        await outbox.add(
            f"console:{number}", outbox.REPLY, platform="console", conversation_id=conversation, payload=Erase(),
            destination={}, ordered=number > 0,
        )  # fmt: skip
    lost: set[int] = set()
    for _ in range(STEPS):
        act = rng.random()
        if act < 0.3:
            for claimed in (await outbox.claim("console", rng.randint(1, 3))).rows:
                assert claimed.row.id not in ledger.valid.keys() - lost, "two holders"
                ledger.give(claimed.row.id, claimed.token)
                lost.discard(claimed.row.id)
        elif act < 0.45:
            lost.add(rng.choice(list(ledger.valid))) if ledger.valid else None
            for row_id in lost:
                await expire("outbox", row_id)
        elif ledger.given:
            await use(ledger, "outbox", MESSAGE_USES, rng)
            lost &= ledger.valid.keys()
    held = await rows("SELECT id, lease_token FROM outbox WHERE state = 'sending'")
    assert {r["id"]: r["lease_token"] for r in held} == ledger.valid


async def in_two_steps(job_id: int) -> UUID | None:
    """A claim that reads its token back, as a control."""
    found = await row("UPDATE jobs SET state = 'running', lease_token = gen_random_uuid(), lease_expires = now() "
                      "WHERE id = $1 AND state = 'queued' RETURNING id", job_id)  # fmt: skip
    await asyncio.sleep(0)
    found = found and await row("SELECT lease_token FROM jobs WHERE id = $1 AND state = 'running'", job_id)
    return found["lease_token"] if found else None


async def in_one_step(job_id: int) -> UUID | None:
    job = await jobs.claim(job_id)
    return None if job is None else job.lease_token


async def contest(claim: Callable[[int], Awaitable[UUID | None]]) -> tuple[list[UUID], int]:
    """Let workers contest one job whose leases run out at once; return all tokens, and how often it was finished."""
    job_id, tokens, finished = await jobs.add(Chore()), list[UUID](), 0

    async def work() -> None:
        nonlocal finished
        for _ in range(times(25, 200)):
            if (token := await claim(job_id)) is not None:
                tokens.append(token)
            await expire("jobs", job_id)
            await jobs.reap()

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    for token in tokens:
        with suppress(LeaseLost):
            await jobs.finish(job_id, token)
            finished += 1
    return tokens, finished


async def test_workers_at_once_never_share_a_token(database: str):
    tokens, finished = await contest(in_one_step)
    assert len(tokens) == len(set(tokens)) > WORKERS
    assert finished <= 1


async def test_control_a_token_that_is_read_back_is_shared(database: str):
    for _ in range(10):
        tokens, _finished = await contest(in_two_steps)
        if len(set(tokens)) < len(tokens):
            return
    pytest.fail("the contest does not find what it is there to find")


async def test_a_claim_whose_answer_was_lost_costs_one_lease(database: str):
    job_id = await jobs.add(Chore())
    await jobs.claim(job_id)  # the answer is lost: nobody knows the token
    assert await jobs.claim(job_id) is None
    await expire("jobs", job_id)
    assert await jobs.reap() == [job_id]
    assert await jobs.claim(job_id) is not None
