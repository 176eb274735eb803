"""A radix tree of the tokens in the KV cells and the sequences that read them. Bookkeeping only; never calls llama.cpp.

A node is a stretch of cells at consecutive positions, one token each. A sequence is a path from the root to the end of
a node, so sequences with a common prefix share cells, and the cells in use are the sum of the nodes' lengths. The same
tokens may occur in two sibling nodes if two sequences decoded them independently.

A node's ``namespace`` limits its readers. A node of the product's own words (`PUBLIC`) serves all tenants, but only as
far as the reader's own prompt is the product's words; any other node serves only the tenant that decoded it. Every
lookup names a tenant.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

PUBLIC = None
"""Namespace of the product's own words."""


@dataclass(eq=False, slots=True)
class Node:
    """A stretch of cells. ``readers`` are the ids of the sequences whose path includes it."""

    namespace: str | None
    parent: "Node | None"
    tokens: list[int]
    readers: set[int] = field(default_factory=set[int])
    children: dict[int, list["Node"]] = field(default_factory=dict[int, list["Node"]])


@dataclass(eq=False, slots=True)
class CellSequence:
    """A llama.cpp sequence. Its first ``shared`` tokens are the product's own; ``tail`` is its last node."""

    id: int
    tenant: str
    shared: int
    tail: Node
    length: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """The longest readable prefix: ``length`` tokens, the last ``offset`` of them in ``node``."""

    node: Node
    offset: int
    length: int


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """Return the length of the common prefix."""
    limit = min(len(left), len(right))
    if left[:limit] == right[:limit]:
        return limit
    # Bisection keeps the comparison in C: prompts have thousands of tokens.
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low


