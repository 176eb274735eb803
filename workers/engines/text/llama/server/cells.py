"""Which tokens lie in the KV cells, and which sequences read them. Plain bookkeeping: nothing here calls llama.cpp.

The cells form a tree of runs. A run is a stretch of cells with a token each, at consecutive positions; a sequence is a
path from the root to the end of a run, so sequences with a common beginning read the same cells. The number of cells
in use is the sum of the runs' lengths. The same tokens may lie in two runs side by side, when two sequences
decoded them independently.

Who may read a run is decided by its ``scope``. A run of the product's own words (`PUBLIC`) serves everybody, but only
as far as the reader's own prompt is the product's words; any other run serves the tenant that decoded it.
There is no lookup that does not name a tenant.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

PUBLIC = None
"""Scope of runs that hold the product's own words."""


@dataclass(eq=False, slots=True)
class Run:
    """A stretch of cells. ``readers`` are the ids of the sequences whose path goes through it."""

    scope: str | None
    parent: "Run | None"
    tokens: list[int]
    readers: set[int] = field(default_factory=set[int])
    children: dict[int, list["Run"]] = field(default_factory=dict[int, list["Run"]])


@dataclass(eq=False, slots=True)
class CellSequence:
    """One sequence of llama.cpp: its id, whose it is, how many leading tokens are the product's own, its last run."""

    id: int
    tenant: str
    shared: int
    tail: Run
    length: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """The longest readable beginning: ``length`` tokens, of which the last ``offset`` lie in ``run``."""

    run: Run
    offset: int
    length: int


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """Return the number of equal tokens at the beginning of both."""
    limit = min(len(left), len(right))
    if left[:limit] == right[:limit]:
        return limit
    # Halving keeps the comparison in C: prompts have thousands of tokens.
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low


