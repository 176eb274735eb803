"""The order of waiting requests: interactive before background, then the least served tenant first.

A *tenant* is the account that a request is made for, everywhere in the engines: accounts share an engine fairly, and
nothing that was computed from one account's words serves another. "" is a tenant like any other in the order; it
belongs to no account, so nothing is kept for it.
"""

from collections.abc import Iterable
from typing import Protocol, TypeVar

AGING_S = 20.0
"""Seconds after which waiting background work of the usual priority counts as interactive."""
_USUAL_BACKGROUND = 10


class Waiting(Protocol):
    """A waiting request. Smaller priorities go first, 0 is interactive; ``arrived`` is a time or a counter."""

    @property
    def tenant(self) -> str: ...  # noqa: D102 - see the class
    @property
    def priority(self) -> int: ...  # noqa: D102
    @property
    def arrived(self) -> float: ...  # noqa: D102


WaitingT = TypeVar("WaitingT", bound=Waiting)


class FairOrder:
    """Virtual time per tenant: the service it has received, in the caller's units.

    A tenant that was idle gains no credit: it starts at the virtual time of the least served active tenant
    (start-time fair queueing: Goyal, Vin, Cheng 1996).
    """

    def __init__(self, aging_s: float | None = AGING_S) -> None:
        """After ``aging_s`` seconds background work of the usual priority counts as interactive; None: never."""
        self._aging_s = aging_s
        self._given: dict[str, float] = {}
        self._active: dict[str, int] = {}
        self._now = 0.0

    def arrived(self, tenant: str) -> None:
        """Note a new request of ``tenant``."""
        if tenant not in self._active:
            self._given[tenant] = max(self._given.get(tenant, 0.0), self._now)
        self._active[tenant] = self._active.get(tenant, 0) + 1

    def left(self, tenant: str) -> None:
        """Note the end of a request of ``tenant``."""
        self._active[tenant] -= 1
        if not self._active[tenant]:
            del self._active[tenant]
        if not self._active:
            # Without competition, old debts mean nothing.
            self._given.clear()
            self._now = 0.0
            return
        self._now = max(self._now, min(self._given[active] for active in self._active))
        for other in [*self._given]:
            if other not in self._active and self._given[other] <= self._now:
                del self._given[other]

    def charge(self, tenant: str, cost: float) -> None:
        """Charge a tenant for service; a negative cost is a refund."""
        self._given[tenant] = self._given.get(tenant, self._now) + cost

    def key(self, request: Waiting, now: float) -> tuple[int, float, float]:
        """Return the sort key of a request; the smallest goes first."""
        return (self.urgency(request, now), self._given.get(request.tenant, self._now), request.arrived)

    def urgency(self, request: Waiting, now: float) -> int:
        """Return the aged priority of a request; 0 is interactive."""
        if self._aging_s is None:
            return request.priority
        patience = self._aging_s * request.priority / _USUAL_BACKGROUND
        return 0 if now - request.arrived >= patience else request.priority

    def line(self, waiting: Iterable[WaitingT], now: float, cost: float = 1.0) -> list[WaitingT]:
        """Return the requests in the order of service, if each costs the same."""
        turns: dict[str, int] = {}
        keyed: list[tuple[int, float, float, WaitingT]] = []
        for request in sorted(waiting, key=lambda request: self.key(request, now)):
            urgency, given, arrived = self.key(request, now)
            turn = turns[request.tenant] = turns.get(request.tenant, -1) + 1
            keyed.append((urgency, given + turn * cost, arrived, request))
        return [request for *_, request in sorted(keyed, key=lambda each: each[:3])]
