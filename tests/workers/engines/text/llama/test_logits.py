"""What a request computes does not depend on how it came to its beginning: read, shared, or put back."""

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

llama_cpp = pytest.importorskip("llama_cpp")

from tests.models.tiny_gguf import CONTEXT  # noqa: E402
from workers.engines.text.llama.protocol import LoadGguf  # noqa: E402
from workers.engines.text.llama.server.batch import BatchSegment  # noqa: E402
from workers.engines.text.llama.server.cache import KvCache  # noqa: E402
from workers.engines.text.llama.server.model import LlamaModel  # noqa: E402

TOLERANCE = 0.05
"""Largest difference of a logit between a request alone and in a batch, where logits have a deviation of about 1."""
Logits = np.ndarray[Any, np.dtype[np.float32]]


@pytest.fixture(scope="module")
def llama_model(model: Path) -> LlamaModel:
    load = LoadGguf(path=str(model), context=CONTEXT, cells=4 * CONTEXT, max_num_seqs=8, threads=1, flash=False)
    return LlamaModel(load, lambda: None)


@pytest.fixture
def cache(llama_model: LlamaModel) -> Iterator[KvCache]:
    cache = KvCache(
        llama_model.memory, cells=llama_model.cells, sequences=llama_model.sequences, idle=8, swap_bytes=2**26
    )
    yield cache
    cache.evict_idle()


def text(model: LlamaModel, seed: int, n: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(300, model.vocabulary_size - 300, n)]


def logits(model: LlamaModel, place: int) -> Logits:
    pointer = llama_cpp.llama_get_logits_ith(model.context, place)
    return np.array(np.ctypeslib.as_array(pointer, (model.vocabulary_size,)))


def read(
    model: LlamaModel, cache: KvCache, tokens: list[int], cut: int, *, tenant: str = "a", shared: int = 0
) -> tuple[Logits, int]:
    """Read ``tokens`` as a request of their own: the logits after the last, and how many were found in the cache.

    No batch goes beyond position ``cut``, so that what comes before and after it is read in batches of the same shape.
    """
    sequence = cache.open(tokens, tenant, shared, len(tokens) + 1)
    assert sequence is not None
    found = sequence.length
    result: Logits | None = None
    while sequence.length < len(tokens):
        part = tokens[sequence.length : cut if sequence.length < cut else len(tokens)]
        last = sequence.length + len(part) == len(tokens)
        (place,) = model.decode([BatchSegment(sequence.id, sequence.length, part, last)])
        cache.advance(sequence, part)
        result = logits(model, place) if last else None
    cache.close(sequence)
    assert result is not None
    return result, found


# Which cells a sequence has decides in which order numbers are added up, so these tests take care that they are the
# same, as they take care of the batches' shapes. Everybody is a tenant of their own: nothing comes back by chance.


def test_a_beginning_that_was_shared_gives_the_same_logits(llama_model: LlamaModel, cache: KvCache) -> None:
    persona, own = text(llama_model, 1, 300), text(llama_model, 2, 16)
    fresh, found = read(llama_model, cache, [*persona, *own], 300, tenant="a")
    assert found == 0
    cache.evict_idle()
    read(llama_model, cache, persona, 300, tenant="b", shared=300)
    shared, found = read(llama_model, cache, [*persona, *own], 300, tenant="c", shared=300)
    assert found == 300
    assert np.array_equal(fresh, shared)


def test_the_next_turn_gives_the_same_logits(llama_model: LlamaModel, cache: KvCache) -> None:
    first, second = text(llama_model, 4, 200), text(llama_model, 5, 16)
    fresh, _ = read(llama_model, cache, [*first, *second], 200, tenant="a")
    cache.evict_idle()
    read(llama_model, cache, first, 200, tenant="b")
    again, found = read(llama_model, cache, [*first, *second], 200, tenant="b")
    assert found == 200
    assert np.array_equal(fresh, again)


def test_a_conversation_that_was_put_back_gives_the_same_logits(llama_model: LlamaModel, cache: KvCache) -> None:
    first, second = text(llama_model, 6, 200), text(llama_model, 7, 16)
    fresh, _ = read(llama_model, cache, [*first, *second], 200)
    cache.evict_idle()
    read(llama_model, cache, first, 200, tenant="c")
    cache.evict_idle()
    assert cache.used == 0
    restored, found = read(llama_model, cache, [*first, *second], 200, tenant="c")
    assert found == 200
    assert cache.counts.swap_ins == 1
    assert np.array_equal(fresh, restored)


def test_alone_and_in_a_batch_agree_when_the_same_is_written(llama_model: LlamaModel, cache: KvCache) -> None:
    """Teacher forcing: the same 24 tokens follow, whatever the model would have drawn."""
    prompts = [text(llama_model, 10 + n, 30 + 7 * n) for n in range(6)]
    forced = [text(llama_model, 20 + n, 24) for n in range(6)]

    def run(chosen: list[int]) -> dict[int, list[Logits]]:
        sequences = {n: cache.open(prompts[n], f"{n}", 0, len(prompts[n]) + 30) for n in chosen}
        results: dict[int, list[Logits]] = {n: [] for n in chosen}
        for n, sequence in sequences.items():
            assert sequence is not None
            rest = prompts[n][sequence.length :]
            (place,) = llama_model.decode([BatchSegment(sequence.id, sequence.length, rest, True)])
            cache.advance(sequence, rest)
            results[n].append(logits(llama_model, place))
        for step in range(24):
            parts = [
                BatchSegment(s.id, s.length, [forced[n][step]], True) for n, s in sequences.items() if s is not None
            ]
            places = llama_model.decode(parts)
            for (n, sequence), place in zip(sequences.items(), places, strict=True):
                assert sequence is not None
                cache.advance(sequence, [forced[n][step]])
                results[n].append(logits(llama_model, place))
        for sequence in sequences.values():
            assert sequence is not None
            cache.close(sequence)
        cache.evict_idle()
        return results

    together = run([*range(6)])
    worst = 0.0
    for n in range(6):
        alone = run([n])[n]
        worst = max(worst, *(float(np.abs(a - b).max()) for a, b in zip(alone, together[n], strict=True)))
    assert worst < TOLERANCE


def test_a_damaged_state_is_refused_and_leaves_nothing(llama_model: LlamaModel, cache: KvCache) -> None:
    read(llama_model, cache, text(llama_model, 30, 100), 100)
    memory = llama_model.memory
    state = memory.save(next(iter(cache.tree.sequences)).id)
    free = llama_model.sequences - 1
    assert memory.restore(free, state)
    memory.truncate(free, 0)
    half = (ctypes.c_uint8 * (len(state) // 2)).from_buffer_copy(state)
    assert not memory.restore(free, half)
    position: Callable[..., int] = llama_cpp.llama_memory_seq_pos_max
    assert position(llama_cpp.llama_get_memory(llama_model.context), free) == -1
