"""Servers that repeat the request in their errors: what a person wrote reaches neither logs nor reports."""

import json
import logging
from collections.abc import AsyncIterator

import pytest

from tests.doubles.openai.raw import RawServer
from tests.workers.engines.text.asking import ask
from workers.engines.errors import EngineError
from workers.engines.openai.errors import hidden
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import generate
from workers.engines.text.chain import TextChain
from workers.engines.text.remote import RemoteEngine

SECRET = "My sister Rosebud\nhides in the lighthouse, and “nobody” may know"
NAME = "Rosebud"
ERRORS = {
    "a dictionary": str([{"type": "list_type", "loc": ("body", "messages"), "msg": "Input should be a valid list",
                          "input": [{"role": "user", "content": SECRET}]}]),
    "JSON": 'Input should be valid: {"messages": ' + json.dumps([{"role": "user", "content": SECRET}]) + "}",
    "JSON in JSON": "upstream said: " + json.dumps(json.dumps({"prompt": SECRET})),
    "pydantic": f"1 validation error\nmessages.0\n  Not valid [type=x, input_value={SECRET!r}, input_type=str]",
    "one name": "Invalid request {'content': 'Rosebud'}",
    "words": f"Failed to tokenize: {SECRET}",
    "words and line breaks": f"cannot parse near {SECRET!r}",
    "upper case": f"blocked words in {SECRET.upper()}",
}  # fmt: skip


@pytest.fixture
async def raw() -> AsyncIterator[RawServer]:
    server = RawServer()
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize("status", [200, 400, 422, 500])
@pytest.mark.parametrize("said", ERRORS.values(), ids=ERRORS)
async def test_an_error_that_repeats_the_request_is_not_passed_on(
    raw: RawServer, said: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """vllm-project/vllm#49239: each error of the validation carries the whole input."""
    caplog.set_level(logging.INFO)
    body = json.dumps({"error": {"message": said, "type": "BadRequestError", "code": status}}).encode()
    raw.pieces = [f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n".encode(), body]
    engine = RemoteEngine(raw.url, "m", retry=RetryPolicy(attempts=1))
    with pytest.raises(EngineError) as caught:
        await generate(TextChain([engine]), ask("Hello!", "Good evening.", SECRET))
    await engine.close()
    shown = f"{caught.value} {caplog.text}".casefold()
    assert not [word for word in (NAME, "sister", "lighthouse") if word.casefold() in shown]


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 8192 tokens. Please reduce the length of the messages.",
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "Invalid 'messages[1].content': string too long.",
        "The model `llama` does not exist or you do not have access to it.",
    ],
)
def test_what_is_no_quotation_stays(said: str) -> None:
    assert hidden(said, (), [SECRET, "You are a keeper of the lighthouse. The model is not you."]) == said
