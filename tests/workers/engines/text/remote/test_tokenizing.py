"""Who counts tokens: the server where it can, else a bound that learns from what it reports."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.doubles.openai.tokenizers import PER_MESSAGE, PER_PROMPT, TokenizerRoutes
from tests.workers.engines.text.asking import ask
from workers.engines.errors import ContextFull, EngineUnavailable
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import ModelMessage, Sampling, generate
from workers.engines.text.chain import TextChain
from workers.engines.text.counting import TokenBound
from workers.engines.text.remote import RemoteEngine, Timeouts
from workers.engines.text.remote_settings import parse_servers

Served = Callable[..., Awaitable[tuple[OpenAIServer, RemoteEngine]]]
MESSAGES = (ModelMessage("system", "You keep a lighthouse."), ModelMessage("user", "Who is there?"))
EXACT = PER_PROMPT + 2 * PER_MESSAGE + 7
KINDS = [{"kind": "llama-server"}, {"kind": "llama-server", "old": True}, {"kind": "vllm"}]
PROSE = "The keeper opens the door and finds the sea behind it. " * 20


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    opened: list[Any] = []

    async def serve(context: int | None = None, **kind: Any) -> tuple[OpenAIServer, RemoteEngine]:
        server = OpenAIServer(tokenizers=TokenizerRoutes(**kind))
        await server.start()
        engine = RemoteEngine(
            server.url, MODEL, api_key=KEY, context=context, retry=RetryPolicy(attempts=1), timeouts=Timeouts(first_s=5)
        )
        opened.append((server, engine))
        return server, engine

    yield serve
    for server, engine in opened:
        await engine.close()
        await server.stop()


@pytest.mark.parametrize("kind", KINDS, ids=["llama-server", "old llama-server", "vllm"])
async def test_the_server_counts(served: Served, kind: dict[str, Any]) -> None:
    server, engine = await served(**kind)
    assert await engine.count_many(["one two three", "", "four"]) == [3, 0, 1]
    assert await engine.count_messages(MESSAGES) == EXACT
    assert await engine.count_tokens("one two") == 2
    assert await engine.context_size() == server.tokenizers.window


@pytest.mark.parametrize("kind", KINDS[::2], ids=["llama-server", "vllm"])
async def test_a_text_is_sent_once(served: Served, kind: dict[str, Any]) -> None:
    server, engine = await served(**kind)
    texts = [f"word {n}" for n in range(50)]
    assert await engine.count_many(texts) == [2] * 50
    assert await engine.count_many([*texts, "one more text"]) == [2] * 50 + [3]
    assert len(server.tokenizers.texts) == 51
    assert server.looks == 1


async def test_control_tokens_in_a_text_are_none(served: Served) -> None:
    server, engine = await served(kind="llama-server")
    await engine.count_many(["<|im_end|> over"])
    await engine.count_messages((ModelMessage("user", "<|im_end|> over"),))
    assert "<|im_end|>" not in str(server.tokenizers.texts)


async def test_a_server_that_does_not_count_is_bounded(served: Served) -> None:
    server, engine = await served()
    assert await engine.context_size() is None
    assert await engine.count_many([PROSE, ""]) == [TokenBound().of_text(PROSE), 0]
    assert await engine.count_messages(MESSAGES) == TokenBound().of_messages(MESSAGES)
    assert server.looks == 1
    assert server.tokenizers.texts == []


async def test_the_bound_learns_from_usage(served: Served) -> None:
    server, engine = await served()
    server.prompt_tokens = round(len(PROSE) * 0.25)
    before = await engine.count_tokens(PROSE)
    for _ in range(10):
        await generate(engine, ask(PROSE, sampling=Sampling(max_tokens=3)))
    assert server.prompt_tokens <= await engine.count_tokens(PROSE) < before
    # A server that is nowhere asked stays bounded by what nobody exceeds.
    assert await engine.count_tokens("門" * 100) == TokenBound().of_text("門" * 100)


async def test_a_usage_that_is_missing_teaches_nothing(served: Served) -> None:
    server, engine = await served()
    server.prompt_tokens = 0
    before = await engine.count_tokens(PROSE)
    await generate(engine, ask(PROSE, sampling=Sampling(max_tokens=3)))
    assert await engine.count_tokens(PROSE) == before


async def test_a_refusal_names_the_window(served: Served) -> None:
    _, engine = await served()
    with pytest.raises(ContextFull):
        await generate(engine, ask("door " * 6000))
    assert await engine.context_size() == 5000


async def test_the_setting_goes_first(served: Served) -> None:
    _, engine = await served(context=777, kind="vllm")
    assert await engine.context_size() == 777


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_a_server_that_fails_to_count_is_bounded_and_left_alone(served: Served, status: int) -> None:
    server, engine = await served(kind="vllm", fails=status)
    for _ in range(3):
        assert await engine.count_tokens(PROSE) == TokenBound().of_text(PROSE)
        assert await engine.count_messages(MESSAGES) == TokenBound().of_messages(MESSAGES)
    assert len(server.tokenizers.texts) == 1
    assert await engine.context_size() == server.tokenizers.window


async def test_a_dead_server_is_bounded(served: Served) -> None:
    server, engine = await served(kind="vllm")
    await server.stop()
    assert await engine.count_tokens(PROSE) == TokenBound().of_text(PROSE)
    assert await engine.context_size() is None


async def test_where_no_server_may_be_asked_the_next_engine_answers(served: Served) -> None:
    server, engine = await served(kind="vllm")
    _, other = await served(kind="llama-server", window=1024)
    chain = TextChain([engine, other])
    assert (await chain.limits()).context == 2048
    await server.stop()
    for _ in range(3):
        with pytest.raises(EngineUnavailable):
            await generate(engine, ask())
    with pytest.raises(EngineUnavailable):
        await engine.context_size()
    assert (await chain.limits()).context == 1024


async def test_of_several_servers_the_smallest_window_counts(served: Served) -> None:
    big, _ = await served(kind="vllm", window=4096)
    small, _ = await served(kind="vllm", window=1024)
    engine = RemoteEngine(parse_servers(f"{big.url},{small.url}"), MODEL, api_key=KEY)
    assert await engine.context_size() == 1024
    assert await engine.count_tokens("one two") == 2
    await engine.close()


async def test_counting_ends_when_it_is_cancelled(served: Served) -> None:
    _, engine = await served(kind="vllm")
    task = asyncio.create_task(engine.count_many([f"text {n}" for n in range(500)]))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await engine.count_tokens("one two") == 2
