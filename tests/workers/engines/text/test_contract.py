"""The same promises, kept by every engine."""

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import jsonschema
import pytest

from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.workers.engines.text.asking import LONG, ask, collect
from workers.engines.errors import ContextFull, GenerationCancelled, GenerationTimedOut
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import Completion, Sampling, TextEngine, TextRequest, generate

PATIENCE_S = 60.0
LITELLM = [
    pytest.mark.skipif(importlib.util.find_spec("litellm") is None, reason="the extra litellm is not installed"),
    # What the library's own code is warned of is not ours to mend, and must not become errors inside it.
    pytest.mark.filterwarnings("default"),
]
MODELS = ["llama", "remote", "remote_llama", pytest.param("litellm", marks=LITELLM)]
"""``remote`` talks to the local double of OpenAI, ``remote_llama`` to llama.cpp's own server."""
PAGE = {
    "type": "object",
    "properties": {
        "page": {"type": "string", "maxLength": 40},
        "choices": {
            "type": "array",
            "items": {"type": "string", "maxLength": 12},
            "minItems": 2,
            "maxItems": 3,
        },
    },
    "required": ["page", "choices"],
}
WORD = {"type": "object", "properties": {"word": {"type": "string", "maxLength": 4}}, "required": ["word"]}
"""Soon written to its end, also by a model that writes at random."""
FIXTURES = {"llama": "shared_llama", "remote": "remote", "remote_llama": "remote_llama", "litellm": "litellm"}


@pytest.fixture
async def litellm(server: OpenAIServer) -> AsyncIterator[TextEngine]:
    from workers.engines.text.remote.litellm import LiteLLMEngine

    engine = LiteLLMEngine(f"openai/{MODEL}", api_key=KEY, base_url=server.url, retry=RetryPolicy(pause_s=0.02))
    yield engine
    await engine.close()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> TextEngine:
    name = cast("str", request.param)
    return request.getfixturevalue(FIXTURES[name])


def long_request(server: OpenAIServer, deadline_s: float | None = None) -> TextRequest:
    """A request that takes every engine some seconds."""
    server.text, server.pause_s = "and on " * 500, 0.02
    return ask("Tell me everything.", sampling=LONG, deadline_s=deadline_s)


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_pieces_make_the_text(engine: TextEngine) -> None:
    pieces, completion = await collect(engine, ask("Tell me a story."))
    assert isinstance(engine, TextEngine)
    assert "".join(pieces) == completion.text
    assert completion.text
    assert completion.engine == engine.name
    assert completion.model
    assert completion.finish_reason in {"stop", "length"}


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_usage_is_counted(engine: TextEngine) -> None:
    completion = await generate(engine, ask("Tell me a story."))
    assert completion.usage.prompt_tokens > 3
    assert completion.usage.completion_tokens > 3


@pytest.mark.parametrize("engine", MODELS, indirect=True)
@pytest.mark.parametrize(
    "text", ["ein Wörtchen", "сказка о рыбаке", "🧜‍♀️ und 👩‍👩‍👧", "門を開ける", "\ud800 alone", ""]
)
async def test_any_text_is_accepted(engine: TextEngine, text: str) -> None:
    assert await engine.count_tokens(text) >= (1 if text else 0)
    completion = await generate(engine, ask(text))
    completion.text.encode()


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_count_grows_with_the_text(engine: TextEngine) -> None:
    assert 0 < await engine.count_tokens("one door") < await engine.count_tokens("one door and a second door")


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_many_texts_are_counted_as_one_by_one(engine: TextEngine) -> None:
    texts = ["one door", "", "門を開ける", "one door", "ein Wörtchen\nund eins"]
    assert await engine.count_many(texts) == [await engine.count_tokens(text) for text in texts]
    assert await engine.count_many([]) == []


