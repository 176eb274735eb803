"""What the remote engine makes of a server's moods."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

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
from workers.engines.retry import ATTEMPTS, RetryPolicy
from workers.engines.text.base import Completion, Sampling, generate
from workers.engines.text.remote import RemoteEngine, Timeouts

LOOSE = {"type": "object", "properties": {"page": {"type": "string"}}}
STRICT = LOOSE | {"required": ["page"], "additionalProperties": False}


async def test_usage_and_cost(remote: RemoteEngine) -> None:
    usage = (await generate(remote, ask())).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (1000, 500)
    assert usage.cost_usd == pytest.approx((1000 * 1.0 + 500 * 4.0) / 1e6)
    # What is ended before the server has counted costs the same.
    assert await remote.cost_of(usage) == pytest.approx(usage.cost_usd)


async def test_cached_tokens_are_cheaper(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.cached_tokens = 800
    usage = (await generate(remote, ask())).usage
    assert usage.cost_usd == pytest.approx((200 * 1.0 + 800 * 0.1 + 500 * 4.0) / 1e6)


async def test_a_model_without_a_price_is_free_and_named_once(
    server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    engine = RemoteEngine(server.url, MODEL, api_key=KEY)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            assert (await generate(engine, ask())).usage.cost_usd == 0
    assert caplog.text.count(f"no price is known for the model {MODEL}") == 1
    await engine.close()


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
    engine = RemoteEngine("http://127.0.0.1:9/v1", MODEL, retry=RetryPolicy(pause_s=0.01))
    with pytest.raises(EngineUnavailable):
        await generate(engine, ask())
    await engine.close()


async def test_an_unknown_model(server: OpenAIServer) -> None:
    engine = RemoteEngine(server.url, "nonsense", api_key=KEY)
    for _ in range(5):
        with pytest.raises(RequestRefused, match=r"does not exist.*STORYFORK_REMOTE_MODEL"):
            await generate(engine, ask())
    assert len(server.requests) == 5
    await engine.close()


async def test_a_wrong_key_is_never_shown(server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    engine = RemoteEngine(server.url, MODEL, api_key="sk-wrong-9876543210", retry=RetryPolicy(pause_s=0.01))
    with caplog.at_level(logging.DEBUG), pytest.raises(RequestRefused) as caught:
        await generate(engine, ask())
    await engine.close()
    assert "Incorrect API key" in str(caught.value)
    assert "STORYFORK_REMOTE_API_KEY" in str(caught.value)
    for shown in (str(caught.value), repr(caught.value), str(await engine.statistics()), caplog.text):
        assert "9876543210" not in shown


@pytest.mark.parametrize(("schema", "strict"), [(LOOSE, False), (STRICT, True)])
async def test_the_schema_is_sent(
    remote: RemoteEngine, server: OpenAIServer, schema: dict[str, object], strict: bool
) -> None:
    assert (await generate(remote, ask(schema=schema))).text == server.json_text
    sent = server.requests[0]["response_format"]
    assert sent == {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": strict}}


def forms(server: OpenAIServer) -> list[str]:
    """How the server was asked for JSON, request by request."""
    return [request.get("response_format", {"type": "text"})["type"] for request in server.requests]


async def test_a_server_without_schemas_is_asked_for_any_json(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.refused_formats = ("json_schema",)
    assert (await generate(remote, ask("Answer as JSON.", schema=STRICT))).text == server.json_text
    assert forms(server) == ["json_schema", "json_object"]
    assert (await generate(remote, ask("Answer as JSON.", schema=LOOSE))).text == server.json_text
    assert forms(server)[2:] == ["json_object"]


async def test_a_server_without_json_modes_is_asked_for_text(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.refused_formats = ("json_schema", "json_object")
    for _ in range(2):
        assert (await generate(remote, ask("Answer as JSON.", schema=STRICT))).text == server.text
    assert forms(server) == ["json_schema", "json_object", "text", "text"]


async def test_one_refused_schema_is_not_all(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.refused_schema_names = ("odd",)
    odd = {"type": "object", "properties": {"odd": {"type": "string"}}}
    for schema in (odd, STRICT, odd):
        assert (await generate(remote, ask("Answer as JSON.", schema=schema))).text == server.json_text
    assert forms(server) == ["json_schema", "json_object", "json_schema", "json_object"]


async def test_a_prompt_that_does_not_speak_of_json(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.refused_formats = ("json_schema",)
    assert (await generate(remote, ask("Answer.", schema=STRICT))).text == server.text
    assert forms(server) == ["json_schema", "json_object", "text"]


async def test_unknown_parameters_are_left_out(remote: RemoteEngine, server: OpenAIServer) -> None:
    sampling = Sampling(max_tokens=20, top_k=40, min_p=0.1, repeat_penalty=1.1)
    assert (await generate(remote, ask(sampling=sampling))).text
    assert len(server.requests) == 5
    await generate(remote, ask(sampling=sampling))
    assert len(server.requests) == 6


async def test_the_other_name_of_max_tokens(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.wants_max_completion_tokens = True
    assert (await generate(remote, ask(sampling=Sampling(max_tokens=3)))).finish_reason == "length"
    assert server.requests[-1]["max_completion_tokens"] == 3


async def test_other_refusals_are_final(remote: RemoteEngine, server: OpenAIServer) -> None:
    with pytest.raises(RequestRefused, match="temperature"):
        await generate(remote, ask(sampling=Sampling(temperature=3.0)))
    assert len(server.requests) == 1


async def test_more_stop_strings_than_the_server_takes(remote: RemoteEngine, server: OpenAIServer) -> None:
    pieces, completion = await collect(remote, ask(sampling=Sampling(stop=("1", "2", "3", "4", " and finds"))))
    assert completion.text == "The keeper opens the door" == "".join(pieces)
    assert completion.finish_reason == "stop"
    assert server.requests[0]["stop"] == ["1", "2", "3", "4"]


async def test_the_model_of_a_role(server: OpenAIServer) -> None:
    server.models = ("big", "small")
    engine = RemoteEngine(server.url, "small", api_key=KEY, models={"writer": "big"})
    for wanted in ("", "writer", "chat", "big", "unknown"):
        assert (await generate(engine, replace(ask(), model=wanted))).model in {"big", "small"}
    assert [request["model"] for request in server.requests] == ["small", "big", "small", "big", "small"]
    assert engine.model_names == ("big", "small")
    await engine.close()


@pytest.mark.parametrize("aloud", ["reasoning_content", "<think>"])
async def test_thoughts_are_hidden_and_counted(remote: RemoteEngine, server: OpenAIServer, aloud: str) -> None:
    thought = "The reader wants a door. " * 10
    if aloud == "<think>":
        server.text = f"<think>{thought}</think>{server.text}"
    else:
        server.reasoning = thought
    server.faults.append(Fault(kind="no_usage"))
    pieces, completion = await collect(remote, ask(sampling=Sampling(max_tokens=200)))
    assert (
        completion.text.strip() == "The keeper opens the door and finds the sea behind it." == "".join(pieces).strip()
    )
    assert completion.usage.completion_tokens > 60


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
        (
            {"message": "You passed 4097 input tokens and requested 100 output tokens. However, the model's context "
             "length is only 4096 tokens, resulting in a maximum input length of 3996 tokens."},
            4097, 4096,
        ),
        (
            {"message": "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context "
             "length is 4096 tokens and your request has 112 input tokens (4000 > 4096 - 112)."},
            112, 4096,
        ),
        (
            {"message": "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300001 "
             "tokens. Please reduce the length of the messages.", "code": "context_length_exceeded"},
            300001, 272000,
        ),
        ({"message": "prompt is too long: 210000 tokens > 200000 maximum"}, 210000, 200000),
        (
            {"message": "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."},
            1100000, 1048576,
        ),
        (
            {"message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum "
             "context length"},
            40000, 32768,
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


@pytest.mark.parametrize("kind", ["drop", "error_event", "garbage", "odd", "cut"])
async def test_a_stream_that_breaks(remote: RemoteEngine, server: OpenAIServer, kind: Any) -> None:
    server.faults.append(Fault(kind=kind, words=3))
    shown = ""
    with pytest.raises(EngineOverloaded):
        async for piece in remote.stream(ask()):
            assert not isinstance(piece, Completion)
            shown += piece
    assert shown == "The keeper opens"
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", ["drop", "error_event", "garbage", "odd", "cut"])
async def test_a_stream_that_breaks_before_its_text_is_asked_again(
    remote: RemoteEngine, server: OpenAIServer, kind: Any
) -> None:
    server.faults.extend([Fault(kind=kind, words=0)] * 2)
    pieces, completion = await collect(remote, ask())
    assert "".join(pieces) == completion.text == server.text
    assert len(server.requests) == 3


async def test_a_stream_without_an_end(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.append(Fault(kind="cut"))
    with pytest.raises(EngineOverloaded):
        await generate(remote, ask())


@pytest.mark.parametrize(("kind", "words"), [("filter", "filter"), ("refusal", "declined")])
async def test_a_filtered_answer_is_a_refusal(
    remote: RemoteEngine, server: OpenAIServer, kind: Any, words: str
) -> None:
    server.faults.append(Fault(kind=kind))
    with pytest.raises(RequestRefused, match=words):
        await generate(remote, ask())
    assert len(server.requests) == 1


async def test_a_server_that_falls_silent(server: OpenAIServer) -> None:
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, timeouts=Timeouts(first_s=5, between_s=0.2))
    server.faults.append(Fault(kind="silence", words=2))
    with pytest.raises(EngineOverloaded, match=r"silent for 0\.2 s"):
        await asyncio.wait_for(generate(engine, ask()), 60)
    server.faults.append(Fault(kind="silence", words=2))
    with pytest.raises(GenerationTimedOut):
        await generate(engine, ask(deadline_s=0.1))
    await engine.close()


@pytest.mark.parametrize("fault", [Fault(kind="hang"), Fault(kind="silence", words=0)])
async def test_a_server_that_never_begins(server: OpenAIServer, fault: Fault) -> None:
    engine = RemoteEngine(
        server.url, MODEL, api_key=KEY, timeouts=Timeouts(first_s=2.0), retry=RetryPolicy(pause_s=0.01)
    )
    server.faults.append(fault)
    with pytest.raises(EngineUnavailable):
        await asyncio.wait_for(generate(engine, ask()), 60)
    assert len(server.requests) == 1
    await engine.close()


async def test_a_server_that_lets_deadlines_pass_is_blamed(server: OpenAIServer) -> None:
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, timeouts=Timeouts(slow_s=0.05))
    server.faults.extend([Fault(kind="hang")] * 3)
    for _ in range(3):
        with pytest.raises(GenerationTimedOut):
            await generate(engine, ask(deadline_s=0.1))
    with pytest.raises(EngineUnavailable, match="silent"):
        await generate(engine, ask(deadline_s=0.1))
    await engine.close()


async def test_an_answer_that_takes_too_long(server: OpenAIServer) -> None:
    server.pause_s = 0.1
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, timeouts=Timeouts(total_s=0.3))
    with pytest.raises(EngineUnavailable, match=r"no whole answer in 0.3 s"):
        await generate(engine, ask(deadline_s=60))
    with pytest.raises(GenerationTimedOut):
        await generate(engine, ask(deadline_s=0.2))
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
    [("The keeper opens the door.", 6, 9), ("Смотритель открывает дверь.", 10, 40), ("门开了。", 3, 9), ("", 0, 0)],
)
async def test_what_nobody_can_count_is_bounded(remote: RemoteEngine, text: str, low: int, high: int) -> None:
    assert low <= await remote.count_tokens(text) <= high
