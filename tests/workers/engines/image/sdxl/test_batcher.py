"""Whose turn it is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from workers.engines.image.sdxl.protocol import Draw, Lora
from workers.engines.image.sdxl.server.plan import Chunk, EncodingPlan

NewJob: TypeAlias = "Callable[..., DrawingJob]"


def import_libraries() -> None:
    global Batcher, DrawingJob, PromptPlan
    from workers.engines.image.sdxl.server.batcher import Batcher, DrawingJob
    from workers.engines.image.sdxl.server.conditioning import PromptPlan


def a_plan(chunks: int) -> PromptPlan:
    plan = EncodingPlan((Chunk((), ()),) * chunks, (1.0,), 0)
    return PromptPlan((), (plan, plan))


@pytest.fixture
def new() -> NewJob:
    numbers = itertools.count(1)

    def make(chunks: int = 1, negative: int = 1, **fields: Any) -> DrawingJob:
        values: dict[str, Any] = {"seed": 0, "width": 64, "height": 64, "steps": 4, "guidance": 5.0} | fields
        return DrawingJob(Draw(id=next(numbers), prompt=(), **values), a_plan(chunks), a_plan(negative))

    return make


def a_batcher(*jobs: DrawingJob, limit: int = 4) -> Batcher:
    batcher = Batcher(lambda _: limit)
    for job in jobs:
        batcher.add(job)
    return batcher


def serve(batcher: Batcher) -> list[DrawingJob]:
    """Draw everything, one at a time, and return the order."""
    served: list[DrawingJob] = []
    while batch := batcher.next_batch():
        served.append(batch[0])
        batcher.remove(batch[0].draw.id)
    return served


def test_tenants_take_turns(new: NewJob) -> None:
    many = [new(tenant="many") for _ in range(4)]
    few = [new(tenant="few") for _ in range(2)]
    assert serve(a_batcher(*many, *few, limit=1)) == [many[0], few[0], many[1], few[1], many[2], many[3]]


def test_one_who_comes_late_has_not_saved_up_turns(new: NewJob) -> None:
    early = [new(tenant="early") for _ in range(4)]
    batcher = a_batcher(*early, limit=1)
    for job in early[:3]:
        assert batcher.next_batch() == [job]
        batcher.remove(job.draw.id)
    late = [new(tenant="late") for _ in range(3)]
    for job in late:
        batcher.add(job)
    assert serve(batcher) == [early[3], late[0], late[1], late[2]]


def test_what_is_alike_is_drawn_together(new: NewJob) -> None:
    alike = [new(steps=4), new(steps=9, guidance=2.0, scheduler="lcm", seed=4)]
    others = [
        new(width=128), new(chunks=2), new(negative=3), new(loras=(Lora(name="x"),)), new(alone=True),
    ]  # fmt: skip
    assert a_batcher(*alike, *others).next_batch() == alike
    assert len({job.key for job in [*alike, *others]}) == 5


def test_a_negative_prompt_that_nobody_looks_at_does_not_separate(new: NewJob) -> None:
    batch = [new(guidance=0.0, negative=3), new(guidance=6.0)]
    assert a_batcher(*batch).next_batch() == batch


def test_the_limit(new: NewJob) -> None:
    jobs = [new() for _ in range(6)]
    batcher = a_batcher(*jobs)
    assert batcher.next_batch() == jobs[:4]
    batcher.remove(jobs[1].draw.id)
    assert batcher.next_batch() == [jobs[0], jobs[2], jobs[3], jobs[4]]


def test_one_joins_at_the_next_step(new: NewJob) -> None:
    first, second = new(), new()
    batcher = a_batcher(first)
    assert batcher.next_batch() == [first]
    batcher.add(second)
    assert batcher.next_batch() == [first, second]


def test_nobody_joins_past_another_kind_unless_it_costs_nothing(new: NewJob) -> None:
    running, other, longer, shorter = new(steps=10), new(width=128), new(steps=10), new(steps=8)
    batcher = a_batcher(running)
    batcher.next_batch()
    running.done = 1
    for job in (other, longer, shorter):
        batcher.add(job)
    assert batcher.next_batch() == [running, shorter]
    batcher.remove(running.draw.id)
    batcher.remove(shorter.draw.id)
    assert batcher.next_batch() == [other]


def test_a_person_s_picture_interrupts_background_work(new: NewJob) -> None:
    background, person, joining = new(priority=10), new(width=128), new(priority=10)
    batcher = a_batcher(background)
    batcher.next_batch()
    background.done = 2
    batcher.add(person)
    batcher.add(joining)
    assert batcher.next_batch() == [person]
    batcher.remove(person.draw.id)
    assert batcher.next_batch() == [background, joining]
    assert background.done == 2


def test_a_full_batch_makes_room_for_a_person(new: NewJob) -> None:
    background = [new(priority=10) for _ in range(4)]
    batcher = a_batcher(*background)
    batcher.next_batch()
    person = new()
    batcher.add(person)
    assert batcher.next_batch() == [person, *background[:3]]


def test_a_suspect_is_drawn_alone(new: NewJob) -> None:
    suspect, other = new(alone=True), new()
    batcher = a_batcher(suspect, other)
    assert batcher.next_batch() == [suspect]
    batcher.remove(suspect.draw.id)
    assert batcher.next_batch() == [other]
