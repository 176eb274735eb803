"""Who goes first: interactive before background work, and among equals the account that got least so far."""

from workers.engines.text.llama.server.work import Work

AGING_S = 20.0
"""Seconds after which background work of the usual priority has waited long enough to go with the interactive."""
_USUAL_BACKGROUND = 10
_PREFILL_SHARE = 0.1
"""What reading a token costs, compared with writing one."""


class FairOrder:
    """Virtual time for each tenant: what was given to it, in written tokens.

    A tenant that was away does not come back with a credit: it begins where the least served of the others stands
    (start-time fair queueing: Goyal, Vin, Cheng 1996).
    """

    def __init__(self) -> None:
        self._given: dict[str, float] = {}
        self._active: dict[str, int] = {}
        self._now = 0.0

    def arrived(self, tenant: str) -> None:
        """A request of ``tenant`` joins."""
        if tenant not in self._active:
            self._given[tenant] = max(self._given.get(tenant, 0.0), self._now)
        self._active[tenant] = self._active.get(tenant, 0) + 1

    def left(self, tenant: str) -> None:
        """A request of ``tenant`` has ended."""
        self._active[tenant] -= 1
        if not self._active[tenant]:
            del self._active[tenant]
        if not self._active:
            # Nobody competes any more; old debts mean nothing to those who come next.
            self._given.clear()
            self._now = 0.0
            return
        self._now = max(self._now, min(self._given[active] for active in self._active))
        for other in [*self._given]:
            if other not in self._active and self._given[other] <= self._now:
                del self._given[other]

    def charge(self, work: Work, read: int, written: int) -> None:
        """Note that ``work`` costs so many tokens read and written; negative numbers give some back."""
        self._given[work.tenant] = self._given.get(work.tenant, self._now) + _PREFILL_SHARE * read + written

    def key(self, work: Work, now: float) -> tuple[int, float, float]:
        """Sort key: smaller goes first."""
        return (urgency(work, now), self._given.get(work.tenant, self._now), work.arrived)


def urgency(work: Work, now: float) -> int:
    """Return the priority that ``work`` has by now; 0 is interactive."""
    patience = AGING_S * work.priority / _USUAL_BACKGROUND
    return 0 if now - work.arrived >= patience else work.priority