class CellTree:
    """The tree of runs."""

    def __init__(self) -> None:
        self._root = Run(PUBLIC, None, [])
        self._tails: dict[int, CellSequence] = {}
        self.used = 0

    @property
    def sequences(self) -> Iterator[CellSequence]:
        """Every sequence there is."""
        return iter(self._tails.values())

    def match(self, tokens: Sequence[int], tenant: str, shared: int) -> Match:
        """Find the longest beginning of ``tokens`` that ``tenant`` may read, of which ``shared`` are the product's."""
        best = Match(self._root, 0, 0)
        open_runs: list[tuple[Run, int]] = [(self._root, 0)]
        while open_runs:
            parent, at = open_runs.pop()
            if at >= len(tokens):
                continue
            for run in parent.children.get(tokens[at], ()):
                if run.scope is PUBLIC:
                    limit = shared - at
                elif run.scope == tenant:
                    limit = len(run.tokens)
                else:
                    continue
                if limit <= 0:
                    continue
                part = run.tokens if limit >= len(run.tokens) else run.tokens[:limit]
                n = common_length(part, tokens[at : at + len(part)])
                if at + n > best.length:
                    best = Match(run, n, at + n)
                if n == len(run.tokens):
                    open_runs.append((run, at + n))
        return best

    def fork(self, sequence_id: int, tenant: str, shared: int, match: Match) -> tuple[CellSequence, int | None]:
        """Make a sequence that begins with ``match``; also return the id of one that holds those cells, if any."""
        assert sequence_id not in self._tails
        run = self._cut(match.run, match.offset)
        donor = next(iter(run.readers)) if match.length else None
        sequence = CellSequence(sequence_id, tenant, shared, run, match.length)
        self._tails[sequence_id] = sequence
        node: Run | None = run
        while node is not None:
            node.readers.add(sequence_id)
            node = node.parent
        return sequence, donor

    def extend(self, sequence: CellSequence, tokens: Sequence[int]) -> None:
        """Append decoded tokens. They become the product's own up to ``sequence.shared``, the tenant's after it."""
        own = max(0, min(len(tokens), sequence.shared - sequence.length))
        if sequence.tail.scope is not PUBLIC:
            own = 0  # below a tenant's run everything is the tenant's
        self._append(sequence, PUBLIC, tokens[:own])
        self._append(sequence, sequence.tenant, tokens[own:])

    def _append(self, sequence: CellSequence, scope: str | None, tokens: Sequence[int]) -> None:
        if not tokens:
            return
        tail = sequence.tail
        if tail is not self._root and tail.scope == scope and not tail.children and len(tail.readers) == 1:
            tail.tokens += tokens
        else:
            run = Run(scope, tail, list(tokens), {sequence.id})
            tail.children.setdefault(tokens[0], []).append(run)
            sequence.tail = run
        sequence.length += len(tokens)
        self.used += len(tokens)

    def truncate(self, sequence: CellSequence, length: int) -> None:
        """Cut ``sequence`` down to its first ``length`` tokens."""
        assert 0 <= length <= sequence.length
        while sequence.length > length:
            tail = sequence.tail
            assert tail.parent is not None
            start = sequence.length - len(tail.tokens)
            if start < length:
                self._cut(tail, length - start)
                start = length
            self._leave(tail, sequence.id)
            sequence.tail, sequence.length = tail.parent, start

    def remove(self, sequence: CellSequence) -> None:
        """Forget ``sequence``; cells that no other one reads are free."""
        self.truncate(sequence, 0)
        self._root.readers.discard(sequence.id)
        del self._tails[sequence.id]

    def tokens_of(self, sequence: CellSequence) -> list[int]:
        """Return the tokens of ``sequence`` from the beginning."""
        runs = list(_path(sequence.tail))
        return [token for run in reversed(runs) for token in run.tokens]

    def own_cells(self, sequence: CellSequence) -> int:
        """Return how many cells would become free without ``sequence``."""
        return sum(len(run.tokens) for run in _path(sequence.tail) if len(run.readers) == 1)

    def cells_only_for(self, sequence_ids: AbstractSet[int]) -> int:
        """Return how many cells would become free without all of these sequences."""
        total = 0
        stack = [self._root]
        while stack:
            for children in stack.pop().children.values():
                for run in children:
                    if run.readers <= sequence_ids:
                        total += len(run.tokens)
                    stack.append(run)
        return total

    def _cut(self, run: Run, offset: int) -> Run:
        """Make a run end ``offset`` tokens into ``run``, and return the one that ends there."""
        if run is self._root or offset == len(run.tokens):
            return run
        parent = run.parent
        assert parent is not None
        assert 0 < offset < len(run.tokens)
        # The new run is the front part, so that sequences that end in `run` still do.
        front = Run(run.scope, parent, run.tokens[:offset], set(run.readers), {run.tokens[offset]: [run]})
        siblings = parent.children[run.tokens[0]]
        siblings[siblings.index(run)] = front
        run.parent, run.tokens = front, run.tokens[offset:]
        return front

    def _leave(self, run: Run, sequence_id: int) -> None:
        run.readers.discard(sequence_id)
        if run.readers:
            return
        parent = run.parent
        assert parent is not None
        assert not run.children
        siblings = parent.children[run.tokens[0]]
        siblings.remove(run)
        if not siblings:
            del parent.children[run.tokens[0]]
        self.used -= len(run.tokens)

    def check(self) -> None:
        """Verify that the tree is whole; raises `AssertionError`. For tests."""
        used = 0
        stack = [self._root]
        while stack:
            run = stack.pop()
            readers = {s.id for s in self._tails.values() if any(node is run for node in _with_root(s.tail))}
            assert run.readers == readers, "readers and paths differ"
            for token, children in run.children.items():
                assert children, "an empty list of children"
                for child in children:
                    assert child.tokens[0] == token
                    assert child.parent is run
                    assert child.readers
                    assert child.readers <= run.readers
                    assert run.scope is PUBLIC or child.scope == run.scope
                    used += len(child.tokens)
                    stack.append(child)
        assert used == self.used, f"{used} cells in the tree, {self.used} counted"
        for sequence in self._tails.values():
            assert sequence.length == sum(len(run.tokens) for run in _path(sequence.tail))


def _path(tail: Run) -> Iterator[Run]:
    """Yield the runs of a sequence from its end to its beginning, without the root."""
    run = tail
    while run.parent is not None:
        yield run
        run = run.parent


def _with_root(tail: Run) -> Iterator[Run]:
    run: Run | None = tail
    while run is not None:
        yield run
        run = run.parent
