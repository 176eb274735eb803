"""A model made of arithmetic: its next token is a function of the tokens that its sequence can see in the cells.

It stands for llama.cpp's memory and decode, and is stricter: a wrong use is an error at once.
"""

import hashlib
from collections import abc
from dataclasses import dataclass, field
from typing import Any

from workers.engines.processes.messages import Failed, WireMessage
from workers.engines.text.llama.protocol import Done, Pieces
from workers.engines.text.llama.server.batch import BatchSegment
from workers.engines.text.llama.server.scheduler import NoCells
from workers.engines.text.llama.server.sequence import Detokenizer, Request, Sequence

END = 0
"""Token that ends an answer."""
VOCABULARY = 50


def next_token(seen: abc.Sequence[int]) -> int:
    """Return the token after ``seen``."""
    digest = hashlib.blake2b(repr(list(seen)).encode(), digest_size=2).digest()
    return int.from_bytes(digest, "big") % VOCABULARY


def expected(prompt: abc.Sequence[int], max_tokens: int) -> list[int]:
    """Return what follows ``prompt``, including an `END`."""
    seen = list(prompt)
    while len(seen) < len(prompt) + max_tokens:
        seen.append(next_token(seen))
        if seen[-1] == END:
            break
    return seen[len(prompt) :]


@dataclass(eq=False)
class Cell:
    """One cell; in use while a sequence reads it."""

    token: int
    readers: set[int] = field(default_factory=set[int])


class SimulatedModel:
    """Decoder and memory in one."""

    def __init__(self, cells: int, sequences: int, *, partial: bool = True, batch: int = 512) -> None:
        self.partial = partial
        self.decoded = 0
        """Tokens that went through the model."""
        self.steps = 0
        self.refuse = 0
        """So many decodes are refused for want of cells."""
        self.saves = True
        """False: `save` fails."""
        self._capacity, self._sequences, self._batch = cells, sequences, batch
        self._cells: dict[int, list[Cell]] = {n: [] for n in range(sequences)}
        self._drawn: dict[int, list[int]] = {}

    def used(self) -> int:
        """Return the number of cells in use."""
        return len({id(cell) for cells in self._cells.values() for cell in cells})

    def shrink(self, cells: int) -> None:
        """Have less room than was said."""
        self._capacity = cells

    def visible(self, sequence: int) -> list[int]:
        """Return the tokens that ``sequence`` sees."""
        return [cell.token for cell in self._cells[sequence]]

    def decode(self, parts: abc.Sequence[BatchSegment]) -> list[int]:
        """See `workers.engines.text.llama.server.scheduler.Decoder`."""
        count = sum(len(part.tokens) for part in parts)
        assert 0 < count <= self._batch
        assert len({part.sequence for part in parts}) == len(parts)
        if self.refuse:
            self.refuse -= 1
            raise NoCells
        if self.used() + count > self._capacity:
            raise NoCells
        self._drawn.clear()
        places: list[int] = []
        at = 0
        for part in parts:
            cells = self._cells[part.sequence]
            assert part.start == len(cells), "a gap, or a position that is taken"
            assert part.tokens
            cells += [Cell(token, {part.sequence}) for token in part.tokens]
            at += len(part.tokens)
            places.append(at - 1)
            if part.wants_logits:
                self._drawn[at - 1] = self.visible(part.sequence)
        self.decoded += count
        self.steps += 1
        return places

    def sample(self, index: int) -> int:
        """Return the next token at output ``index`` of the last decode."""
        return next_token(self._drawn[index])

    def piece(self, token: int) -> bytes:
        """Return the token's text."""
        return f"{token} ".encode()

    def ends_turn(self, token: int) -> bool:
        """Tell whether ``token`` is `END`."""
        return token == END

    def copy(self, source: int, target: int, end: int) -> None:
        """See `workers.engines.text.llama.server.cache.Memory`."""
        assert self.partial or end == len(self._cells[source])
        assert not self._cells[target]
        assert end <= len(self._cells[source])
        self._cells[target] = self._cells[source][:end]
        for cell in self._cells[target]:
            cell.readers.add(target)

    def truncate(self, sequence: int, length: int) -> None:
        """See `workers.engines.text.llama.server.cache.Memory`."""
        cells = self._cells[sequence]
        assert length <= len(cells)
        assert self.partial or length in {0, len(cells)}
        for cell in cells[length:]:
            cell.readers.discard(sequence)
        del cells[length:]

    def state_size(self, sequence: int) -> int:
        """Return ten bytes per token."""
        return 10 * len(self._cells[sequence])

    def save(self, sequence: int) -> Any:
        """Return the state."""
        return b"".join(b"%10d" % token for token in self.visible(sequence)) if self.saves else b""

    def restore(self, sequence: int, state: Any) -> bool:
        """Take up a saved state."""
        assert not self._cells[sequence]
        tokens = [int(state[at : at + 10]) for at in range(0, len(state), 10)]
        assert self.used() + len(tokens) <= self._capacity
        self._cells[sequence] = [Cell(token, {sequence}) for token in tokens]
        return True


class Reader:
    """A client that remembers what it was sent."""

    def __init__(self) -> None:
        self.blocked = False
        self.texts: dict[int, str] = {}
        self.ends: dict[int, Done | Failed] = {}

    def send(self, event: WireMessage, data: bytes = b"") -> None:
        """Take an event; anything after the end of its request is an error."""
        match event:
            case Pieces():
                for number, text in event.texts:
                    assert number not in self.ends, "text after the end"
                    self.texts[number] = self.texts.get(number, "") + text
            case Done() | Failed():
                assert event.id not in self.ends, "a second end"
                self.ends[event.id] = event
            case _:
                raise AssertionError(f"unexpected {event}")

    def tokens(self, number: int) -> list[int]:
        """Return the tokens that request ``number`` was sent."""
        return [int(token) for token in self.texts.get(number, "").split()]


class FakeClock:
    """A clock that is set by hand. Each look takes a microsecond."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


def make_sequence(
    model: SimulatedModel,
    reader: Reader,
    number: int,
    prompt: abc.Sequence[int],
    *,
    tenant: str = "a",
    max_tokens: int = 20,
    shared: int = 0,
    priority: int = 0,
    arrived: float = 0.0,
) -> Sequence:
    """Return a request as the preparation would make it."""
    freed: list[bool] = []

    def free() -> None:
        assert not freed, "freed twice"
        assert number in reader.ends, "freed before its end was sent: the process might end in between"
        freed.append(True)

    return Sequence(
        request=Request(reader, number),
        tenant=tenant,
        priority=priority,
        tokens=list(prompt),
        shared=shared,
        max_tokens=max_tokens,
        detokenizer=Detokenizer((), None),
        sample=model.sample,
        free=free,
        arrived=arrived,
    )
