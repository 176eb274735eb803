"""An answer whose first words are given: engines go on behind them, or are told of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.doubles.openai.tokenizers import TokenizerRoutes
from tests.models.tiny_gguf import tiny_gguf
from tests.workers.engines.text.asking import ask, collect
from workers.engines.text.base import ModelMessage, Sampling, TextRequest, generate
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.remote import RemoteEngine

OPENING = "You follow the line of chalk"


def begun(*contents: str) -> TextRequest:
    asked = ask(*contents, sampling=Sampling(max_tokens=40, temperature=0.0))
    return replace(asked, messages=(*asked.messages, ModelMessage("assistant", OPENING)))


async def test_llama_goes_on_behind_them(tmp_path: Path) -> None:
    engine = LlamaEngine(tiny_gguf(tmp_path), context=512, threads=1)
    try:
        request = begun("Write a page.")
        pieces, completion = await collect(engine, request)
        assert "".join(pieces) == completion.text
        assert not completion.text.startswith(OPENING)
        plain = await generate(engine, replace(request, id="plain", messages=request.messages[:1]))
        assert completion.text != plain.text
        # The opening is a part of the answer, not of the prompt.
        assert completion.usage.prompt_tokens == plain.usage.prompt_tokens
        assert completion.usage.completion_tokens <= 40
        assert await engine.count_messages(request.messages) == completion.usage.prompt_tokens
    finally:
        await engine.close()


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
