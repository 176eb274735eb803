"""Who goes first."""

from dataclasses import dataclass

from db import jobs
from workers.engines.fairness import AGING_S, FairOrder


@dataclass(frozen=True)
class Request:
    name: str
    arrived: float
    priority: int = 0

    @property
    def tenant(self) -> str:
        return self.name[0]


def test_tenants_take_turns_within_a_priority() -> None:
    order = FairOrder()
    requests = [Request(name, n) for n, name in enumerate(("a1", "a2", "a3", "b1", "b2"))]
    requests += [Request("c1", 5, priority=10), Request("a4", 6, priority=10)]
    for request in requests:
        order.arrived(request.tenant)
    assert [request.name for request in order.line(requests, 6)] == ["a1", "b1", "a2", "b2", "a3", "c1", "a4"]
    order.charge("a", 3)
    assert [request.name for request in order.line(requests, 6)][:3] == ["b1", "b2", "a1"]
    order.charge("a", -3)
    assert order.line(requests, 6)[0].name == "a1"


def test_one_who_was_away_comes_back_without_credit() -> None:
    order = FairOrder()
    for _ in range(2):
        order.arrived("a")
        order.charge("a", 50)
    order.left("a")
    order.arrived("b")
    late, early = Request("b1", 2), Request("a1", 1)
    assert order.key(late, 2)[1] == order.key(early, 2)[1] == 100
    order.left("a")
    order.left("b")
    order.arrived("b")
    assert order.key(late, 2)[1] == 0


def test_background_work_that_has_waited_counts_as_interactive() -> None:
    waiting = Request("a1", 0.0, priority=10)
    assert FairOrder().urgency(waiting, AGING_S - 1) == 10
    assert FairOrder().urgency(waiting, AGING_S) == 0
    assert AGING_S == jobs.AGING_SECONDS  # one notion of patience, wherever work waits
    assert FairOrder(aging_s=None).urgency(waiting, 10 * AGING_S) == 10
