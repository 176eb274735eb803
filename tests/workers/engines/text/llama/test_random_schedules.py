"""Random schedules: no cell is leaked, no token lost or doubled."""

import random
from dataclasses import dataclass, field

import pytest

from tests.effort import times
from tests.workers.engines.text.llama.scheduling import Bench, prompt_of
from tests.workers.engines.text.llama.simulated import END, Reader, expected, make_sequence
from workers.engines.text.llama.protocol import Done
from workers.engines.text.llama.server.sequence import Sequence

SEEDS = times(6, 100)


@dataclass
class Plan:
    """What a random schedule knows of its requests."""

    prompts: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    wanted: dict[int, int] = field(default_factory=dict[int, int])
    items: dict[int, Sequence] = field(default_factory=dict[int, Sequence])
    cancelled: set[int] = field(default_factory=set[int])


def play(seed: int) -> None:
    """Join, leave, cancel, block, evict, swap, put back: at random, checked at every step."""
    rng = random.Random(seed)
    bench = Bench(
        cells=rng.randrange(150, 900),
        max_num_seqs=rng.randrange(1, 6),
        idle=rng.randrange(0, 6),
        max_num_batched_tokens=rng.randrange(8, 40),
        batch=rng.choice([32, 64]),
        swap_bytes=rng.choice([0, 3_000, 100_000]),
        partial=rng.random() < 0.8,
    )
    readers = [bench.reader, Reader()]
    heads = [prompt_of(n, rng.randrange(1, 60)) for n in range(3)]
    plan = Plan()
    for _ in range(rng.randrange(10, 60)):
        for _ in range(rng.randrange(0, 3)):
            tenant = rng.choice("abc")
            head = rng.choice(heads)
            old = rng.choice([[], *plan.prompts.values()])
            prompt = [
                *rng.choice([head, old])[: bench.cache.cells - 60],
                *prompt_of(rng.randrange(99), rng.randrange(1, 30)),
            ]
            wanted = rng.randrange(1, 25)
            number = len(plan.items) + 1
            shared = min(len(head), len(prompt)) if prompt[: len(head)] == head and rng.random() < 0.7 else 0
            item = make_sequence(
                bench.model,
                rng.choice(readers),
                number,
                prompt,
                tenant=tenant,
                max_tokens=wanted,
                shared=shared,
                priority=rng.choice([0, 0, 10]),
                arrived=bench.clock.now,
            )
            plan.items[number], plan.prompts[number], plan.wanted[number] = item, prompt, wanted
            bench.scheduler.add(item)
        if plan.items and rng.random() < 0.15:
            number = rng.choice([*plan.items])
            plan.items[number].request.cancelled = True
            plan.cancelled.add(number)
        readers[1].blocked = rng.random() < 0.1
        bench.model.refuse = rng.choice([0] * 20 + [1])
        bench.clock.now += rng.random() * 3
        bench.scheduler.step()
        bench.model.refuse = 0
        bench.check()
        _check_pins(bench, plan)
    readers[1].blocked = False
    bench.run()
    bench.check()
    assert bench.cache.reserved == 0
    for number, item in plan.items.items():
        reader = item.request.client
        assert isinstance(reader, Reader)
        end = reader.ends[number]
        tokens = [token for token in expected(plan.prompts[number], plan.wanted[number]) if token != END]
        got = reader.tokens(number)
        if isinstance(end, Done):
            assert got == tokens
        else:
            assert number in plan.cancelled
            assert end.reason == "cancelled"
            assert got == tokens[: len(got)]
    bench.cache.evict_idle()
    bench.check()
    assert bench.model.used() == 0, "leaked cells"


def _check_pins(bench: Bench, plan: Plan) -> None:
    """What a running request has read is still there."""
    for item in plan.items.values():
        if item.cells is not None:
            seen = bench.model.visible(item.cells.id)
            assert seen == item.tokens[: len(seen)]
            assert len(seen) == item.cells.length


@pytest.mark.parametrize("block", range(15))
def test_random_schedules_leak_no_cell_and_lose_or_double_no_token(block: int) -> None:
    for seed in range(block * SEEDS, block * SEEDS + SEEDS):
        play(seed)
