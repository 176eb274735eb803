"""Whatever is added, started, retried, lost and promoted in whatever order: nobody waits longer than their share is."""

import random
from collections import Counter
from dataclasses import dataclass, field

from db import jobs
from db.connection import rows
from db.models import JobRow
from db.people import Who
from tests.db.job_kinds import Chore
from tests.db.world import somebody
from tests.effort import times
from workers.slots import Slots

LIGHTEST = 0.5
SLACK = 1 / LIGHTEST
"""By so much the turn that a line is taken to have reached may be wrong (`db.jobs.turns`): the longest step."""


@dataclass
class Waiting:
    """A job in line, and how many turns each account and person have had since it joined."""

    who: Who
    accounts: Counter[int] = field(default_factory=Counter[int])
    persons: Counter[int] = field(default_factory=Counter[int])


class Play:
    """Somebody adds, starts, ends, retries, loses and promotes jobs at random; every start is checked."""

    def __init__(self, seed: int, people: list[Who]) -> None:
        self.chance = random.Random(seed)
        self.people = people
        self.weights: dict[int, float] = {}
        self.line: dict[int, Waiting] = {}
        self.running: dict[int, jobs.Job] = {}
        self.events = 0

    async def begin(self) -> None:
        await rows("TRUNCATE jobs CASCADE")
        for who in self.people:
            self.weights[who.account.id] = weight = self.chance.choice([LIGHTEST, 1.0, 1.0, 3.0])
            await rows("UPDATE accounts SET weight = $2 WHERE id = $1", who.account.id, weight)

    async def add(self) -> None:
        who = self.chance.choice(self.people)
        background = self.chance.random() < 0.2
        for _ in range(self.chance.choice([1, 1, 1, 5])):
            job_id = await jobs.add(
                Chore(), priority=jobs.BACKGROUND if background else jobs.INTERACTIVE, account_id=who.account.id,
                user_id=who.user.id, conversation_id=who.conversation.id,
            )  # fmt: skip
            if not background:
                self.line[job_id] = Waiting(who)

    async def start(self) -> None:
        room = jobs.Room(*(self.chance.random() < 0.5 for _ in range(3)))
        named = self.chance.choice([*self.line, 0])
        job = await jobs.claim_next("cpu", room, named=named)
        if job is None:
            return
        assert job.id not in self.running
        self.running[job.id] = job
        if job.id in self.line:
            self.had_its_turn(job.id)

    def had_its_turn(self, job_id: int) -> None:
        mine = self.line.pop(job_id)
        for waiting in [*self.line.values(), mine]:
            waiting.accounts[mine.who.account.id] += 1
            if waiting.who.account.id == mine.who.account.id:
                waiting.persons[mine.who.user.id] += 1
        own = mine.who.account.id
        for other, number in mine.accounts.items():
            limit = mine.accounts[own] / self.weights[own] + 1 / self.weights[own] + 1 / self.weights[other] + SLACK
            assert number / self.weights[other] <= limit, (job_id, other, mine)
        for number in mine.persons.values():
            assert number <= mine.persons[mine.who.user.id] + 2 + SLACK, (job_id, mine)

    async def end(self) -> None:
        if not self.running:
            return
        job = self.running.pop(self.chance.choice([*self.running]))
        assert job.lease_token is not None
        match self.chance.randrange(6):
            case 0:
                await jobs.retry(job.id, job.lease_token, self.chance.choice([0.0, 60.0]), "busy")
            case 1:
                await jobs.put_back(job.id, job.lease_token)
            case 2:
                await rows("UPDATE jobs SET lease_expires = now() - interval '1 s' WHERE id = $1", job.id)
                assert await jobs.reap() == [job.id]
            case _:
                await jobs.finish(job.id, job.lease_token)

    async def promote(self) -> None:
        found = await JobRow.filter(priority=jobs.BACKGROUND, state="queued", attempt=0, retries=0, started_at=None)
        if found:
            job = self.chance.choice(found)
            self.events += 1
            assert await jobs.promote(job.id, event_key=f"console:{self.events}", destination={}) is not None
            self.line[job.id] = Waiting(next(who for who in self.people if who.user.id == job.user_id))

    async def time_passes(self) -> None:
        await rows("UPDATE jobs SET run_after = now() WHERE state = 'queued' AND NOT lined")
        await jobs.line_up("cpu")

    async def drain(self) -> None:
        """Everything is started in the end."""
        for _ in range(2000):
            await self.time_passes()
            job = await jobs.claim_next("cpu", jobs.Room())
            if job is None:
                break
            assert job.lease_token is not None
            if job.id in self.line:
                self.had_its_turn(job.id)
            await jobs.finish(job.id, job.lease_token)
        assert self.line == {}


async def test_nobody_is_starved_and_weights_hold(database: str):
    people = [await somebody(f"p{n}", chat=f"g{n % 3}", kind="group") for n in range(6)] + [await somebody("ann")]
    for seed in range(times(6, 300)):
        play = Play(seed, people)
        await play.begin()
        steps = [play.add, play.start, play.start, play.end, play.promote, play.time_passes]
        for step in play.chance.choices(steps, weights=[8, 6, 6, 8, 1, 2], k=80):
            await step()
        for job in play.running.values():
            assert job.lease_token is not None
            await jobs.finish(job.id, job.lease_token)
        await play.drain()
        assert not await JobRow.filter(state__in=["queued", "running"]).exists()


async def test_background_work_has_its_share_while_people_never_stop(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    slots, background = Slots(1), 0
    for who, priority in ((ann, jobs.BACKGROUND), (ben, jobs.INTERACTIVE)):
        for _ in range(60):
            await jobs.add(Chore(), priority=priority, account_id=who.account.id, user_id=who.user.id)
    await rows("UPDATE jobs SET run_after = now() - interval '1 minute'")
    for slot in range(50):
        slots.take(slot)
        job = await jobs.claim_next("cpu", slots.admit(slot))
        slots.settle(slot, job)
        slots.release(slot)
        assert job is not None
        background += job.priority == jobs.BACKGROUND
    assert background == 50 // jobs.BACKGROUND_SHARE
