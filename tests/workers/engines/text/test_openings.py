"""An answer whose first words are given: engines go on behind them, or are told of them."""

import re
from dataclasses import replace
from typing import Any, Literal

import pytest

from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.doubles.openai.tokenizers import TokenizerRoutes
from tests.workers.engines.text.asking import ask, collect
from workers.engines.errors import RequestRefused
from workers.engines.text.base import ModelMessage, Sampling, TextRequest, generate
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.remote import RemoteEngine

OPENING = "You follow the line of chalk"


def begun(*contents: str) -> TextRequest:
    asked = ask(*contents, sampling=Sampling(max_tokens=40, temperature=0.0))
    return replace(asked, messages=(*asked.messages, ModelMessage("assistant", OPENING)))


async def test_llama_goes_on_behind_them(shared_llama: LlamaEngine) -> None:
    engine, request = shared_llama, begun("Write a page.")
    pieces, completion = await collect(engine, request)
    assert "".join(pieces) == completion.text
    assert not completion.text.startswith(OPENING)
    plain = await generate(engine, replace(request, id="plain", messages=request.messages[:1]))
    assert completion.text != plain.text
    # The opening is a part of the answer, not of the prompt.
    assert completion.usage.prompt_tokens == plain.usage.prompt_tokens
    assert completion.usage.completion_tokens <= 40
    assert await engine.count_messages(request.messages) == completion.usage.prompt_tokens


async def test_llama_keeps_to_a_pattern(shared_llama: LlamaEngine) -> None:
    request = begun("Write a page.")
    pattern = r"[a-z ]{30,60}\n2\. [a-z]{5,9}"
    sampling = Sampling(max_tokens=200, temperature=1.0, seed=3)
    completion = await generate(shared_llama, replace(request, pattern=pattern, sampling=sampling))
    assert completion.finish_reason == "stop"
    assert re.fullmatch(pattern, completion.text)
    with pytest.raises(RequestRefused):
        await generate(shared_llama, replace(request, id="odd", pattern="(?=a)"))


@pytest.mark.parametrize(
    ("kind", "last", "more"),
    [
        ("llama-server", ("assistant", OPENING), {}),
        ("vllm", ("assistant", OPENING), {"continue_final_message": True, "add_generation_prompt": False}),
        ("", ("user", f"Write a page.\n\n{OPENING}…"), {}),
    ],
)
async def test_servers_are_asked_as_they_understand_it(
    kind: Literal["", "llama-server", "vllm"], last: tuple[str, str], more: dict[str, Any]
) -> None:
    server = OpenAIServer(tokenizers=TokenizerRoutes(kind=kind))
    await server.start()
    engine = RemoteEngine(server.url, MODEL, api_key=KEY)
    try:
        await generate(engine, begun("Write a page."))
        body = server.requests[-1]
        assert (body["messages"][-1]["role"], body["messages"][-1]["content"]) == last
        assert {name: body[name] for name in body if "message" in name or "generation" in name} == {
            "messages": body["messages"],
            **more,
        }
        await generate(engine, ask("Hello"))
        assert "continue_final_message" not in server.requests[-1]
    finally:
        await engine.close()
        await server.stop()


DRY = {"dry_multiplier": 0.8, "dry_base": 1.75, "dry_allowed_length": 4, "dry_penalty_last_n": 4096}


@pytest.mark.parametrize(
    ("kind", "sent", "unsent"),
    [
        (
            "llama-server",
            {
                "min_p": 0.08, "repeat_penalty": 1.1, "xtc_probability": 0.3, "xtc_threshold": 0.1,
                "dynatemp_range": 0.4, **DRY,
            },
            set(),
        ),
        ("vllm", {"min_p": 0.08, "repetition_penalty": 1.1}, {"dry", "xtc", "dynamic"}),
        ("", {}, {"min_p", "repeat_penalty", "dry", "xtc", "dynamic"}),
    ],
)  # fmt: skip
async def test_servers_get_the_samplers_that_they_have(
    kind: Literal["", "llama-server", "vllm"], sent: dict[str, Any], unsent: set[str]
) -> None:
    server = OpenAIServer(tokenizers=TokenizerRoutes(kind=kind))
    await server.start()
    engine = RemoteEngine(server.url, MODEL, api_key=KEY)
    sampling = Sampling(40, top_p=None, min_p=0.08, repeat_penalty=1.1, dry=0.8, xtc=0.3, dynamic=0.4)
    try:
        completion = await generate(engine, ask("Write a page.", sampling=sampling))
        plain = {"model", "messages", "stream", "stream_options", "max_tokens", "temperature"}
        assert {name: value for name, value in server.requests[-1].items() if name not in plain} == sent
        assert completion.unsent == unsent
        if kind:
            assert len(server.requests) == 1, "what the server does not take is not tried first"
    finally:
        await engine.close()
        await server.stop()


async def test_the_real_llama_server_takes_them(remote_llama: RemoteEngine) -> None:
    sampling = Sampling(8, min_p=0.08, repeat_penalty=1.1, dry=0.8, xtc=0.3, dynamic=0.4)
    completion = await generate(remote_llama, ask("Write a page.", sampling=sampling))
    assert completion.usage.completion_tokens > 0
    assert completion.unsent == frozenset()
