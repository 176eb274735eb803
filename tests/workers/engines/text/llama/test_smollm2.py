"""A real model in the engine: its own chat template, end of turn and quantisation. Few tokens: it takes its time."""

import json
from collections.abc import AsyncIterator

import llama_cpp
import pytest

from prompts.registry import default_registry
from prompts.render import render
from tests.models.smollm2 import smollm2
from tests.models.tiny_vocabulary import Vocabulary
from tests.workers.engines.text.asking import ask, collect
from tests.workers.engines.text.llama.echoes import Tokenizer, check_echoes
from workers.engines.text.base import ModelMessage, Sampling, TextRequest, generate
from workers.engines.text.gguf_file import read_header
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.llama.server import native
from workers.functions.memory.extract_facts import ExtractFacts, FactInputs, FactLine

GREEDY = Sampling(max_tokens=12, temperature=0.0)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Its vocabulary: control tokens come first, and none is user-defined."""
    native.start_backend()
    loaded = Vocabulary(smollm2())
    count = llama_cpp.llama_vocab_n_tokens(loaded.handle)
    kinds = [llama_cpp.llama_vocab_get_attr(loaded.handle, token) for token in range(count)]
    controls = [token for token, kind in enumerate(kinds) if kind & llama_cpp.LLAMA_TOKEN_ATTR_CONTROL]
    assert controls == list(range(len(controls)))
    assert not any(kind & llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED for kind in kinds)
    return Tokenizer(loaded.handle, len(controls), ())


def test_nothing_that_was_written_becomes_a_control_token(tokenizer: Tokenizer) -> None:
    assert tokenizer.control_of(tokenizer("<|im_start|>", special=True))
    check_echoes(tokenizer, str(read_header(smollm2()).metadata["tokenizer.chat_template"]))


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[LlamaEngine]:
    engine = LlamaEngine(smollm2(), context=1024, threads=1)
    yield engine
    await engine.close()


async def test_it_answers_in_pieces_and_ends_its_turn_itself(engine: LlamaEngine) -> None:
    messages = (
        ModelMessage("system", "You answer in one short sentence."),
        ModelMessage("user", "What is the capital of France?"),
    )
    pieces, completion = await collect(engine, TextRequest("paris", messages, GREEDY))
    assert completion.text == "The capital of France is Paris."
    assert "".join(pieces) == completion.text
    assert len(pieces) > 3
    assert completion.finish_reason == "stop"


async def test_it_is_counted_as_it_reads(engine: LlamaEngine) -> None:
    told = (
        ModelMessage("system", "You keep a lighthouse. You like tea, birds and bad poetry, and you never hurry."),
        ModelMessage("user", "Good evening! What do you keep?"),
    )
    first = await generate(engine, TextRequest("first", told, GREEDY))
    assert first.usage.prompt_tokens == await engine.count_messages(told)
    more = (*told, ModelMessage("assistant", first.text), ModelMessage("user", "And what do you like?"))
    second = await generate(engine, TextRequest("second", more, GREEDY))
    assert second.usage.prompt_tokens == await engine.count_messages(more)


async def test_a_schema_holds_it(engine: LlamaEngine) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "why": {"type": "string", "maxLength": 40}},
        "required": ["colour", "why"],
        "additionalProperties": False,
    }
    request = ask("Which colour has grass, and why?", sampling=Sampling(max_tokens=60, seed=1), schema=schema)
    answer = json.loads((await generate(engine, request)).text)
    assert answer["colour"] in {"red", "green"}
    assert 0 <= len(answer["why"]) <= 40


@pytest.mark.slow
async def test_what_it_remembers_stands_in_what_was_said(engine: LlamaEngine) -> None:
    function = ExtractFacts()
    said = FactLine(speaker="Sam", text="I live in Brest with my sister Anna, and I am afraid of dogs.")
    inputs = FactInputs(lines=[said], names=["Sam"])
    template = default_registry().get(function.prompt, "small")
    messages = await render(template, {**await function.prepare(inputs), "rating": "general"})
    asked = tuple(ModelMessage(message.role, message.text) for message in messages)
    sampling = Sampling(max_tokens=60, temperature=0.0)
    answer = await generate(engine, TextRequest("facts", asked, sampling, pattern=function.pattern(inputs, "")))
    for fact in (await function.parse(answer.text, inputs)).facts:
        assert fact.about == "Sam"
        assert any(word in fact.fact for word in ("Brest", "Anna", "dogs"))
