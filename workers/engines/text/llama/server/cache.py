"""The KV cache: allocation of cells, reuse of decoded prefixes, eviction."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from workers.engines.text.llama.server.radix_tree import CellSequence, RadixTree
from workers.engines.text.llama.server.swap import SwappedSequence, SwapSpace

WORTH_TOKENS = 64
"""Swapping a sequence out or in is worthwhile from this many tokens on."""
LEFTOVER_TOKENS = 8
"""An idle conversation is continued in place instead of copied if at most this many of its last tokens differ."""


class Memory(Protocol):
    """llama.cpp's operations on cells."""

    partial: bool
    """False for recurrent models, whose state can neither be shared in part nor truncated."""

    def copy(self, source: int, target: int, end: int) -> None:
        """Share the first ``end`` cells of ``source`` with sequence ``target``."""
        ...

    def truncate(self, sequence: int, length: int) -> None:
        """Truncate ``sequence`` to ``length`` tokens."""
        ...

    def state_size(self, sequence: int) -> int:
        """Return the size in bytes of what `save` would return."""
        ...

    def save(self, sequence: int) -> Any:
        """Return the state of ``sequence`` as a byte buffer, empty on failure."""
        ...

    def restore(self, sequence: int, state: Any) -> bool:
        """Fill the empty ``sequence`` from ``state``; on failure return False and leave it empty."""
        ...


@dataclass(slots=True)
class CacheCounts:
    """Totals. ``read_tokens`` were found in the cache, ``decoded_tokens`` were not."""

    read_tokens: int = 0
    decoded_tokens: int = 0
    evictions: int = 0
    swap_outs: int = 0
    swap_ins: int = 0