class RadixTree:
    """The nodes of one context."""

    def __init__(self) -> None:
        self._root = Node(PUBLIC, None, [])
        self._tails: dict[int, CellSequence] = {}
        self.used = 0

    @property
    def sequences(self) -> Iterator[CellSequence]:
        """All sequences."""
        return iter(self._tails.values())

    def match(self, tokens: Sequence[int], tenant: str, shared: int) -> Match:
        """Find the longest prefix of ``tokens`` that ``tenant`` may read; ``shared`` as in `CellSequence`."""
        best = Match(self._root, 0, 0)
        open_nodes: list[tuple[Node, int]] = [(self._root, 0)]
        while open_nodes:
            parent, at = open_nodes.pop()
            if at >= len(tokens):
                continue
            for node in parent.children.get(tokens[at], ()):
                if node.namespace is PUBLIC:
                    limit = shared - at
                elif node.namespace == tenant:
                    limit = len(node.tokens)
                else:
                    continue
                if limit <= 0:
                    continue
                part = node.tokens if limit >= len(node.tokens) else node.tokens[:limit]
                n = common_length(part, tokens[at : at + len(part)])
                if at + n > best.length:
                    best = Match(node, n, at + n)
                if n == len(node.tokens):
                    open_nodes.append((node, at + n))
        return best

    def fork(self, sequence_id: int, tenant: str, shared: int, match: Match) -> tuple[CellSequence, int | None]:
        """Create a sequence that starts with ``match``; also return the id of one that holds those cells, if any."""
        assert sequence_id not in self._tails
        node = self._cut(match.node, match.offset)
        donor = next(iter(node.readers)) if match.length else None
        sequence = CellSequence(sequence_id, tenant, shared, node, match.length)
        self._tails[sequence_id] = sequence
        ancestor: Node | None = node
        while ancestor is not None:
            ancestor.readers.add(sequence_id)
            ancestor = ancestor.parent
        return sequence, donor

    def extend(self, sequence: CellSequence, tokens: Sequence[int]) -> None:
        """Append decoded tokens: public up to ``sequence.shared``, the tenant's from there on."""
        own = max(0, min(len(tokens), sequence.shared - sequence.length))
        if sequence.tail.namespace is not PUBLIC:
            own = 0  # everything below a tenant's node is the tenant's
        self._append(sequence, PUBLIC, tokens[:own])
        self._append(sequence, sequence.tenant, tokens[own:])

    def _append(self, sequence: CellSequence, namespace: str | None, tokens: Sequence[int]) -> None:
        if not tokens:
            return
        tail = sequence.tail
        if tail is not self._root and tail.namespace == namespace and not tail.children and len(tail.readers) == 1:
            tail.tokens += tokens
        else:
            node = Node(namespace, tail, list(tokens), {sequence.id})
            tail.children.setdefault(tokens[0], []).append(node)
            sequence.tail = node
        sequence.length += len(tokens)
        self.used += len(tokens)

    def truncate(self, sequence: CellSequence, length: int) -> None:
        """Truncate ``sequence`` to its first ``length`` tokens."""
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
        """Remove ``sequence``, freeing the cells that no other sequence reads."""
        self.truncate(sequence, 0)
        self._root.readers.discard(sequence.id)
        del self._tails[sequence.id]

    def tokens_of(self, sequence: CellSequence) -> list[int]:
        """Return the tokens of ``sequence``."""
        nodes = list(_path(sequence.tail))
        return [token for node in reversed(nodes) for token in node.tokens]

    def own_cells(self, sequence: CellSequence) -> int:
        """Return how many cells only ``sequence`` reads."""
        return sum(len(node.tokens) for node in _path(sequence.tail) if len(node.readers) == 1)

    def cells_only_for(self, sequence_ids: AbstractSet[int]) -> int:
        """Return how many cells are read by none but these sequences."""
        total = 0
        stack = [self._root]
        while stack:
            for children in stack.pop().children.values():
                for node in children:
                    if node.readers <= sequence_ids:
                        total += len(node.tokens)
                    stack.append(node)
        return total

    def _cut(self, node: Node, offset: int) -> Node:
        """Split ``node`` after ``offset`` tokens and return the part before."""
        if node is self._root or offset == len(node.tokens):
            return node
        parent = node.parent
        assert parent is not None
        assert 0 < offset < len(node.tokens)
        # The new node is the front part: sequences that end in `node` still do.
        front = Node(node.namespace, parent, node.tokens[:offset], set(node.readers), {node.tokens[offset]: [node]})
        siblings = parent.children[node.tokens[0]]
        siblings[siblings.index(node)] = front
        node.parent, node.tokens = front, node.tokens[offset:]
        return front

    def _leave(self, node: Node, sequence_id: int) -> None:
        node.readers.discard(sequence_id)
        if node.readers:
            return
        parent = node.parent
        assert parent is not None
        assert not node.children
        siblings = parent.children[node.tokens[0]]
        siblings.remove(node)
        if not siblings:
            del parent.children[node.tokens[0]]
        self.used -= len(node.tokens)

    def check(self) -> None:
        """Verify the tree's invariants. Raises `AssertionError`. For tests."""
        used = 0
        stack = [self._root]
        while stack:
            node = stack.pop()
            readers = {s.id for s in self._tails.values() if any(other is node for other in _with_root(s.tail))}
            assert node.readers == readers, "readers and paths differ"
            for token, children in node.children.items():
                assert children, "an empty list of children"
                for child in children:
                    assert child.tokens[0] == token
                    assert child.parent is node
                    assert child.readers
                    assert child.readers <= node.readers
                    assert node.namespace is PUBLIC or child.namespace == node.namespace
                    used += len(child.tokens)
                    stack.append(child)
        assert used == self.used, f"{used} cells in the tree, {self.used} counted"
        for sequence in self._tails.values():
            assert sequence.length == sum(len(node.tokens) for node in _path(sequence.tail))


def _path(tail: Node) -> Iterator[Node]:
    """Yield the nodes of a sequence from its tail up, without the root."""
    node = tail
    while node.parent is not None:
        yield node
        node = node.parent


def _with_root(tail: Node) -> Iterator[Node]:
    node: Node | None = tail
    while node is not None:
        yield node
        node = node.parent
