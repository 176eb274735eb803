"""Tokens drawn from a real context and from made-up logits."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import llama_cpp
import numpy as np
import numpy.typing as npt
import pytest

from tests.models.tiny_gguf import IM_END, IM_START, TOOL
from workers.engines.text.base import DRY_ALLOWED
from workers.engines.text.llama.protocol import SamplingParams
from workers.engines.text.llama.server import native
from workers.engines.text.llama.server.json_constraint import JsonConstraints
from workers.engines.text.llama.server.sampler import NothingToSample, Sampler, SamplerBuffers, _best

SIZE = 2048
CHOICES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 12},
        "mood": {"enum": ["calm", "grim"]},
        "score": {"type": "integer", "minimum": 0, "maximum": 10},
        "ready": {"type": "boolean"},
    },
    "required": ["title", "mood", "score", "ready"],
    "additionalProperties": False,
}


def how(**changes: Any) -> SamplingParams:
    plain: dict[str, Any] = {
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repeat_penalty": 1.0,
        "seed": 1,
    }
    return SamplingParams(max_tokens=100, **(plain | changes))


@dataclass
class TinyModel:
    """The tiny model with one context."""

    vocab: Any
    context: Any
    buffers: SamplerBuffers
    pieces: list[bytes]
    constraints: JsonConstraints

    def decode(self, tokens: list[int], outputs: tuple[int, ...] = (), *, anew: bool = True) -> None:
        """Decode ``tokens`` with logits at ``outputs``, at the last one by default."""
        memory: Any = llama_cpp.llama_get_memory(self.context)
        if anew:
            llama_cpp.llama_memory_clear(memory, True)
        start = int(llama_cpp.llama_memory_seq_pos_max(memory, 0)) + 1
        batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for at, token in enumerate(tokens):
            batch.token[at], batch.pos[at], batch.n_seq_id[at], batch.seq_id[at][0] = token, start + at, 1, 0
            batch.logits[at] = at in (outputs or (len(tokens) - 1,))
        assert llama_cpp.llama_decode(self.context, batch) == 0
        llama_cpp.llama_batch_free(batch)

    def logits(self, index: int) -> npt.NDArray[np.float32]:
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.context, index), (SIZE,)).copy()

    def sampler(self, schema: dict[str, Any] | None = None, **changes: Any) -> Sampler:
        constraint = None if schema is None else self.constraints.constraint(schema)
        return Sampler(self.vocab, how(**changes), constraint, self.buffers)

    def token(self, piece: bytes) -> int:
        return self.pieces.index(piece)


@pytest.fixture(scope="module")
def loaded(model: Path) -> Iterator[TinyModel]:
    native.start_backend()
    handle = native.load_model(str(model), 0, lambda: None)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_threads, params.n_threads_batch = 1024, 1, 1
    context: Any = llama_cpp.llama_init_from_model(handle, params)
    vocab: Any = llama_cpp.llama_model_get_vocab(handle)
    ends = [token for token in range(SIZE) if llama_cpp.llama_vocab_is_eog(vocab, token)]
    pieces = [native.token_bytes(vocab, token) for token in range(SIZE)]
    yield TinyModel(vocab, context, SamplerBuffers(SIZE), pieces, JsonConstraints(vocab, ends))
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(handle)


def favouring(*tokens: int) -> npt.NDArray[np.float32]:
    """Return logits by which each of ``tokens`` is a little less likely than the one before, and all others hardly."""
    logits = np.zeros(SIZE, np.float32)
    for place, token in enumerate(tokens):
        logits[token] = 40 - place
    return logits


def test_each_output_of_a_batch_has_its_own_logits(loaded: TinyModel) -> None:
    loaded.decode([10, 20, 30, 40], outputs=(1, 3))
    greedy = loaded.sampler(temperature=0)
    expected = {index: int(loaded.logits(index).argmax()) for index in (1, 3)}
    assert {index: greedy.sample(loaded.context, index) for index in (1, 3)} == expected
    assert greedy.sample(loaded.context, -1) == expected[3]
    with pytest.raises(NothingToSample):
        greedy.sample(loaded.context, 7)
    greedy.close()


def test_a_seed_decides(loaded: TinyModel) -> None:
    loaded.decode([10, 20, 30])

    def some(seed: int) -> list[int]:
        sampler = loaded.sampler(seed=seed, temperature=2.0)
        tokens = [sampler.sample(loaded.context, -1) for _ in range(12)]
        sampler.close()
        return tokens

    assert some(5) == some(5) != some(6)
    # The largest number of 32 bits means chance to llama.cpp.
    assert some(2**32 - 1) == some(2**32 - 1)


def test_top_k_and_the_repetition_penalty(loaded: TinyModel) -> None:
    few = loaded.sampler(top_k=3, temperature=100.0)
    logits = favouring(100, 200, 300, 400, 500)
    assert {few.sample_from(logits) for _ in range(200)} == {100, 200, 300}
    few.close()
    penalised = loaded.sampler(temperature=0, repeat_penalty=2.0)
    assert [penalised.sample_from(logits) for _ in range(4)] == [100, 200, 300, 400]
    penalised.close()


def test_what_was_told_or_written_is_not_said_again(loaded: TinyModel) -> None:
    said = list(range(100, 110))

    def repeats(**changes: Any) -> list[int]:
        sampler = Sampler(loaded.vocab, how(temperature=0, **changes), None, loaded.buffers, told=[*said, 600])
        tokens = [sampler.sample_from(favouring(token, 700)) for token in said]
        sampler.close()
        return tokens

    assert repeats() == said
    kept = repeats(dry=2.0)
    # As many tokens as a name has may be said again.
    assert kept[:DRY_ALLOWED] == said[:DRY_ALLOWED]
    assert 700 in kept


def test_the_likeliest_may_be_passed_over(loaded: TinyModel) -> None:
    logits = favouring(100, 200, 300)
    bold = loaded.sampler(xtc=1.0)
    assert {bold.sample_from(logits) for _ in range(50)} <= {200, 300}
    bold.close()
    plain, dynamic = loaded.sampler(), loaded.sampler(dynamic=1.0)
    shares = [sum(each.sample_from(logits) == 100 for _ in range(300)) / 300 for each in (plain, dynamic)]
    # The model is certain, so the temperature sinks.
    assert shares[0] < 0.8 < 0.9 < shares[1]
    plain.close()
    dynamic.close()


@pytest.mark.parametrize("size", [300, 5000, 40_000])
@pytest.mark.parametrize("kind", ["dice", "ties", "mostly refused", "sorted", "equal"])
def test_the_best_of_a_vocabulary(size: int, kind: str) -> None:
    logits = np.random.default_rng(size).standard_normal(size, dtype=np.float32)
    match kind:
        case "ties":
            logits = np.round(logits)
        case "mostly refused":
            logits[100:] = -np.inf
        case "sorted":
            logits = np.sort(logits)
        case "equal":
            logits[:] = 1.0
        case _:
            pass
    best = _best(logits, 256)
    assert len(set(best.tolist())) == 256
    np.testing.assert_array_equal(np.sort(logits[best]), np.sort(logits)[-256:])


@pytest.mark.parametrize("schema", [None, {"type": "string"}])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_logits_that_are_not_numbers(loaded: TinyModel, schema: dict[str, Any] | None, spoilt: float) -> None:
    sampler = loaded.sampler(schema)
    logits = np.zeros(SIZE, np.float32)
    logits[7] = spoilt
    with pytest.raises(NothingToSample):
        sampler.sample_from(logits)
    with pytest.raises(NothingToSample):
        sampler.sample_from(np.full(SIZE, -np.inf, np.float32))
    sampler.close()


def test_the_end_comes_when_the_value_is_complete_and_not_before(loaded: TinyModel) -> None:
    one, two = loaded.token(b"1"), loaded.token(b"2")
    for temperature in (0.0, 1.5):
        sampler = loaded.sampler({"const": 12}, temperature=temperature)
        logits = favouring(IM_END, IM_START, TOOL, 7)
        logits[IM_END] = 90
        logits[[one, two]] = 20
        assert [sampler.sample_from(logits) for _ in range(2)] == [one, two]
        assert sampler.sample_from(favouring(one, two, IM_START)) == IM_END
        sampler.close()


def test_control_tokens_are_no_text_of_a_string(loaded: TinyModel) -> None:
    sampler = loaded.sampler({"type": "string", "maxLength": 40}, temperature=0)
    quote = loaded.token(b'"')
    assert sampler.sample_from(favouring(quote)) == quote
    drawn = sampler.sample_from(favouring(IM_START, 0, 1, loaded.token(b"x")))
    assert drawn == loaded.token(b"x")
    sampler.close()


def test_overlong_utf8_is_not_taken_for_what_it_stands_for(loaded: TinyModel) -> None:
    sampler = loaded.sampler({"type": "string"}, temperature=0)
    byte = {value: loaded.token(bytes([value])) for value in (0xC0, 0xE0, 0xE2, 0x80, 0xA2, 0xED, 0xA0, 0xF5)}
    quote, x = loaded.token(b'"'), loaded.token(b"x")
    assert sampler.sample_from(favouring(quote)) == quote
    for wrong in (0xC0, 0xF5, 0x80):
        assert sampler.sample_from(favouring(byte[wrong], x)) == x
    for first, wrong, right in ((0xE0, 0x80, 0xA2), (0xED, 0xA0, 0x80), (0xE2, 0xC0, 0x80)):
        assert sampler.sample_from(favouring(byte[first], x)) == byte[first]
        assert sampler.sample_from(favouring(byte[wrong], x, IM_END, byte[right])) == byte[right]
        assert sampler.sample_from(favouring(x, byte[0x80])) == byte[0x80]
    sampler.close()


def test_a_model_that_has_nothing_allowed(loaded: TinyModel) -> None:
    sampler = loaded.sampler({"const": True})
    logits = np.full(SIZE, -np.inf, np.float32)
    logits[7] = 0
    with pytest.raises(NothingToSample):
        sampler.sample_from(logits)
    sampler.close()


def test_made_in_one_thread_and_used_in_another(loaded: TinyModel) -> None:
    made: list[Sampler] = []
    thread = threading.Thread(target=lambda: made.extend([loaded.sampler(), loaded.sampler({"const": True})]))
    thread.start()
    thread.join()
    loaded.decode([10, 20, 30])
    assert 0 <= made[0].sample(loaded.context, -1) < SIZE
    assert b"true".startswith(loaded.pieces[made[1].sample(loaded.context, -1)])
    for sampler in made:
        sampler.close()
        sampler.close()


def test_generations_of_one_schema_do_not_meet(loaded: TinyModel) -> None:
    true, false = loaded.sampler({"type": "boolean"}), loaded.sampler({"type": "boolean"})
    written = {true: b"", false: b""}
    for _ in range(6):
        for sampler, letter in ((true, b"t"), (false, b"f")):
            written[sampler] += loaded.pieces[sampler.sample_from(favouring(loaded.token(letter)))]
    true.close()
    false.close()
    assert written == {true: b"true", false: b"false"}


def test_what_the_random_model_writes_fits_the_schema(loaded: TinyModel) -> None:
    prompt = native.tokenize(loaded.vocab, "<|im_start|>assistant\n", special=True)
    for seed in range(20):
        samplers = [loaded.sampler(CHOICES, seed=seed, temperature=t) for t in (0.7, 2.0)]
        for sampler in samplers:
            loaded.decode(prompt)
            written = b""
            while (token := sampler.sample(loaded.context, -1)) != IM_END:
                if llama_cpp.llama_vocab_is_eog(loaded.vocab, token):
                    break
                written += loaded.pieces[token]
                loaded.decode([token], anew=False)
            jsonschema.validate(json.loads(written.decode()), CHOICES)
            sampler.close()
