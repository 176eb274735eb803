"""Swap space: conversations evicted from the KV cells, kept in main memory.

Restoring one copies its state instead of decoding it again (measured: 1 ms instead of 730 ms).
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workers.engines.text.llama.server.radix_tree import common_length


@dataclass(eq=False, frozen=True, slots=True)
class SwappedSequence:
    """The saved ``state`` (a byte buffer of llama.cpp) of a sequence with these ``tokens``."""

    tenant: str
    tokens: list[int]
    shared: int
    state: Any

    @property
    def size(self) -> int:
        """Bytes of the state."""
        return len(self.state)


class SwapSpace:
    """Saved sequences of at most ``limit`` bytes in total; the least recently saved goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[int, SwappedSequence] = OrderedDict()
        self._by_tenant: dict[str, dict[int, SwappedSequence]] = {}
        self.used = 0

    def __len__(self) -> int:
        return len(self._entries)

    def fits(self, size: int) -> bool:
        """Return whether a state of ``size`` bytes could be kept at all."""
        return 0 < size <= self._limit

    def add(self, entry: SwappedSequence) -> None:
        """Keep ``entry``, replacing the tenant's entries that it continues; drop the oldest until all fit."""
        for other in [*self._by_tenant.get(entry.tenant, {}).values()]:
            if common_length(other.tokens, entry.tokens) == len(other.tokens):
                self.drop(other)
        self._entries[id(entry)] = entry
        self._by_tenant.setdefault(entry.tenant, {})[id(entry)] = entry
        self.used += entry.size
        while self.used > self._limit:
            self.drop(next(iter(self._entries.values())))

    def best(self, tokens: Sequence[int], tenant: str) -> tuple[SwappedSequence, int] | None:
        """Return the tenant's entry with the longest common prefix, and that prefix's length."""
        found = [(entry, common_length(entry.tokens, tokens)) for entry in self._by_tenant.get(tenant, {}).values()]
        return max(found, key=lambda pair: pair[1], default=None)

    def drop(self, entry: SwappedSequence) -> None:
        """Remove ``entry``, which must be here."""
        del self._entries[id(entry)]
        mine = self._by_tenant[entry.tenant]
        del mine[id(entry)]
        if not mine:
            del self._by_tenant[entry.tenant]
        self.used -= entry.size
