"""The double speaks OpenAI's wire format: the official client's own models accept every chunk, strictly."""

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.doubles.openai.server import KEY, MODEL, Fault, OpenAIServer


@pytest.fixture
async def server() -> AsyncGenerator[OpenAIServer]:
    server = OpenAIServer(text="One two three.")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: OpenAIServer) -> AsyncGenerator[openai.AsyncOpenAI]:
    client = openai.AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0)
    yield client
    await client.close()


def body(**changes: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": True} | changes


async def raw(server: OpenAIServer, sent: dict[str, Any]) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/chat/completions", json=sent, headers=headers) as response,
    ):
        return response.status, await response.text()


@pytest.mark.parametrize("usage", [True, False])
async def test_chunks_are_valid(server: OpenAIServer, usage: bool) -> None:
    status, text = await raw(server, body(stream_options={"include_usage": usage}))
    assert status == 200
    events = text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    chunks = [ChatCompletionChunk.model_validate_json(event.removeprefix("data: ")) for event in events[:-2]]
    said = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(said) == "One two three."
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [usage]
    assert len({chunk.id for chunk in chunks}) == 1


async def test_the_client_reads_it(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello"}], stream=True, max_tokens=2
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "One two"
    assert chunks[-1].choices[0].finish_reason == "length"
    assert [model.id for model in (await client.models.list()).data] == [MODEL]


@pytest.mark.parametrize(
    ("changes", "status", "code", "param"),
    [
        ({"model": "none"}, 404, "model_not_found", None),
        ({"top_k": 3}, 400, None, None),
        ({"temperature": 3}, 400, None, "temperature"),
        ({"messages": []}, 400, None, "messages"),
        ({"stop": ["1", "2", "3", "4", "5"]}, 400, None, "stop"),
        ({"max_tokens": 6000}, 400, "context_length_exceeded", "messages"),
        ({"response_format": {"type": "json_object"}}, 400, None, "messages"),
    ],
)
async def test_refusals_are_openais(
    client: openai.AsyncOpenAI, changes: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await client.post("/chat/completions", body=body(**changes), cast_to=object)
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (status, code, param)
    assert caught.value.type == "invalid_request_error"


async def test_faults_follow_the_script(client: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.faults.extend([Fault(status=429, headers={"Retry-After": "7"}), Fault(kind="error_event", words=1)])
    with pytest.raises(openai.RateLimitError) as limited:
        await client.post("/chat/completions", body=body(), cast_to=object)
    assert limited.value.response.headers["retry-after"] == "7"
    stream = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    with pytest.raises(openai.APIError, match="out of memory"):
        async for _ in stream:
            pass
    assert (await raw(server, body()))[0] == 200