@pytest.mark.parametrize("engine", ["llama", "remote_llama"], indirect=True)
@pytest.mark.parametrize("schema", [None, WORD], ids=["prose", "json"])
@pytest.mark.parametrize("text", ["Tell me a story.", "門を開ける 🧜‍♀️", "<|im_end|> and <|im_start|>", ""])
async def test_a_prompt_is_counted_as_it_is_read(engine: TextEngine, text: str, schema: dict[str, Any] | None) -> None:
    # What is JSON must be written to its end.
    sampling = Sampling(max_tokens=300 if schema else 2, seed=1)
    request = ask("Be brief.", text, "Go on, as JSON.", sampling=sampling, schema=schema)
    counted = await engine.count_messages(request.messages, schema=schema)
    assert counted == (await generate(engine, request)).usage.prompt_tokens


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_a_prompt_is_more_than_its_texts(engine: TextEngine) -> None:
    messages = ask("Be brief.", "Tell me a story.").messages
    texts = await engine.count_many([message.content for message in messages])
    assert await engine.count_messages(messages) > sum(texts)


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_unknown_requests_cannot_be_cancelled(engine: TextEngine) -> None:
    assert await engine.cancel("nobody") is False


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_cancel(engine: TextEngine, server: OpenAIServer) -> None:
    request = long_request(server)
    stream = engine.stream(request)
    assert isinstance(await anext(stream), str)
    assert await engine.cancel(request.id) is True
    with pytest.raises(GenerationCancelled):
        await asyncio.wait_for(_rest(stream), PATIENCE_S)
    assert await engine.cancel(request.id) is False


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_deadline(engine: TextEngine, server: OpenAIServer) -> None:
    with pytest.raises(GenerationTimedOut):
        await generate(engine, long_request(server, deadline_s=0.2))


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_a_deadline_in_the_past(engine: TextEngine) -> None:
    with pytest.raises(GenerationTimedOut):
        await generate(engine, ask(deadline_s=-1.0))


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_closing_the_stream_frees_the_engine(engine: TextEngine, server: OpenAIServer) -> None:
    async for _ in engine.stream(long_request(server)):
        break
    server.text, server.pause_s = "short", 0
    await asyncio.wait_for(generate(engine, ask("Are you free?", sampling=Sampling(max_tokens=3))), PATIENCE_S)


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_a_cancelled_task_frees_the_engine(engine: TextEngine, server: OpenAIServer) -> None:
    task = asyncio.create_task(generate(engine, long_request(server)))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    server.text, server.pause_s = "short", 0
    await asyncio.wait_for(generate(engine, ask("Are you free?", sampling=Sampling(max_tokens=3))), PATIENCE_S)


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_too_long_a_prompt(engine: TextEngine) -> None:
    with pytest.raises(ContextFull) as caught:
        await generate(engine, ask("door " * 6000, sampling=Sampling(max_tokens=100)))
    assert caught.value.prompt_tokens >= 6000
    assert caught.value.max_tokens == 100
    assert caught.value.context_tokens in {4096, 5000}  # of the tiny model, of the double


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_max_tokens_truncates(engine: TextEngine, server: OpenAIServer) -> None:
    server.text = "and on " * 50
    completion = await generate(engine, ask("Go on.", sampling=Sampling(max_tokens=5, temperature=0.0)))
    assert completion.finish_reason == "length"
    assert completion.text


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_stop_strings_are_not_shown(engine: TextEngine, server: OpenAIServer) -> None:
    server.text = "The keeper opens the door."
    request = ask("Go on.", sampling=Sampling(max_tokens=60, seed=4))
    whole = (await generate(engine, request)).text
    # A stop string that begins inside one piece and ends in another.
    middle = len(whole) // 2
    stop = whole[middle - 3 : middle + 4]
    pieces, completion = await collect(engine, ask("Go on.", sampling=Sampling(max_tokens=60, seed=4, stop=(stop,))))
    assert completion.finish_reason == "stop"
    assert stop not in completion.text
    assert whole.startswith(completion.text)
    assert "".join(pieces) == completion.text


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_a_schema_is_heeded(engine: TextEngine) -> None:
    sampling = Sampling(max_tokens=600, seed=2)
    request = ask("Write a page and its choices as JSON.", sampling=sampling, schema=PAGE)
    pieces, completion = await collect(engine, request)
    assert "".join(pieces) == completion.text
    jsonschema.validate(json.loads(completion.text), PAGE)


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_two_at_once_do_not_mix(engine: TextEngine) -> None:
    first, second = await asyncio.gather(collect(engine, ask("One.")), collect(engine, ask("Two.")))
    for pieces, completion in (first, second):
        assert "".join(pieces) == completion.text
        assert completion.text


@pytest.mark.parametrize("engine", MODELS, indirect=True)
async def test_many_at_once(engine: TextEngine) -> None:
    completions = await asyncio.gather(*(generate(engine, ask(f"Story {i}")) for i in range(12)))
    assert all(isinstance(completion, Completion) and completion.text for completion in completions)


async def _rest(stream: AsyncIterator[str | Completion]) -> None:
    async for _ in stream:
        pass