class KvCache:
    """The sequences of one context. Running ones reserve all the cells they may need; idle ones may be evicted.

    ``cells`` is the size of the context in tokens, ``sequences`` the number of sequence ids. Not thread-safe.
    """

    def __init__(self, memory: Memory, *, cells: int, sequences: int, idle: int, swap_bytes: int = 0) -> None:
        """Keep at most ``idle`` idle conversations in the cells, and ``swap_bytes`` of evicted ones in main memory."""
        self.cells = cells
        self.counts = CacheCounts()
        self._memory = memory
        self._tree = RadixTree()
        self._free = list(range(sequences - 1, -1, -1))
        self._limits: dict[int, tuple[CellSequence, int]] = {}
        self._idle: OrderedDict[int, CellSequence] = OrderedDict()
        self._max_idle = min(idle, sequences - 1)
        self._swap = SwapSpace(swap_bytes)

    @property
    def used(self) -> int:
        """Cells that hold a token."""
        return self._tree.used

    @property
    def reserved(self) -> int:
        """Cells reserved by running sequences and not used yet."""
        return sum(limit - sequence.length for sequence, limit in self._limits.values())

    @property
    def idle(self) -> int:
        """Number of idle conversations in the cells."""
        return len(self._idle)

    @property
    def swapped_bytes(self) -> int:
        """Bytes of the conversations swapped out."""
        return self._swap.used

    @property
    def tree(self) -> RadixTree:
        """The radix tree, read-only."""
        return self._tree

    def known(self, tokens: Sequence[int], tenant: str, shared: int) -> int:
        """Return the length of the prefix of ``tokens`` in the cells that ``tenant`` may read."""
        return self._tree.match(tokens, tenant, shared).length if self._memory.partial else 0

    def open(self, tokens: Sequence[int], tenant: str, shared: int, limit: int) -> CellSequence | None:
        """Start a sequence that begins with ``tokens`` and will hold at most ``limit`` tokens.

        It already holds the longest prefix that the cache has for ``tenant``, except the last token, which must be
        decoded. Idle sequences are evicted to make room; None if the running ones leave too little.
        """
        sequence = self._find(tokens[:-1], tenant, shared, limit)
        if not self._make_room(limit - sequence.length):
            self._undo_find(sequence)
            return None
        self._limits[sequence.id] = (sequence, limit)
        self.counts.read_tokens += sequence.length
        return sequence

    def advance(self, sequence: CellSequence, tokens: Sequence[int]) -> None:
        """Record that ``tokens`` were decoded at the end of ``sequence``."""
        assert sequence.length + len(tokens) <= self._limits[sequence.id][1], "more tokens than were reserved"
        self._tree.extend(sequence, tokens)
        self.counts.decoded_tokens += len(tokens)

    def close(self, sequence: CellSequence) -> None:
        """End a running sequence. It stays in the cells, idle, while there is room."""
        del self._limits[sequence.id]
        self._make_idle(sequence)

    def evict_idle(self) -> None:
        """Free all cells that no running sequence reads."""
        while self._idle:
            self._evict()

    def _find(self, tokens: Sequence[int], tenant: str, shared: int, limit: int) -> CellSequence:
        if not self._memory.partial:
            return self._continued(tokens, tenant) or self._fresh(tenant, shared)
        match = self._tree.match(tokens, tenant, shared)
        saved = self._swap.best(tokens, tenant)
        if saved is not None and saved[1] >= match.length + WORTH_TOKENS:
            restored = self._restore(saved[0], saved[1], shared, limit)
            if restored is not None:
                return restored
            match = self._tree.match(tokens, tenant, shared)  # making room may have cost cells
        for number in match.node.readers if match.length else ():
            idle = self._idle.get(number)
            if (
                idle is not None
                and idle.tenant == tenant
                and match.length <= idle.length <= match.length + LEFTOVER_TOKENS
            ):
                return self._continue(idle, match.length, shared)
        sequence, donor = self._tree.fork(self._free_id(), tenant, shared, match)
        if donor is not None:
            self._memory.copy(donor, sequence.id, match.length)
        return sequence

    def _continued(self, tokens: Sequence[int], tenant: str) -> CellSequence | None:
        """Return the longest idle conversation that is a prefix of ``tokens``."""
        fitting = [
            idle
            for idle in self._idle.values()
            if idle.tenant == tenant
            and 0 < idle.length <= len(tokens)
            and self._tree.tokens_of(idle) == list(tokens[: idle.length])
        ]
        longest = max(fitting, key=lambda idle: idle.length, default=None)
        return None if longest is None else self._continue(longest, longest.length, longest.shared)

    def _fresh(self, tenant: str, shared: int) -> CellSequence:
        return self._tree.fork(self._free_id(), tenant, shared, self._tree.match((), tenant, 0))[0]

    def _undo_find(self, sequence: CellSequence) -> None:
        """Undo `_find`. A mere copy is removed: kept, it would evict a conversation."""
        if self._tree.own_cells(sequence):
            self._make_idle(sequence)
        else:
            self._remove(sequence)

    def _continue(self, idle: CellSequence, length: int, shared: int) -> CellSequence:
        del self._idle[idle.id]
        idle.shared = shared
        self._truncate(idle, length)
        return idle

    def _truncate(self, sequence: CellSequence, length: int) -> None:
        if sequence.length > length:
            self._memory.truncate(sequence.id, length)
            self._tree.truncate(sequence, length)

    def _restore(self, saved: SwappedSequence, length: int, shared: int, limit: int) -> CellSequence | None:
        # Out of the swap space first: making room may drop it.
        self._swap.drop(saved)
        if not self._make_room(max(limit, len(saved.tokens))):
            self._swap.add(saved)
            return None
        sequence = self._fresh(saved.tenant, saved.shared)
        if not self._memory.restore(sequence.id, saved.state):
            self._remove(sequence)
            return None
        self._tree.extend(sequence, saved.tokens)
        self._truncate(sequence, length)
        sequence.shared = shared
        self.counts.swap_ins += 1
        if length + LEFTOVER_TOKENS < len(saved.tokens):
            self._swap.add(saved)  # it belongs to another conversation with this prefix, which may return
        return sequence

    def _free_id(self) -> int:
        if not self._free:
            self._evict()
        return self._free.pop()

    def _make_room(self, needed: int) -> bool:
        """Evict idle sequences until ``needed`` cells are neither used nor reserved; False if that is impossible."""
        needed += self.reserved
        if self.used + needed > self.cells:
            possible = self._tree.cells_only_for(self._idle.keys())
            if self.used - possible + needed > self.cells:
                return False
        while self.used + needed > self.cells:
            self._evict()
        return True

    def _make_idle(self, sequence: CellSequence) -> None:
        if not sequence.length:
            self._remove(sequence)
            return
        self._idle[sequence.id] = sequence
        while len(self._idle) > self._max_idle:
            self._evict()

    def _evict(self) -> None:
        _, sequence = self._idle.popitem(last=False)
        self.counts.evictions += 1
        if self._memory.partial and self._tree.own_cells(sequence) >= WORTH_TOKENS:
            self._save(sequence)
        self._remove(sequence)

    def _save(self, sequence: CellSequence) -> None:
        if self._swap.fits(self._memory.state_size(sequence.id)):
            tokens = self._tree.tokens_of(sequence)
            state = self._memory.save(sequence.id)
            if not len(state):
                return
            self._swap.add(SwappedSequence(sequence.tenant, tokens, sequence.shared, state))
            self.counts.swap_outs += 1

    def _remove(self, sequence: CellSequence) -> None:
        self._memory.truncate(sequence.id, 0)
        self._tree.remove(sequence)
        self._free.append(sequence.id)
