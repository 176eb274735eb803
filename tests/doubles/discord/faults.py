"""Faults that strike requests: explicit ones, and random ones from a seed.

Kinds: ``rate_limit`` (429 with ``retry_after``, ``is_global``), ``error_before`` and ``error_after`` (a 5xx in place of
the deed, or after it was done), ``drop_before`` and ``drop_after`` (the connection breaks), ``delay_before`` and
``delay_after`` (``seconds``; before the deed a callback may so miss the 3 s), ``forbidden`` (403 with ``code``),
``expired_token`` (401, 50027), ``gateway_close`` (the request is served, and every gateway connection is closed with
``code``).
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

KINDS: Final = (
    "rate_limit",
    "error_before",
    "error_after",
    "drop_before",
    "drop_after",
    "delay_before",
    "delay_after",
    "forbidden",
    "expired_token",
    "gateway_close",
)


def _pattern(route: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", route)
    kinds = {"**": ".*", "*": "[^/ ]+"}
    return re.compile("".join(kinds.get(part, re.escape(part)) for part in parts))


@dataclass(eq=False)
class Fault:
    """One fault and the requests that it strikes."""

    kind: str
    route: str = "**"
    """``METHOD /path`` below /api/v10; ``*`` stands for one part of the path, ``**`` for anything."""
    times: int | None = 1
    """How many requests it strikes; ``None``: all."""
    skip: int = 0
    """How many matching requests it lets pass first."""
    status: int = 502
    retry_after: float = 1.0
    is_global: bool = False
    seconds: float = 3.5
    code: int = 50013
    """Discord's error code of ``forbidden``; close code of ``gateway_close`` (4000 unless it is one)."""
    probability: float = 1.0
    when: Callable[[str, str], bool] | None = None
    """A further condition on method and path."""
    struck: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault: {self.kind}")
        self._route = _pattern(self.route)

    def matches(self, method: str, path: str) -> bool:
        """Whether it concerns this request."""
        if not (self._route.fullmatch(f"{method} {path}") or self._route.fullmatch(path)):
            return False
        return self.when is None or self.when(method, path)


class Faults:
    """The faults that are set; the first that matches strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(0)
        self.struck = 0

    def add(self, fault: Fault) -> Fault:
        """Set a fault; returns it, so that ``fault.struck`` can be read."""
        self._faults.append(fault)
        return fault

    def random(
        self,
        seed: int,
        probability: float,
        kinds: Sequence[str],
        *,
        route: str = "**",
        seconds: float = 0.5,
        retry_after: float = 0.3,
        when: Callable[[str, str], bool] | None = None,
    ) -> None:
        """Strike each request with the given probability, with one of ``kinds`` at equal chances."""
        self._random = random.Random(seed)
        for index, kind in enumerate(kinds):
            # The chances are asked one after another, so each must make up for those before it.
            share = probability / len(kinds)
            chance = share / (1 - index * share) if index * share < 1 else 1.0
            self.add(
                Fault(
                    kind,
                    route,
                    times=None,
                    probability=chance,
                    seconds=seconds,
                    retry_after=retry_after,
                    when=when,
                )
            )

    def remove(self, fault: Fault) -> None:
        """Take a fault away."""
        if fault in self._faults:
            self._faults.remove(fault)

    def clear(self) -> None:
        """Take every fault away."""
        self._faults.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request, if any."""
        for fault in self._faults:
            if fault.times == 0 or not fault.matches(method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
            fault.struck += 1
            self.struck += 1
            return fault
        return None
