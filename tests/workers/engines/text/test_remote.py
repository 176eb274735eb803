"""What the remote engine makes of a server's moods."""

import asyncio
import logging

import pytest

from tests.doubles.openai.server import KEY, MODEL, Fault, OpenAIServer
from tests.workers.engines.text.asking import ask, collect
from workers.engines.errors import (
    ContextFull,
    EngineOverloaded,
    EngineUnavailable,
    GenerationTimedOut,
    RequestRefused,
)
from workers.engines.text.base import Sampling, generate
from workers.engines.text.remote import ATTEMPTS, RemoteEngine

LOOSE = {"type": "object", "properties": {"page": {"type": "string"}}}
STRICT = LOOSE | {"required": ["page"], "additionalProperties": False}


async def test_usage_and_cost(remote: RemoteEngine) -> None:
    usage = (await generate(remote, ask())).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (1000, 500)
    assert usage.cost_usd == pytest.approx((1000 * 1.0 + 500 * 4.0) / 1e6)


async def test_usage_is_estimated_if_the_server_tells_none(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.append(Fault(kind="no_usage"))
    usage = (await generate(remote, ask("Hello, how are you?"))).usage
    assert 5 <= usage.prompt_tokens <= 15
    assert 10 <= usage.completion_tokens <= 20
    assert usage.cost_usd > 0


async def test_all_of_the_sampling_is_sent(remote: RemoteEngine, server: OpenAIServer) -> None:
    sampling = Sampling(max_tokens=7, temperature=0.3, top_p=0.9, stop=("END",), seed=3)
    await generate(remote, ask(sampling=sampling))
    sent = server.requests[0]
    assert {name: sent[name] for name in ("max_tokens", "temperature", "top_p", "stop", "seed")} == {
        "max_tokens": 7,
        "temperature": 0.3,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 3,
    }


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
async def test_passing_troubles_are_retried(remote: RemoteEngine, server: OpenAIServer, status: int) -> None:
    server.faults.extend([Fault(status=status), Fault(status=status)])
    assert (await generate(remote, ask())).text == server.text
    assert len(server.requests) == 3


async def test_pauses_grow_and_obey_the_server(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.extend([Fault(status=503), Fault(status=429, headers={"Retry-After": "0.4"})])
    started = asyncio.get_running_loop().time()
    await generate(remote, ask())
    assert 0.4 <= asyncio.get_running_loop().time() - started < 1.5


async def test_a_long_pause_is_left_to_the_caller(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.append(Fault(status=429, headers={"Retry-After": "90"}))
    with pytest.raises(EngineOverloaded) as caught:
        await generate(remote, ask())
    assert caught.value.retry_after == 90
    assert len(server.requests) == 1


async def test_lasting_overload(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.extend([Fault(status=429)] * 10)
    with pytest.raises(EngineOverloaded):
        await generate(remote, ask())
    assert len(server.requests) == ATTEMPTS


async def test_lasting_failure(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.extend([Fault(status=500)] * 10)
    with pytest.raises(EngineUnavailable, match="500"):
        await generate(remote, ask())


async def test_no_money_is_not_retried(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.append(Fault(status=429, error={"code": "insufficient_quota"}))
    with pytest.raises(EngineUnavailable):
        await generate(remote, ask())
    assert len(server.requests) == 1


async def test_no_server() -> None:
    engine = RemoteEngine("http://127.0.0.1:9/v1", MODEL, pause_s=0.01)
    with pytest.raises(EngineUnavailable):
        await generate(engine, ask())
    await engine.close()


async def test_an_unknown_model(server: OpenAIServer) -> None:
    engine = RemoteEngine(server.url, "nonsense", api_key=KEY)
    with pytest.raises(EngineUnavailable, match="does not exist"):
        await generate(engine, ask())
    await engine.close()


async def test_a_wrong_key_is_never_shown(server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    engine = RemoteEngine(server.url, MODEL, api_key="sk-wrong-9876543210", pause_s=0.01)
    with caplog.at_level(logging.DEBUG), pytest.raises(RequestRefused) as caught:
        await generate(engine, ask())
    await engine.close()
    assert "Incorrect API key" in str(caught.value)
    for shown in (str(caught.value), repr(caught.value), repr(vars(engine).get("_habits")), caplog.text):
        assert "9876543210" not in shown


@pytest.mark.parametrize(("schema", "strict"), [(LOOSE, False), (STRICT, True)])
async def test_the_schema_is_sent(
    remote: RemoteEngine, server: OpenAIServer, schema: dict[str, object], strict: bool
) -> None:
    assert (await generate(remote, ask(schema=schema))).text == server.json_text
    sent = server.requests[0]["response_format"]
    assert sent == {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": strict}}


async def test_a_refused_schema_is_left_out_and_remembered(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.refuses_schemas = True
    assert (await generate(remote, ask(schema=STRICT))).text == server.text
    assert ["response_format" in request for request in server.requests] == [True, False]
    await generate(remote, ask(schema=STRICT))
    assert "response_format" not in server.requests[2]
    server.refuses_schemas = False
    assert (await generate(remote, ask(schema=LOOSE))).text == server.json_text


async def test_unknown_parameters_are_left_out(remote: RemoteEngine, server: OpenAIServer) -> None:
    sampling = Sampling(max_tokens=20, top_k=40, min_p=0.1, repeat_penalty=1.1)
    assert (await generate(remote, ask(sampling=sampling))).text
    assert len(server.requests) == 4
    await generate(remote, ask(sampling=sampling))
    assert len(server.requests) == 5


async def test_the_other_name_of_max_tokens(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.wants_max_completion_tokens = True
    assert (await generate(remote, ask(sampling=Sampling(max_tokens=3)))).finish_reason == "length"
    assert server.requests[-1]["max_completion_tokens"] == 3


async def test_other_refusals_are_final(remote: RemoteEngine, server: OpenAIServer) -> None:
    with pytest.raises(RequestRefused, match="stop"):
        await generate(remote, ask(sampling=Sampling(stop=("a", "b", "c", "d", "e"))))


@pytest.mark.parametrize(
    ("error", "prompt", "context"),
    [
        (
            {"message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 "
             "input tokens. Please reduce the length.", "code": "context_length_exceeded"},
            9000, 8192,
        ),
        (
            {"message": "the request exceeds the available context size, try increasing it", "code": 400,
             "type": "exceed_context_size_error", "n_prompt_tokens": 5000, "n_ctx": 4096},
            5000, 4096,
        ),
        (
            {"message": "request (7001 tokens) exceeds the available context size (4096 tokens), try increasing it"},
            7001, 4096,
        ),
    ],
)  # fmt: skip
async def test_context_full_in_many_dialects(
    remote: RemoteEngine, server: OpenAIServer, error: dict[str, object], prompt: int, context: int
) -> None:
    server.faults.append(Fault(status=400, error=error))
    with pytest.raises(ContextFull) as caught:
        await generate(remote, ask(schema=STRICT))
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (prompt, context)


@pytest.mark.parametrize("kind", ["drop", "error_event"])
async def test_a_stream_that_breaks(remote: RemoteEngine, server: OpenAIServer, kind: str) -> None:
    server.faults.append(Fault(kind="drop" if kind == "drop" else "error_event", words=3))
    with pytest.raises(EngineOverloaded):
        await generate(remote, ask())
    assert len(server.requests) == 1


async def test_a_stream_without_an_end(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.append(Fault(kind="no_finish"))
    with pytest.raises(EngineOverloaded):
        await generate(remote, ask())


async def test_a_filtered_answer_is_a_refusal(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.append(Fault(kind="filter"))
    with pytest.raises(RequestRefused, match="filter"):
        await generate(remote, ask())


async def test_a_silent_server(server: OpenAIServer) -> None:
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, timeout_s=0.3)
    server.faults.append(Fault(kind="silence", words=2))
    with pytest.raises(EngineOverloaded):
        await asyncio.wait_for(generate(engine, ask()), 3)
    server.faults.append(Fault(kind="silence", words=2))
    with pytest.raises(GenerationTimedOut):
        await generate(engine, ask(deadline_s=0.1))
    await engine.close()


async def test_cancelling_closes_the_connection(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.text, server.pause_s = "and on " * 500, 0.02
    request = ask(sampling=Sampling(max_tokens=500))
    stream = remote.stream(request)
    await anext(stream)
    await remote.cancel(request.id)
    with pytest.raises(Exception, match="cancelled"):
        await anext(stream)
    for _ in range(50):
        if server.disconnects:
            break
        await asyncio.sleep(0.02)
    assert server.disconnects == 1


async def test_requests_run_at_the_same_time(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.pause_s = 0.02
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(collect(remote, ask()) for _ in range(8)))
    assert asyncio.get_running_loop().time() - started < 1.5


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("The keeper opens the door.", 6, 9), ("Смотритель открывает дверь.", 10, 24), ("门开了。", 3, 5), ("", 0, 0)],
)
async def test_counts_are_near(remote: RemoteEngine, text: str, low: int, high: int) -> None:
    assert low <= await remote.count_tokens(text) <= high
