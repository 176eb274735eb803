"""The order of waiting sequences: interactive before background, then the least served tenant first."""

from workers.engines.text.llama.server.sequence import Sequence

AGING_S = 20.0
"""Seconds after which waiting background work of the usual priority counts as interactive."""
_USUAL_BACKGROUND = 10
_PREFILL_SHARE = 0.1
"""Cost of decoding a prompt token, relative to generating one."""


class FairOrder:
    """Virtual time per tenant: the service it has received, in generated tokens.

    A tenant that was idle gains no credit: it starts at the virtual time of the least served active tenant
    (start-time fair queueing: Goyal, Vin, Cheng 1996).
    """

    def __init__(self) -> None:
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

    def charge(self, sequence: Sequence, read: int, written: int) -> None:
        """Charge the tenant for tokens read and written; negative numbers are refunds."""
        self._given[sequence.tenant] = self._given.get(sequence.tenant, self._now) + _PREFILL_SHARE * read + written

    def key(self, sequence: Sequence, now: float) -> tuple[int, float, float]:
        """Return the sort key; the smallest goes first."""
        return (urgency(sequence, now), self._given.get(sequence.tenant, self._now), sequence.arrived)


def urgency(sequence: Sequence, now: float) -> int:
    """Return the aged priority of ``sequence``; 0 is interactive."""
    patience = AGING_S * sequence.priority / _USUAL_BACKGROUND
    return 0 if now - sequence.arrived >= patience else sequence.priority
