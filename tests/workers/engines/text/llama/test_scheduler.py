"""The scheduler, on a model made of arithmetic: who is written and read when."""

from tests.workers.engines.text.llama.scheduling import Bench, prompt_of, unending
from tests.workers.engines.text.llama.simulated import Reader, expected, make_sequence
from workers.engines.fairness import AGING_S
from workers.engines.processes.messages import Failed
from workers.engines.text.llama.server.scheduler import WORTH_WAITING


def test_many_requests_are_written_at_once_and_each_as_if_it_were_alone() -> None:
    bench = Bench()
    prompts = [prompt_of(n, 10 + n) for n in range(9)]
    items = [bench.add(prompt) for prompt in prompts]
    bench.run()
    for item, prompt in zip(items, prompts, strict=True):
        bench.check_answer(item, prompt, 20)
    bench.check()
    assert bench.cache.reserved == 0


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


def test_a_model_with_less_room_than_it_said_ends_nobody() -> None:
    bench = Bench(cells=200, max_num_seqs=3, idle=3)
    bench.model.shrink(110)
    prompts = [unending(50, 30), unending(51, 30)]
    items = [bench.add(prompt, tenant=tenant, max_tokens=30) for tenant, prompt in zip("ab", prompts, strict=True)]
    bench.run()
    for item, prompt in zip(items, prompts, strict=True):
        bench.check_answer(item, prompt, 30)
    assert bench.scheduler.statistics().preemptions >= 1
