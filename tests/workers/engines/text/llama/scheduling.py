"""A scheduler with everything around it, on a model made of arithmetic."""

import random
from collections.abc import Callable

from tests.workers.engines.text.llama.simulated import END, FakeClock, Reader, SimulatedModel, expected, make_sequence
from workers.engines.text.llama.protocol import Done
from workers.engines.text.llama.server.cache import KvCache
from workers.engines.text.llama.server.scheduler import Limits, Scheduler
from workers.engines.text.llama.server.sequence import Sequence


class Bench:
    """A scheduler with everything around it."""

    def __init__(
        self,
        *,
        cells: int = 2000,
        max_num_seqs: int = 4,
        idle: int = 6,
        max_num_batched_tokens: int = 32,
        batch: int = 64,
        swap_bytes: int = 0,
        partial: bool = True,
    ) -> None:
        self.model = SimulatedModel(cells, max_num_seqs + idle + 1, partial=partial, batch=batch)
        self.cache = KvCache(
            self.model, cells=cells, sequences=max_num_seqs + idle + 1, idle=idle, swap_bytes=swap_bytes
        )
        self.clock = FakeClock()
        self.scheduler = Scheduler(
            self.model,
            self.cache,
            Limits(max_num_seqs=max_num_seqs, max_num_batched_tokens=max_num_batched_tokens, batch=batch),
            self.clock,
        )
        self.reader = Reader()
        self._numbers = iter(range(1, 100_000))

    def add(self, prompt: list[int], **more: object) -> Sequence:
        item = make_sequence(self.model, self.reader, next(self._numbers), prompt, arrived=self.clock.now, **more)  # pyright: ignore[reportArgumentType]
        self.scheduler.add(item)
        return item

    def run(self, until: Callable[[], bool] | None = None, steps: int = 20_000) -> None:
        for _ in range(steps):
            if until() if until is not None else not self.scheduler.busy:
                return
            self.scheduler.step()
        raise AssertionError("it does not come to an end")

    def check(self) -> None:
        """What must hold after every step."""
        tree = self.cache.tree
        tree.check()
        assert tree.used == self.model.used()
        for sequence in tree.sequences:
            assert tree.tokens_of(sequence) == self.model.visible(sequence.id)
        assert self.cache.used + self.cache.reserved <= self.cache.cells

    def check_answer(self, item: Sequence, prompt: list[int], max_tokens: int) -> None:
        tokens = expected(prompt, max_tokens)
        end = self.reader.ends[item.request.id]
        assert isinstance(end, Done)
        assert end.completion_tokens == len(tokens)
        assert end.finish_reason == ("stop" if tokens[-1] == END else "length")
        assert self.reader.tokens(item.request.id) == [token for token in tokens if token != END]


def prompt_of(seed: int, length: int) -> list[int]:
    return [random.Random(seed * 1000 + i).randrange(1, 1000) for i in range(length)]


def unending(length: int, wanted: int) -> list[int]:
    """Return a prompt whose answer does not end before ``wanted`` tokens."""
    return next(p for seed in range(10_000) if len(expected(p := prompt_of(seed, length), wanted)) == wanted)
