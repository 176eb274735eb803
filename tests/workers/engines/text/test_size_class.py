"""How large a model is, and that a prompt goes only to models of the size for which it is written."""

from pathlib import Path

import pytest

from prompts.sizes import SizeClass
from tests.doubles.text_engine import ScriptedEngine
from tests.models.tiny_gguf import tiny_gguf
from tests.workers.engines.text.asking import ask, collect
from workers.engines.errors import EngineUnavailable, OtherSize
from workers.engines.text.base import TextRequest
from workers.engines.text.chain import FallbackNote, TextChain
from workers.engines.text.gguf_file import read_header
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.llama.models import LlamaModels
from workers.engines.text.remote import RemoteEngine
from workers.engines.text.size_class import class_of, parameters_in_name, size_of

MILLION, BILLION = 10**6, 10**9


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("SmolLM2-135M-Instruct.Q4_1", 135 * MILLION),
        ("qwen2.5:0.5b", BILLION // 2),
        ("Qwen/Qwen2.5-7B-Instruct-1M-Q4_K_M", 7 * BILLION),
        ("Mixtral-8x7B-Instruct-v0.1", 56 * BILLION),
        ("qwen3-30b-a3b", 30 * BILLION),
        ("google/gemma-3n-E4B-it", 4 * BILLION),
        ("meta-llama/Llama-3.1-70B", 70 * BILLION),
        ("deepseek-v3-0.6t", 600 * BILLION),
        ("microsoft/Phi-3.5-mini-instruct", 3_800_000_000),
        ("microsoft/bitnet-b1.58-2B-4T", 2 * BILLION),
        ("llama3.1", 8 * BILLION),
        ("llama3.2:latest", 3 * BILLION),
        ("llama3.2:1b", BILLION),
        ("mistral", 7 * BILLION),
        ("mistral-large-latest", None),
        ("gemma3", 4 * BILLION),
        ("qwen2.5:latest", 7 * BILLION),
        ("qwen3-max", None),
        ("qwen2.5-coder", 7 * BILLION),
        ("microsoft/phi-2", 2_700_000_000),
        ("stabilityai/stablelm-2-1_6b", 1_600_000_000),
        ("llama_3_8b", 8 * BILLION),
        ("phi4-mini", 3_800_000_000),
        ("smollm2", 1_700_000_000),
        ("mlx/model-4bit", None),
        ("gpt-4o-mini", None),
        ("claude-sonnet-4", None),
        ("", None),
    ],
)
def test_names_say_how_large_a_model_is(name: str, parameters: int | None) -> None:
    assert parameters_in_name(name) == parameters


@pytest.mark.parametrize(
    ("parameters", "size"),
    [(1, "small"), (3 * BILLION - 1, "small"), (3 * BILLION, "medium"), (15 * BILLION, "large"), (None, "large")],
)
def test_the_classes(parameters: int | None, size: SizeClass) -> None:
    assert class_of(parameters) == size


async def test_a_file_says_it_better_than_its_name(tmp_path: Path) -> None:
    named, tiny = tiny_gguf(tmp_path, name="huge-70B.gguf"), tiny_gguf(tmp_path)
    assert MILLION < read_header(tiny).weights < 2 * MILLION
    assert await size_of(LlamaEngine(named)) == "small"
    assert await size_of(LlamaEngine(tmp_path / "missing-70B.gguf")) == "large"
    models = LlamaModels(tiny, LlamaEngine, roles={"writer": tmp_path / "missing-8B.gguf"}, named={})
    assert (await size_of(models, "writer"), await size_of(models, "chat")) == ("medium", "small")


async def test_other_engines_go_by_names() -> None:
    remote = RemoteEngine("http://127.0.0.1:1/v1", "gpt-5", models={"chat": "qwen3:4b"})
    assert (await size_of(remote, "writer"), await size_of(remote, "chat")) == ("large", "medium")
    await remote.close()
    assert await size_of(ScriptedEngine([""], model_names=("smol-360m",)), "writer") == "small"
    assert await size_of(ScriptedEngine([""])) == "large"


async def test_the_operator_goes_first() -> None:
    chain = TextChain([ScriptedEngine(["x"], model_names=("smol-360m",))], "medium")
    assert (await chain.limits()).size == "medium"


async def test_a_fallback_of_another_size_is_not_given_the_prompt() -> None:
    away = ScriptedEngine([EngineUnavailable("away")], name="away", model_names=("big-70b",))
    other = ScriptedEngine(["x"], name="other", model_names=("big-72b",))
    small = ScriptedEngine(["Small words."], name="small", model_names=("smol-360m",))
    chain, notes = TextChain([away, ScriptedEngine([EngineUnavailable("gone")], name="gone"), small]), []
    assert (await chain.limits()).size == "large"
    with pytest.raises(OtherSize) as caught:
        await _run(chain, notes, _for("large"))
    assert (caught.value.engine, caught.value.size, caught.value.passed) == ("small", "small", {"away", "gone"})
    assert [note.engine for note in notes] == ["away", "gone"]
    assert small.requests == []
    # The same size, and a prompt for all sizes, go on to the next.
    assert (await _run(TextChain([away, other]), [], _for("large"))) == "x"
    _, completion = await collect(TextChain([away, small]), ask())
    assert completion.text == "Small words."


def _for(size: SizeClass) -> TextRequest:
    asked = ask("Go")
    return TextRequest(asked.id, asked.messages, size=size)


async def _run(chain: TextChain, notes: list[FallbackNote], request: TextRequest) -> str:
    return "".join([piece async for piece in chain.stream(request, notes) if isinstance(piece, str)])
