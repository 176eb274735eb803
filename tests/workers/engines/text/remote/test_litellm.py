"""The LiteLLM adapter, against the double; the same promises as every engine are in test_contract.py."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.doubles.openai.server import KEY, MODEL, Fault, OpenAIServer
from tests.workers.engines.text.asking import ask, collect
from workers.engines.errors import (
    ContextFull,
    EngineOverloaded,
    EngineUnavailable,
    GenerationCancelled,
    GenerationTimedOut,
    RequestRefused,
)
from workers.engines.retry import ATTEMPTS, RetryPolicy
from workers.engines.text.base import Sampling, generate
from workers.engines.text.remote import Timeouts
from workers.engines.text.remote.litellm import LiteLLMEngine
from workers.engines.text.remote_settings import Price

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("litellm") is None, reason="the extra litellm is not installed"),
    # What the library's own code is warned of is not ours to mend, and must not become errors inside it.
    pytest.mark.filterwarnings("default"),
]
SCHEMA = {"type": "object", "properties": {"page": {"type": "string"}}}


@pytest.fixture
async def engine(server: OpenAIServer) -> AsyncIterator[LiteLLMEngine]:
    engine = adapter(server)
    yield engine
    await engine.close()


def adapter(server: OpenAIServer, model: str = MODEL, key: str = KEY, **changes: Any) -> LiteLLMEngine:
    return LiteLLMEngine(
        f"openai/{model}", api_key=key, base_url=server.url, retry=RetryPolicy(pause_s=0.02), **changes
    )


async def test_text_usage_and_names(engine: LiteLLMEngine, server: OpenAIServer) -> None:
    pieces, completion = await collect(engine, ask())
    assert len(pieces) > 3
    assert "".join(pieces) == completion.text == server.text
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (1000, 500)
    assert completion.usage.cost_usd == 0
    assert (completion.engine, completion.model) == ("litellm", MODEL)


async def test_the_price_is_litellms_unless_one_is_set(server: OpenAIServer) -> None:
    server.models = ("gpt-4o-mini",)
    by_table = adapter(server, "gpt-4o-mini")
    usage = (await generate(by_table, ask())).usage
    assert usage.cost_usd == pytest.approx((1000 * 0.15 + 500 * 0.60) / 1e6)
    assert await by_table.cost_of(usage) == pytest.approx(usage.cost_usd)
    await by_table.close()
    by_setting = adapter(server, "gpt-4o-mini", prices={"openai/gpt-4o-mini": Price(1, 1, 1)})
    assert (await generate(by_setting, ask())).usage.cost_usd == pytest.approx(1500 / 1e6)
    await by_setting.close()


async def test_passing_troubles_are_retried(engine: LiteLLMEngine, server: OpenAIServer) -> None:
    server.faults.extend([Fault(status=500), Fault(status=429)])
    assert (await generate(engine, ask())).text == server.text
    assert len(server.requests) == 3


async def test_lasting_troubles(engine: LiteLLMEngine, server: OpenAIServer) -> None:
    server.faults.extend([Fault(status=503)] * ATTEMPTS)
    with pytest.raises(EngineUnavailable, match="503"):
        await generate(engine, ask())
    server.faults.append(Fault(status=429, headers={"Retry-After": "90"}))
    with pytest.raises(EngineOverloaded) as caught:
        await generate(engine, ask())
    assert caught.value.retry_after == 90


async def test_context_full_with_numbers(engine: LiteLLMEngine, server: OpenAIServer) -> None:
    with pytest.raises(ContextFull) as caught:
        await generate(engine, ask("door " * 6000, sampling=Sampling(max_tokens=100)))
    assert (caught.value.prompt_tokens, caught.value.max_tokens, caught.value.context_tokens) == (6000, 100, 5000)
    assert len(server.requests) == 1


async def test_refusals_name_the_setting(server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    engine = adapter(server, key="sk-wrong-9876543210")
    with caplog.at_level("WARNING"), pytest.raises(RequestRefused, match="STORYFORK_LITELLM_API_KEY") as caught:
        await generate(engine, ask())
    assert "9876543210" not in str(caught.value) + caplog.text
    await engine.close()
    engine = adapter(server, "nonsense")
    with pytest.raises(RequestRefused, match="STORYFORK_LITELLM_MODEL"):
        await generate(engine, ask())
    await engine.close()


async def test_formats_fall_back(engine: LiteLLMEngine, server: OpenAIServer) -> None:
    server.refused_formats = ("json_schema",)
    for _ in range(2):
        assert (await generate(engine, ask("Answer as JSON.", schema=SCHEMA))).text == server.json_text
    assert [request["response_format"]["type"] for request in server.requests] == [
        "json_schema",
        "json_object",
        "json_object",
    ]


@pytest.mark.parametrize("kind", ["drop", "garbage", "error_event"])
async def test_a_stream_that_breaks(engine: LiteLLMEngine, server: OpenAIServer, kind: Any) -> None:
    server.faults.append(Fault(kind=kind, words=3))
    with pytest.raises(EngineOverloaded):
        await generate(engine, ask())
    assert len(server.requests) == 1


async def test_silence_and_deadline(server: OpenAIServer) -> None:
    engine = adapter(server, timeouts=Timeouts(first_s=0.5, between_s=0.3))
    await generate(engine, ask())
    server.faults.append(Fault(kind="silence", words=2))
    with pytest.raises(EngineOverloaded):
        await generate(engine, ask())
    server.faults.append(Fault(kind="silence", words=2))
    with pytest.raises(GenerationTimedOut):
        await generate(engine, ask(deadline_s=0.1))
    await engine.close()


async def test_cancelling_closes_the_connection(engine: LiteLLMEngine, server: OpenAIServer) -> None:
    server.text, server.pause_s = "and on " * 500, 0.02
    request = ask(sampling=Sampling(max_tokens=500))
    stream = engine.stream(request)
    await anext(stream)
    await engine.cancel(request.id)
    with pytest.raises(GenerationCancelled):
        await anext(stream)
    async with asyncio.timeout(3):
        while not server.disconnects:
            await asyncio.sleep(0.02)


async def test_thoughts_are_hidden(engine: LiteLLMEngine, server: OpenAIServer) -> None:
    server.reasoning = "The reader wants a door."
    assert (await generate(engine, ask())).text == server.text


async def test_what_no_provider_gets_is_not_sent(engine: LiteLLMEngine, server: OpenAIServer) -> None:
    sampling = Sampling(40, temperature=0.3, min_p=0.05, dry=0.8)
    assert (await generate(engine, ask(sampling=sampling))).unsent == {"min_p", "dry"}
    assert server.requests[-1]["temperature"] == 0.3
    assert not server.requests[-1].keys() & {"min_p", "dry_multiplier"}
