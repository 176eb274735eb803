"""What people report of servers elsewhere, tried here. Each test names a report."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.doubles.openai.raw import RawServer
from tests.doubles.openai.server import Fault, OpenAIServer
from tests.workers.engines.text.asking import ask, collect
from workers.engines.errors import ContextFull, EngineOverloaded, EngineUnavailable, RequestRefused
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import Sampling, generate
from workers.engines.text.chain import TextChain
from workers.engines.text.remote import RemoteEngine, Timeouts
from workers.engines.text.remote.openai_endpoint import MAX_WHOLE_BYTES

TEXT = "Good evening. The sea is calm."


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    whole = {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(whole).encode() + b"\n\n"


def http(body: bytes, kind: str = "text/event-stream") -> list[bytes]:
    return [f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode(), body]


@pytest.fixture
async def raw() -> AsyncIterator[RawServer]:
    server = RawServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def engine(raw: RawServer) -> AsyncIterator[RemoteEngine]:
    timeouts = Timeouts(first_s=10, between_s=10)
    engine = RemoteEngine(raw.url, "m", retry=RetryPolicy(attempts=1), timeouts=timeouts)
    yield engine
    await engine.close()


async def test_an_answer_of_thoughts_only_gets_more_room(remote: RemoteEngine, server: OpenAIServer) -> None:
    """huggingface/chat-ui#2383, murtaza-nasir/speakr#349: thinking takes all of max_tokens, and nothing is shown."""
    server.thinks_for = 300
    _, completion = await collect(TextChain([remote]), ask(sampling=Sampling(max_tokens=100)))
    assert (completion.text, completion.finish_reason) == (server.text, "stop")
    assert [request["max_tokens"] for request in server.requests] == [100, 600]


async def test_an_empty_finish_reason_is_none(raw: RawServer, engine: RemoteEngine) -> None:
    """ollama/ollama#4357: every chunk has finish_reason "", so a stream that breaks off looks complete."""
    raw.pieces = http(chunk({"content": "Good evening. The s"}, ""))
    with pytest.raises(EngineOverloaded, match="ended in the middle"):
        await generate(engine, ask())


@pytest.mark.parametrize(("text", "finish"), [(TEXT, "stop"), ("Good evening. The s", "length"), ('{"a": 1}', "stop")])
async def test_a_stream_that_is_done_but_does_not_say_why(
    raw: RawServer, engine: RemoteEngine, text: str, finish: str
) -> None:
    """earendil-works/pi#8496, vllm-project/vllm#27572: no finish_reason at all, and every answer is thrown away."""
    raw.pieces = http(chunk({"content": text}) + b"data: [DONE]\n\n")
    completion = await generate(engine, ask())
    assert (completion.text, completion.finish_reason) == (text, finish)


async def test_a_whole_answer_in_place_of_a_stream(raw: RawServer, engine: RemoteEngine) -> None:
    """langgenius/dify#2144 and gateways that buffer: ``stream`` is ignored, and the answer is blank."""
    message = {"role": "assistant", "content": TEXT}
    answer = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "_fields_set": 1}
    raw.pieces = http(json.dumps(answer).encode(), "application/json; charset=utf-8")
    completion = await generate(engine, ask())
    assert (completion.text, completion.finish_reason, completion.model) == (TEXT, "stop", "m")


