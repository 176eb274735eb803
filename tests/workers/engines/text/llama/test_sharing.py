"""What the scheduler's cache shares between sequences, between whom, and what it saves and restores."""

import random

import pytest

from tests.workers.engines.text.llama.scheduling import Bench, prompt_of
from tests.workers.engines.text.llama.simulated import expected
from workers.engines.text.llama.protocol import Done
from workers.engines.text.llama.server.scheduler import WORTH_WAITING


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
