"""The scheduler and the cache under it, on a model made of arithmetic."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.workers.engines.text.llama.simulated import END, FakeClock, Reader, SimulatedModel, expected, make_sequence
from workers.engines.fairness import AGING_S
from workers.engines.processes.messages import Failed
from workers.engines.text.llama.protocol import Done
from workers.engines.text.llama.server.cache import KvCache
from workers.engines.text.llama.server.scheduler import WORTH_WAITING, Limits, Scheduler
from workers.engines.text.llama.server.sequence import Sequence


class Bench:
    """A scheduler with everything around it."""

    def __init__(
        self,
        *,
        cells: int = 2000,
        max_num_seqs: int = 4,
        idle: int = 6,
        max_num_batched_tokens: int = 32,
        batch: int = 64,
        swap_bytes: int = 0,
        partial: bool = True,
    ) -> None:
        self.model = SimulatedModel(cells, max_num_seqs + idle + 1, partial=partial, batch=batch)
        self.cache = KvCache(
            self.model, cells=cells, sequences=max_num_seqs + idle + 1, idle=idle, swap_bytes=swap_bytes
        )
        self.clock = FakeClock()
        self.scheduler = Scheduler(
            self.model,
            self.cache,
            Limits(max_num_seqs=max_num_seqs, max_num_batched_tokens=max_num_batched_tokens, batch=batch),
            self.clock,
        )
        self.reader = Reader()
        self._numbers = iter(range(1, 100_000))

    def add(self, prompt: list[int], **more: object) -> Sequence:
        item = make_sequence(self.model, self.reader, next(self._numbers), prompt, arrived=self.clock.now, **more)  # pyright: ignore[reportArgumentType]
        self.scheduler.add(item)
        return item

    def run(self, until: Callable[[], bool] | None = None, steps: int = 20_000) -> None:
        for _ in range(steps):
            if until() if until is not None else not self.scheduler.busy:
                return
            self.scheduler.step()
        raise AssertionError("it does not come to an end")

    def check(self) -> None:
        """What must hold after every step."""
        tree = self.cache.tree
        tree.check()
        assert tree.used == self.model.used()
        for sequence in tree.sequences:
            assert tree.tokens_of(sequence) == self.model.visible(sequence.id)
        assert self.cache.used + self.cache.reserved <= self.cache.cells

    def check_answer(self, item: Sequence, prompt: list[int], max_tokens: int) -> None:
        tokens = expected(prompt, max_tokens)
        end = self.reader.ends[item.request.id]
        assert isinstance(end, Done)
        assert end.completion_tokens == len(tokens)
        assert end.finish_reason == ("stop" if tokens[-1] == END else "length")
        assert self.reader.tokens(item.request.id) == [token for token in tokens if token != END]


def prompt_of(seed: int, length: int) -> list[int]:
    return [random.Random(seed * 1000 + i).randrange(1, 1000) for i in range(length)]


def unending(length: int, wanted: int) -> list[int]:
    """Return a prompt whose answer does not end before ``wanted`` tokens."""
    return next(p for seed in range(10_000) if len(expected(p := prompt_of(seed, length), wanted)) == wanted)


def test_many_requests_are_written_at_once_and_each_as_if_it_were_alone() -> None:
    bench = Bench()
    prompts = [prompt_of(n, 10 + n) for n in range(9)]
    items = [bench.add(prompt) for prompt in prompts]
    bench.run()
    for item, prompt in zip(items, prompts, strict=True):
        bench.check_answer(item, prompt, 20)
    bench.check()
    assert bench.cache.reserved == 0


def test_a_common_beginning_is_read_once_even_by_those_who_come_at_the_same_time() -> None:
    bench = Bench(max_num_seqs=4)
    persona = prompt_of(1, 200)
    items = [bench.add([*persona, *prompt_of(n, 20)]) for n in range(10, 14)]
    bench.run()
    written = sum(bench.reader.ends[item.request.id].completion_tokens for item in items)  # pyright: ignore[reportAttributeAccessIssue]
    # Less than WORTH_WAITING of it may be read again, rather than waited for.
    assert bench.model.decoded <= 200 + 4 * 20 + written + 3 * (WORTH_WAITING - 1)
    for n, item in enumerate(items):
        bench.check_answer(item, [*persona, *prompt_of(10 + n, 20)], 20)


def test_the_next_turn_of_a_conversation_reads_only_what_is_new() -> None:
    bench = Bench()
    prompt = prompt_of(3, 150)
    first = bench.add(prompt)
    bench.run()
    said = expected(prompt, 20)
    before = bench.model.decoded
    longer = [*prompt, *said, *prompt_of(4, 10)]
    second = bench.add(longer)
    bench.run()
    bench.check_answer(second, longer, 20)
    end = bench.reader.ends[second.request.id]
    assert isinstance(end, Done)
    assert end.cached_tokens >= len(prompt) + len(said) - 1
    assert bench.model.decoded - before <= 12 + end.completion_tokens
    assert first.request.id in bench.reader.ends


def test_nothing_is_read_across_tenants_but_the_products_own_words() -> None:
    bench = Bench()
    head, secret = prompt_of(1, 100), prompt_of(2, 100)
    bench.add([*head, *secret], tenant="a", shared=100)
    bench.run()
    for tenant, shared, found in (("b", 100, 100), ("b", 100, 199), ("c", 40, 40), ("d", 0, 0), ("a", 100, 199)):
        item = bench.add([*head, *secret], tenant=tenant, shared=shared)
        bench.run()
        end = bench.reader.ends[item.request.id]
        assert isinstance(end, Done)
        assert end.cached_tokens == found
        bench.check_answer(item, [*head, *secret], 20)


def test_one_who_waits_for_a_beginning_that_is_being_read_gets_no_more_of_it_than_is_the_products() -> None:
    bench = Bench(batch=64)
    text = prompt_of(5, 300)
    bench.add(text, tenant="a", shared=120)
    other = bench.add(text, tenant="b", shared=120)
    bench.run()
    end = bench.reader.ends[other.request.id]
    assert isinstance(end, Done)
    assert end.cached_tokens == 120


@pytest.mark.parametrize("seed", range(3))
def test_planted_canaries_are_never_seen_by_another_tenant(seed: int) -> None:
    rng = random.Random(seed)
    bench = Bench(cells=1500, swap_bytes=50_000)
    head = prompt_of(1, 60)
    canary = {tenant: 10_000 + n for n, tenant in enumerate("abcdef")}
    seen_by: dict[int, str] = {}
    for _ in range(120):
        tenant = rng.choice("abcdef")
        # All tenants share the beginning and a guess of each other's text; only the canary is their own.
        body = [canary[tenant] if rng.random() < 0.5 else 7 for _ in range(rng.randrange(1, 80))]
        item = bench.add([*head, *body], tenant=tenant, shared=60, max_tokens=8)
        bench.run(until=lambda: rng.random() < 0.3)
        if rng.random() < 0.2:
            item.request.cancelled = True
        for sequence in bench.cache.tree.sequences:
            seen_by[sequence.id] = sequence.tenant
            alien = set(canary.values()) - {canary[sequence.tenant]}
            assert not alien & set(bench.model.visible(sequence.id))
            owners = {other.tenant for other in bench.cache.tree.sequences if other.tail is sequence.tail}
            assert len(owners) == 1 or sequence.length <= 60
    bench.run()
    bench.check()


def test_a_cancelled_request_ends_at_the_next_step_and_frees_its_cells() -> None:
    bench = Bench(idle=0, max_num_seqs=2)
    item = bench.add(unending(10, 50), max_tokens=50)
    other = bench.add(prompt_of(2, 10))
    bench.run(until=lambda: item.written >= 5)
    steps = bench.model.steps
    item.request.cancelled = True
    bench.scheduler.step()
    assert bench.model.steps <= steps + 1
    end = bench.reader.ends[item.request.id]
    assert isinstance(end, Failed)
    assert end.reason == "cancelled"
    bench.run()
    bench.check_answer(other, prompt_of(2, 10), 20)
    assert bench.model.used() == 0


def test_prompts_are_read_in_pieces_while_somebody_writes() -> None:
    bench = Bench(max_num_batched_tokens=16, batch=64, cells=5000)
    writer = bench.add(unending(5, 60), max_tokens=60)
    bench.run(until=lambda: writer.written >= 2)
    bench.add(prompt_of(2, 500))
    gaps = 0
    while not writer.written >= 60:
        before, decoded = writer.written, bench.model.decoded
        bench.scheduler.step()
        gaps += writer.written == before
        assert bench.model.decoded - decoded <= 17
        if writer.cells is None:
            break
    assert gaps == 0
    bench.run()


def test_who_has_a_person_waiting_goes_before_background_work_and_takes_its_place() -> None:
    bench = Bench(max_num_seqs=2)
    slow = unending(10, 60)
    background = [bench.add([*slow], priority=10, max_tokens=60), bench.add(prompt_of(8, 30), priority=10)]
    bench.run(until=lambda: background[0].written >= 3)
    person = bench.add(prompt_of(9, 10))
    bench.scheduler.step()
    assert person.cells is not None
    bench.run()
    for item, prompt, wanted in ((background[0], slow, 60), (background[1], prompt_of(8, 30), 20)):
        bench.check_answer(item, prompt, wanted)
    assert bench.scheduler.statistics().preemptions == 1
    order = list(bench.reader.ends)
    assert order.index(person.request.id) < order.index(background[0].request.id)


def test_background_work_that_waited_long_is_not_passed_by_any_more() -> None:
    bench = Bench(max_num_seqs=1)
    background = bench.add(prompt_of(1, 10), priority=10, max_tokens=5)
    for n in range(40):
        bench.add(prompt_of(50 + n, 10), tenant="busy", max_tokens=5)
    ended = 0
    while background.request.id not in bench.reader.ends:
        bench.clock.now += AGING_S / 50
        bench.scheduler.step()
        ended += 1
        assert ended < 200
    assert len(bench.reader.ends) < 40


def test_accounts_get_equal_shares_however_much_they_ask() -> None:
    bench = Bench(max_num_seqs=2)
    greedy = [bench.add(prompt_of(n, 10), tenant="greedy") for n in range(30)]
    modest = [bench.add(prompt_of(100 + n, 10), tenant="modest") for n in range(3)]
    bench.run()
    order = list(bench.reader.ends)
    last = max(order.index(item.request.id) for item in modest)
    assert last < 12
    assert len(order) == len(greedy) + len(modest)


def test_a_slow_reader_stops_itself_only() -> None:
    bench = Bench()
    slow, fast = Reader(), Reader()
    blocked = make_sequence(bench.model, slow, 1, unending(10, 40), max_tokens=40)
    other = make_sequence(bench.model, fast, 1, prompt_of(3, 10))
    bench.scheduler.add(blocked)
    bench.scheduler.add(other)
    bench.run(until=lambda: blocked.written >= 2)
    slow.blocked = True
    held = blocked.written
    bench.run(until=lambda: 1 in fast.ends)
    assert blocked.written == held
    assert not bench.scheduler.step()
    slow.blocked = False
    bench.run()
    assert slow.tokens(1) == expected(unending(10, 40), 40)


def test_a_request_waits_until_the_running_ones_leave_it_room() -> None:
    bench = Bench(cells=100, max_num_seqs=4)
    prompts = [prompt_of(n, 30) for n in range(4)]
    items = [bench.add(prompt, tenant=str(n)) for n, prompt in enumerate(prompts)]
    bench.scheduler.step()
    assert bench.scheduler.statistics().running == 2
    while bench.scheduler.busy:
        bench.scheduler.step()
        bench.check()
    for item, prompt in zip(items, prompts, strict=True):
        bench.check_answer(item, prompt, 20)


def test_conversations_that_lost_their_cells_come_back_without_being_read_again() -> None:
    bench = Bench(cells=400, swap_bytes=100_000)
    first = prompt_of(1, 200)
    bench.add(first)
    bench.run()
    bench.add(prompt_of(2, 250), tenant="b")
    bench.run()
    assert bench.cache.counts.swap_outs == 1
    before = bench.model.decoded
    again = bench.add([*first, 5, 6, 7])
    bench.run()
    end = bench.reader.ends[again.request.id]
    assert isinstance(end, Done)
    assert end.cached_tokens >= 200
    assert bench.model.decoded - before <= 4 + end.completion_tokens
    assert bench.cache.counts.swap_ins == 1
    bench.check_answer(again, [*first, 5, 6, 7], 20)
    bench.check()


def test_a_saved_conversation_is_its_tenants_only() -> None:
    bench = Bench(cells=400, swap_bytes=100_000)
    first = prompt_of(1, 200)
    bench.add(first, tenant="a")
    bench.run()
    bench.add(prompt_of(2, 250), tenant="b")
    bench.run()
    item = bench.add(first, tenant="c")
    bench.run()
    end = bench.reader.ends[item.request.id]
    assert isinstance(end, Done)
    assert end.cached_tokens == 0


def test_models_that_cannot_cut_their_memory_go_on_from_the_end_only() -> None:
    bench = Bench(partial=False)
    prompt = prompt_of(1, 100)
    bench.add(prompt)
    bench.run()
    said = expected(prompt, 20)
    longer = [*prompt, *said, 9, 8]
    second = bench.add(longer)
    different = bench.add([*prompt[:50], 1, 2, 3])
    bench.run()
    bench.check_answer(second, longer, 20)
    bench.check_answer(different, [*prompt[:50], 1, 2, 3], 20)
    end = bench.reader.ends[second.request.id]
    assert isinstance(end, Done)
    assert end.cached_tokens == len(prompt) + len(said) - 1


def test_a_refused_decode_costs_idle_conversations_and_nobody_an_answer() -> None:
    bench = Bench()
    bench.add(prompt_of(1, 100))
    bench.run()
    items = [bench.add(prompt_of(n, 40)) for n in (2, 3)]
    bench.scheduler.step()
    bench.model.refuse = 2
    bench.run()
    for n, item in zip((2, 3), items, strict=True):
        bench.check_answer(item, prompt_of(n, 40), 20)
    bench.check()


def test_a_person_does_not_wait_for_background_work_that_waits_itself() -> None:
    bench = Bench(cells=9000, max_num_seqs=6)
    text = prompt_of(1, 1000)
    background = bench.add(text, priority=10)
    bench.run(until=lambda: background.cells is not None and background.cells.length >= 200)
    for n in range(3):
        bench.add(prompt_of(10 + n, 600), tenant=f"other {n}")
    person = bench.add([*text, 1, 2], max_tokens=5)
    bench.scheduler.step()
    assert person.cells is not None
    bench.run()
    order = list(bench.reader.ends)
    assert order.index(person.request.id) < order.index(background.request.id)
    bench.check_answer(person, [*text, 1, 2], 5)
    bench.check_answer(background, text, 20)
    # The person went on from where the background work stood, and that from where the person stood.
    assert bench.model.decoded < 1000 + 3 * 600 + 5 * 20 + 2 * WORTH_WAITING


def test_background_work_does_not_read_for_ever_behind_people() -> None:
    bench = Bench(cells=9000, max_num_seqs=4)
    background = bench.add(prompt_of(1, 600), priority=10, max_tokens=5)
    bench.scheduler.step()
    people = 0
    while background.request.id not in bench.reader.ends:
        while bench.scheduler.statistics().running + bench.scheduler.statistics().waiting < 4:
            bench.add(prompt_of(100 + people, 400), tenant=f"{people}", max_tokens=1)
            people += 1
        bench.clock.now += AGING_S / 20
        bench.scheduler.step()
        assert people < 60
    assert people > 2


def test_a_conversation_that_begins_alike_does_not_cost_a_saved_one() -> None:
    bench = Bench(cells=400, swap_bytes=100_000)
    head = prompt_of(1, 100)
    first = [*head, *prompt_of(2, 100)]
    bench.add(first)
    bench.run()
    bench.add(prompt_of(3, 350), tenant="b")
    bench.run()
    assert bench.cache.counts.swap_outs == 1
    for prompt, found in (([*head, *prompt_of(4, 30)], 100), ([*first, 7], 200)):
        item = bench.add(prompt)
        bench.run()
        end = bench.reader.ends[item.request.id]
        assert isinstance(end, Done)
        assert end.cached_tokens >= found
        bench.check_answer(item, prompt, 20)
        bench.check()


def test_a_conversation_that_could_not_be_saved_is_read_again() -> None:
    bench = Bench(cells=400, swap_bytes=100_000)
    bench.model.saves = False
    first = prompt_of(1, 200)
    bench.add(first)
    bench.run()
    bench.add(prompt_of(2, 350), tenant="b")
    bench.run()
    again = bench.add([*first, 5])
    bench.run()
    bench.check_answer(again, [*first, 5], 20)
    bench.check()


def test_a_model_with_less_room_than_it_said_ends_nobody() -> None:
    bench = Bench(cells=200, max_num_seqs=3, idle=3)
    bench.model.shrink(110)
    prompts = [unending(50, 30), unending(51, 30)]
    items = [bench.add(prompt, tenant=tenant, max_tokens=30) for tenant, prompt in zip("ab", prompts, strict=True)]
    bench.run()
    for item, prompt in zip(items, prompts, strict=True):
        bench.check_answer(item, prompt, 30)
    assert bench.scheduler.statistics().preemptions >= 1


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
    for seed in range(block * 40, block * 40 + 40):
        play(seed)
