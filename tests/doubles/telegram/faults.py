"""Faults on demand: what a network and a platform do to requests, one by one or seeded at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Json = dict[str, Any]
Kind = Literal[
    "flood", "error_before", "error_after", "drop_before", "drop_after", "late_before", "late_after", "conflict",
    "old_query", "blocked",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
_MESSAGE_METHODS = ("send", "edit", "delete")


@dataclass(slots=True)
class Fault:
    """One kind of trouble for the next ``times`` requests of ``method`` for which ``when`` holds.

    Method "*" is all but getUpdates. ``skip`` lets that many matching requests pass first. ``retry_after`` (whole
    seconds) belongs to flood, ``status`` to error_*, ``seconds`` to late_*. ``when`` is given the parameters as sent
    (forms carry strings).
    """

    kind: Kind
    method: str = "*"
    times: int = 1
    skip: int = 0
    retry_after: int = 1
    status: int = 502
    seconds: float = 1.0
    when: Callable[[Json], bool] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {', '.join(KINDS)}")

    def hits(self, method: str, params: Json) -> bool:
        """Whether the request is one this fault is meant for."""
        if self.method == "*":
            return applies(self.kind, method) and (self.when is None or self.when(params))
        return self.method.lower() == method.lower() and (self.when is None or self.when(params))


def applies(kind: Kind, method: str) -> bool:
    """Whether Telegram could answer this method with this trouble; getUpdates is left alone unless it is named."""
    if kind == "conflict":
        return method == "getUpdates"
    if kind == "old_query":
        return method == "answerCallbackQuery"
    if kind in ("blocked", "flood"):
        return method.startswith(_MESSAGE_METHODS)
    return method != "getUpdates"


@dataclass(slots=True)
class _Lottery:
    seed: int
    probability: float
    kinds: tuple[Kind, ...]
    methods: Collection[str] | None
    template: Fault
    draws: dict[str, random.Random] = field(default_factory=dict[str, random.Random])

    def draw(self, method: str) -> Fault | None:
        if self.methods is not None and method not in self.methods:
            return None
        # One sequence per method: what befalls the n-th sendMessage does not hang on the order of other calls.
        chance = self.draws.setdefault(method, random.Random(f"{self.seed}:{method}"))
        hit, kind = chance.random() < self.probability, chance.choice(self.kinds)
        if not hit or not (
            applies(kind, method) or (self.methods is not None and kind not in ("conflict", "old_query"))
        ):
            return None
        return Fault(
            kind, method, retry_after=self.template.retry_after, status=self.template.status,
            seconds=self.template.seconds,
        )  # fmt: skip


class Faults:
    """The troubles of one server. ``injected`` lists (method, fault) in order of happening."""

    def __init__(self) -> None:
        self.injected: list[tuple[str, Fault]] = []
        self._planned: list[Fault] = []
        self._lotteries: list[_Lottery] = []

    def add(self, fault: Fault) -> Fault:
        """Plans a fault; earlier ones come first."""
        self._planned.append(fault)
        return fault

    def random(
        self, seed: int, probability: float, kinds: Collection[Kind], methods: Collection[str] | None = None,
        *, retry_after: int = 1, status: int = 502, seconds: float = 1.0,
    ) -> None:  # fmt: skip
        """From now on each request (of ``methods``, or of all but getUpdates) meets trouble with that probability."""
        template = Fault("flood", retry_after=retry_after, status=status, seconds=seconds)
        self._lotteries.append(_Lottery(seed, probability, tuple(kinds), methods, template))

    def clear(self) -> None:
        """No more faults; the record stays."""
        self._planned.clear()
        self._lotteries.clear()

    def draw(self, method: str, params: Json) -> Fault | None:
        """What befalls this request."""
        for fault in self._planned:
            if not fault.hits(method, params):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._planned.remove(fault)
            self.injected.append((method, fault))
            return fault
        for lottery in self._lotteries:
            drawn = lottery.draw(method)
            if drawn is not None:
                self.injected.append((method, drawn))
                return drawn
        return None
