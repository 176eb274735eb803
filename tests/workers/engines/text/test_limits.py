"""The window and the tokens of the model that will answer."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.models.tiny_gguf import tiny_gguf
from tests.workers.engines.text.asking import ask, collect
from tests.workers.engines.text.simple_engines import Echo, Named
from workers.engines.errors import ContextFull
from workers.engines.text.base import Completion, ModelMessage, TextRequest
from workers.engines.text.chain import TextChain
from workers.engines.text.counting import TokenBound
from workers.engines.text.limits import UNKNOWN_CONTEXT
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.llama.models import LlamaModels


class Small(Named):
    """An engine that is always there, with a window of 50."""

    async def stream(self, request: TextRequest) -> AsyncIterator[str | Completion]:
        raise ContextFull(70, request.sampling.max_tokens, 50)
        yield ""

    async def context_size(self, model: str = "") -> int | None:
        return 50


class Miscounting(Echo):
    """A package's engine with a defect."""

    name = "miscounting"

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        raise KeyError(model)

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        raise KeyError(model)


async def test_the_model_that_would_answer_counts(tmp_path: Path) -> None:
    missing = LlamaEngine(tmp_path / "nothing.gguf")
    chain = TextChain([missing, Echo()])
    assert await chain.count_tokens("one two three") == 3
    assert await chain.context_size() == 100
    assert chain.is_local
    await missing.close()


async def test_local_models_differ_in_context_and_tokens(tmp_path: Path) -> None:
    small, big = tiny_gguf(tmp_path, name="small.gguf"), tiny_gguf(tmp_path, name="big.gguf")

    def make(path: Path) -> LlamaEngine:
        return LlamaEngine(path, context=512 if path == small else 1024, threads=1)

    models = LlamaModels(big, make, roles={"chat": small}, named={})
    chain = TextChain([models])
    assert (await chain.context_size("writer"), await chain.context_size("chat")) == (1024, 512)
    assert await chain.count_tokens("one two", "small") > 0
    assert [report["model"] for report in await chain.statistics()] == ["big", "small"]
    await chain.close()


async def test_the_limits_are_those_of_the_model_that_will_answer() -> None:
    chain = TextChain([Echo(), Small("small", "tiny")])
    limits = await chain.limits()
    assert (limits.engine, limits.context) == (chain.engines[0], 100)
    assert await limits.count(["one two", "three"]) == [2, 1]
    assert await limits.count_messages(ask("one two").messages) == 2
    assert (await chain.limits("tiny")).context == 50
    assert (await chain.limits(without={"echo"})).context == 50
    assert await chain.count_many(["one two"]) == [2]
    assert await chain.count_messages(ask("one two").messages) == 2


async def test_a_fallback_that_takes_less_says_which_one_it_is() -> None:
    chain = TextChain([Named("away"), Small("small")])
    with pytest.raises(ContextFull) as caught:
        await collect(chain, ask())
    assert caught.value.engine == "small"
    limits = await chain.limits(engine=caught.value.engine, context=caught.value.context_tokens)
    assert (limits.engine, limits.context) == (chain.engines[1], 50)


async def test_a_window_that_nobody_names_is_the_refusals_then_the_usual() -> None:
    chain = TextChain([Named("away")])
    assert (await chain.limits()).context == UNKNOWN_CONTEXT
    assert (await chain.limits(context=900)).context == 900
    assert (await TextChain().limits()).context == UNKNOWN_CONTEXT


async def test_counting_never_fails() -> None:
    for engine in (Named("away"), Miscounting()):
        limits = await TextChain([engine]).limits()
        assert await limits.count(["one two", ""]) == [TokenBound().of_text("one two"), 0]
        assert await limits.count_messages(ask("one").messages) >= 1
    assert await (await TextChain().limits()).count(["one two"]) == [TokenBound().of_text("one two")]


async def test_a_local_model_counts_many_texts_in_one_round_trip(shared_llama: LlamaEngine) -> None:
    texts = [f"door number {n}, and a sea behind it" for n in range(1000)]
    counts = await shared_llama.count_many(texts)
    assert counts[:3] == [await shared_llama.count_tokens(text) for text in texts[:3]]
    long = ["tower " * 100_000, "sea " * 100_000, "door"]
    assert (await shared_llama.count_many(long))[2] == await shared_llama.count_tokens("door")