async def test_a_whole_answer_that_breaks_off_or_has_no_end(raw: RawServer, engine: RemoteEngine) -> None:
    """Such gateways also fail in the middle of the body."""
    raw.pieces = [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n", b'{"choices": [']
    with pytest.raises(EngineUnavailable, match="broke"):
        await generate(engine, ask())
    raw.pieces = http(b" " * (MAX_WHOLE_BYTES + 1), "application/json")
    with pytest.raises(EngineUnavailable, match="broke"):
        await generate(engine, ask())


async def test_an_error_with_status_200(raw: RawServer, engine: RemoteEngine) -> None:
    """OpenRouter documents errors with status 200; clients take them for an empty answer."""
    raw.pieces = http(b'{"error": {"code": 502, "message": "Provider returned error"}}', "application/json")
    with pytest.raises(EngineUnavailable, match="Provider returned error"):
        await generate(engine, ask())


async def test_an_error_as_the_reason_of_the_end(raw: RawServer, engine: RemoteEngine) -> None:
    """anomalyco/opencode#23928: finish_reason "error" in mid-stream, and the beginning is shown as the whole."""
    raw.pieces = http(chunk({"content": "Good evening. The s"}) + chunk({}, "error") + b"data: [DONE]\n\n")
    with pytest.raises(EngineOverloaded, match="broke off with an error"):
        await generate(engine, ask())


@pytest.mark.parametrize("reason", ["length", "max_tokens", "model_length", "MAX_TOKENS"])
async def test_the_maximum_length_has_many_names(raw: RawServer, engine: RemoteEngine, reason: str) -> None:
    """Mistral says model_length (its API reference), Anthropic max_tokens, Google MAX_TOKENS."""
    raw.pieces = http(chunk({"content": "Good evening. The s"}) + chunk({}, reason) + b"data: [DONE]\n\n")
    assert (await generate(engine, ask())).finish_reason == "length"


async def test_an_error_in_a_list(raw: RawServer, engine: RemoteEngine) -> None:
    """FuzzAnything/PromptFuzz#42, coreply/coreply#18: Google's endpoint wraps its errors into a list."""
    error = [{"error": {"code": 400, "message": "The input token count (9000) exceeds the maximum number of tokens "
              "allowed (8192).", "status": "INVALID_ARGUMENT"}}]  # fmt: skip
    raw.pieces = [b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
                  json.dumps(error).encode()]  # fmt: skip
    with pytest.raises(ContextFull) as caught:
        await generate(engine, ask())
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (9000, 8192)


async def test_no_room_for_an_answer_is_a_full_context(remote: RemoteEngine, server: OpenAIServer) -> None:
    """vLLM's servers subtract the prompt from the context and then complain about the remainder."""
    server.faults.append(Fault(status=400, error={"message": "max_tokens must be at least 1, got -1024."}))
    with pytest.raises(ContextFull):
        await generate(remote, ask())


async def test_an_answer_in_the_thoughts_is_none(raw: RawServer, engine: RemoteEngine) -> None:
    """vllm-project/vllm#30139, #45736: a parser files the whole answer under reasoning; the content stays empty."""
    for thoughts in (TEXT, json.dumps(PAGE)):
        sent = chunk({"reasoning_content": thoughts, "content": None}) + chunk({}, "stop") + b"data: [DONE]\n\n"
        raw.pieces = http(sent)
        with pytest.raises(EngineUnavailable, match="empty"):
            await generate(TextChain([engine]), ask())


PAGE = {"page": "The {door} opens.", "choices": ["Go in.", "Turn back."]}
PAGE_SCHEMA = {"type": "object", "required": ["page", "choices"]}
DRAFT = 'First {"page": "No", "choices": []} or {"page": 1}? Rather:\n```json\n'
IN_THE_THOUGHTS = {
    "in a field of its own": chunk({"reasoning_content": DRAFT + json.dumps(PAGE) + "\n```", "content": None}),
    "piece by piece": b"".join(chunk({"reasoning": part}) for part in re.split(r"(?=[\s:])", json.dumps(PAGE))),
    "in a block": chunk({"content": f"<think>{DRAFT}{json.dumps(PAGE)}</think>\n"}),
    "in a block that does not end": chunk({"content": f"<think>{json.dumps(PAGE)}"}),
    "before a remark": chunk({"reasoning_content": json.dumps(PAGE)}) + chunk({"content": "Here is the page."}),
    "in one more object": chunk({"reasoning_content": json.dumps({"answer": PAGE})}),
}


@pytest.mark.parametrize("sent", IN_THE_THOUGHTS.values(), ids=IN_THE_THOUGHTS)
async def test_json_that_was_asked_for_is_found_in_the_thoughts(
    raw: RawServer, engine: RemoteEngine, sent: bytes
) -> None:
    """0xPlaygrounds/rig#1656: KoboldCpp with Qwen puts the JSON into reasoning_content; the content stays empty."""
    raw.pieces = http(sent + chunk({}, "stop") + b"data: [DONE]\n\n")
    _, completion = await collect(TextChain([engine]), ask(schema=PAGE_SCHEMA))
    assert (json.loads(completion.text), completion.finish_reason) == (PAGE, "stop")


@pytest.mark.parametrize(
    "thoughts", ["I write the page now.", '{"page": "A part of it"}', "{" * 9000, '{"a":' * 3000, json.dumps(PAGE)[:-1]]
)
async def test_thoughts_without_the_answer_are_none(raw: RawServer, engine: RemoteEngine, thoughts: str) -> None:
    raw.pieces = http(chunk({"reasoning_content": thoughts}) + chunk({}, "stop") + b"data: [DONE]\n\n")
    with pytest.raises(EngineUnavailable, match="empty"):
        await generate(TextChain([engine]), ask(schema=PAGE_SCHEMA))


async def test_json_in_the_content_goes_before_a_draft_in_the_thoughts(raw: RawServer, engine: RemoteEngine) -> None:
    draft = json.dumps({"page": "No.", "choices": []})
    sent = chunk({"reasoning_content": draft}) + chunk({"content": json.dumps(PAGE)}, "stop")
    raw.pieces = http(sent + b"data: [DONE]\n\n")
    assert json.loads((await generate(engine, ask(schema=PAGE_SCHEMA))).text) == PAGE


async def test_an_error_page_with_a_key_in_it(remote: RemoteEngine, server: OpenAIServer) -> None:
    """BerriAI/litellm and others echo the key of a refused request; here it must not reach logs or people."""
    server.faults.append(Fault(status=401, error={"message": "Invalid proxy server token: sk-local-0123456789abcdef"}))
    with pytest.raises(RequestRefused) as caught:
        await generate(remote, ask())
    assert "0123456789" not in str(caught.value)
