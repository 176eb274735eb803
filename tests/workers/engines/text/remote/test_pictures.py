"""Pictures in a prompt: shown to the model that the settings name for it, on a server that takes OpenAI's parts."""

import base64
from dataclasses import replace

import pytest

from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.workers.engines.text.asking import ask
from tests.workers.engines.text.simple_engines import Echo
from workers.engines.errors import EngineUnavailable
from workers.engines.text.base import TextRequest, generate, with_pictures
from workers.engines.text.chain import TextChain
from workers.engines.text.remote import RemoteEngine

PNG = b"\x89PNG\r\n\x1a\n picture"
EYES = "eyes-7b"


def shown(*contents: str) -> TextRequest:
    asked = ask(*contents)
    return replace(asked, messages=with_pictures(asked.messages, [PNG]))


async def test_a_picture_goes_as_a_part_behind_the_last_words(server: OpenAIServer) -> None:
    server.models = (MODEL, EYES)
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, eyes=EYES)
    assert engine.sees
    try:
        assert (await generate(engine, shown("Hello!", "Hi.", "What is it?"))).text == server.text
    finally:
        await engine.close()
    [request] = server.requests
    assert request["model"] == EYES
    assert [turn["content"] for turn in request["messages"][:2]] == ["Hello!", "Hi."]
    text, image = request["messages"][2]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    assert image["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


async def test_it_stays_there_where_turns_must_alternate(server: OpenAIServer) -> None:
    server.models, server.role_rules = (MODEL, EYES), "alternating"
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, eyes=EYES)
    try:
        await generate(engine, shown("Hello!", "Hi.", "What is it?"))
    finally:
        await engine.close()
    assert [type(turn["content"]) for turn in server.requests[-1]["messages"]] == [str, str, list]


async def test_engines_that_do_not_see_are_not_asked(remote: RemoteEngine, server: OpenAIServer) -> None:
    chain = TextChain([Echo(), remote])
    assert not chain.sees
    with pytest.raises(EngineUnavailable):
        await generate(chain, shown("What is it?"))
    assert server.requests == []
    assert (await generate(chain, ask("words"))).text == "words"
