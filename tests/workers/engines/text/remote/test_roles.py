"""Servers that refuse the system role, or turns that do not alternate."""

from dataclasses import replace

import pytest

from tests.doubles.openai.server import MODEL, Fault, OpenAIServer
from tests.workers.engines.text.asking import ask
from workers.engines.errors import RequestRefused
from workers.engines.text.base import ModelMessage, TextRequest, generate
from workers.engines.text.remote import RemoteEngine
from workers.engines.text.remote.dialect import refuses_roles

TALK = (
    ModelMessage("system", "You are Bo."),
    ModelMessage("assistant", "Hello."),
    ModelMessage("user", "Are you there?"),
    ModelMessage("user", "Hello?"),
)
REWRITTEN = [
    {"role": "user", "content": "You are Bo."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Are you there?\n\nHello?"},
]
REFUSALS = [
    (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
    (500, "Jinja Exception: System role not supported"),
    (400, "After the optional system message, conversation roles must alternate user and assistant roles."),
    (400, "Error rendering prompt with jinja template: Only user and assistant roles are supported!"),
    (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
    (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
    (400, 'messages: roles must alternate between "user" and "assistant", but found multiple "user" roles in a row'),
    (400, "Last message must have role `user`."),
    (422, "Template error: unknown role: system"),
]


def talk() -> TextRequest:
    return replace(ask(), messages=TALK)


@pytest.mark.parametrize(("status", "message"), REFUSALS)
async def test_the_messages_are_rewritten_once_and_for_all(
    remote: RemoteEngine, server: OpenAIServer, status: int, message: str
) -> None:
    server.role_rules, server.role_refusal = "alternating", (status, message)
    for _ in range(2):
        assert (await generate(remote, talk())).text == server.text
    assert [len(request["messages"]) for request in server.requests] == [4, 3, 3]
    assert server.requests[-1]["messages"] == REWRITTEN


async def test_a_refusal_within_the_stream_is_heeded_too(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.append(Fault(kind="error_event", words=0, error={"message": REFUSALS[1][1]}))
    assert (await generate(remote, talk())).text == server.text
    assert server.requests[-1]["messages"] == REWRITTEN


async def test_a_server_that_refuses_those_too_is_no_loop(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.faults.extend([Fault(status=400, error={"message": REFUSALS[0][1]})] * 10)
    with pytest.raises(RequestRefused):
        await generate(remote, talk())
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported parameter: 'max_tokens'",
        "out of memory",
        "The model `x` does not exist",
        "Invalid API key provided",
    ],
)
def test_other_errors_are_not_about_roles(message: str) -> None:
    assert not refuses_roles(message)


async def test_content_in_parts(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.parts = True
    server.reasoning = "They greet me."
    completion = await generate(remote, ask())
    assert (completion.text, completion.model) == (server.text, MODEL)
