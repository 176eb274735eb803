"""The chain of engines: who is asked next, and what is told about it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.doubles.openai.server import KEY, MODEL, Fault, OpenAIServer
from tests.models.tiny_gguf import tiny_gguf
from tests.workers.engines.text.asking import ask, collect
from tests.workers.engines.text.simple_engines import Echo, Named
from workers.engines.errors import (
    ContextFull,
    EngineOverloaded,
    EngineUnavailable,
    GenerationCancelled,
    GenerationTimedOut,
)
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import Completion, Sampling, TextEngine, TextRequest, generate
from workers.engines.text.build import OWN_TEXT_ENGINES, TextEngineSpec, build_text_chain
from workers.engines.text.chain import FallbackNote, TextChain
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.llama.models import LlamaModels
from workers.engines.text.remote import RemoteEngine, Timeouts
from workers.engines.text.settings import TextSettings


@pytest.fixture
async def chain(remote: RemoteEngine) -> TextChain:
    return TextChain([remote, Echo()])


@pytest.fixture
async def dead() -> AsyncIterator[RemoteEngine]:
    engine = RemoteEngine("http://127.0.0.1:9/v1", MODEL, retry=RetryPolicy(pause_s=0.01))
    yield engine
    await engine.close()


async def run(chain: TextChain, request: TextRequest) -> tuple[str, Completion, list[FallbackNote]]:
    """What a caller shows who heeds the notes."""
    notes: list[FallbackNote] = []
    shown = ""
    seen = 0
    async for piece in chain.stream(request, notes):
        if any(note.discarded_text for note in notes[seen:]):
            shown = ""
        seen = len(notes)
        if isinstance(piece, Completion):
            return shown, piece, notes
        shown += piece
    raise AssertionError("no completion")


async def test_a_chain_is_an_engine(chain: TextChain, server: OpenAIServer) -> None:
    engine: TextEngine = chain
    assert isinstance(engine, TextEngine)
    pieces, completion = await collect(engine, ask())
    assert "".join(pieces) == completion.text == server.text
    assert completion.engine == "remote"


async def test_the_next_one_writes(dead: RemoteEngine) -> None:
    shown, completion, notes = await run(TextChain([dead, Echo()]), ask("Hello"))
    assert (shown, completion.engine) == ("Hello", "echo")
    assert [(note.engine, note.error, note.discarded_text) for note in notes] == [
        ("remote", "EngineUnavailable", False)
    ]


async def test_a_refusal_is_followed(chain: TextChain, server: OpenAIServer) -> None:
    server.faults.append(Fault(status=403, error={"message": "policy"}))
    _, completion, notes = await run(chain, ask())
    assert completion.engine == "echo"
    assert notes[0].error == "RequestRefused"
    assert "policy" in notes[0].reason


TROUBLES = {
    "wrong key": (Fault(status=401, error={"message": "no"}), "RequestRefused", "STORYFORK_REMOTE_API_KEY"),
    "forbidden": (Fault(status=403, error={"message": "no"}), "RequestRefused", "STORYFORK_REMOTE_MODEL"),
    "no such model": (Fault(status=404, error={"message": "no"}), "RequestRefused", "STORYFORK_REMOTE_BASE_URL"),
    "busy for long": (Fault(status=429, headers={"Retry-After": "60"}), "EngineOverloaded", "429"),
    "broken": (Fault(status=500), "EngineUnavailable", "500"),
    "no gateway": (Fault(status=502), "EngineUnavailable", "502"),
    "a proxy's page": (Fault(status=503, error={"message": "<html>away</html>"}), "EngineUnavailable", "503"),
    "nothing at all": (Fault(kind="hang"), "EngineUnavailable", "silent"),
    "silence in the middle": (Fault(kind="silence", words=2), "EngineOverloaded", "silent"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_every_trouble_of_a_server_has_its_kind_and_the_next_one_writes(
    server: OpenAIServer, trouble: str
) -> None:
    fault, kind, reason = TROUBLES[trouble]
    server.faults.extend([fault] * 10)
    timeouts = Timeouts(first_s=0.3 if fault.kind == "hang" else 60, between_s=0.3)
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, retry=RetryPolicy(pause_s=0.01), timeouts=timeouts)
    shown, completion, notes = await run(TextChain([engine, Echo()]), ask("Hello"))
    assert (shown, completion.engine) == ("Hello", "echo")
    assert {note.error for note in notes} == {kind}
    assert reason in notes[0].reason
    await engine.close()


async def test_a_server_that_drips_is_left_for_the_next_one(server: OpenAIServer) -> None:
    server.text, server.pause_s = "drip " * 500, 0.05
    timeouts = Timeouts(first_s=10, between_s=10, total_s=0.5)
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, timeouts=timeouts)
    shown, completion, notes = await run(TextChain([engine, Echo()]), ask("Hello", deadline_s=300))
    assert (shown, completion.engine) == ("Hello", "echo")
    assert [note.error for note in notes] == ["EngineUnavailable"]
    await engine.close()


async def test_overload_is_waited_for_once(chain: TextChain, server: OpenAIServer) -> None:
    server.faults.append(Fault(kind="drop", words=1))
    _, completion, notes = await run(chain, ask())
    assert completion.engine == "remote"
    assert len(notes) == 1

    server.faults.extend([Fault(kind="cut")] * 2)
    _, completion, notes = await run(chain, ask())
    assert completion.engine == "echo"
    assert len(notes) == 2

    server.faults.append(Fault(status=429, headers={"Retry-After": "30"}))
    _, completion, notes = await run(chain, ask())
    assert completion.engine == "echo"
    assert [note.error for note in notes] == ["EngineOverloaded"]


async def test_text_that_breaks_off_is_void(chain: TextChain, server: OpenAIServer) -> None:
    server.faults.append(Fault(kind="drop", words=4))
    shown, completion, notes = await run(chain, ask())
    assert shown == completion.text == server.text
    assert notes[0].discarded_text


async def test_text_that_breaks_off_is_an_error_to_who_takes_no_notes(chain: TextChain, server: OpenAIServer) -> None:
    server.faults.append(Fault(kind="drop", words=4))
    with pytest.raises(EngineOverloaded):
        await generate(chain, ask())


async def test_a_timeout_reaches_the_caller(remote: RemoteEngine, server: OpenAIServer) -> None:
    server.pause_s = 5
    with pytest.raises(GenerationTimedOut):
        await generate(TextChain([remote, Echo()]), ask(deadline_s=0.2))


async def test_context_full_reaches_the_caller(chain: TextChain) -> None:
    with pytest.raises(ContextFull):
        await generate(chain, ask("door " * 6000))


async def test_cancel_reaches_the_caller(chain: TextChain, server: OpenAIServer) -> None:
    server.pause_s = 0.1
    request = ask()
    stream = chain.stream(request)
    await anext(stream)
    assert await chain.cancel(request.id)
    with pytest.raises(GenerationCancelled):
        async for _ in stream:
            pass
    assert not await chain.cancel(request.id)


async def test_cancel_between_two_tries(chain: TextChain, server: OpenAIServer) -> None:
    server.faults.append(Fault(kind="cut"))
    request = ask()
    notes: list[FallbackNote] = []

    async def consume() -> None:
        async for _ in chain.stream(request, notes):
            pass

    task = asyncio.create_task(consume())
    while not notes:
        await asyncio.sleep(0.005)
    assert await chain.cancel(request.id)
    with pytest.raises(GenerationCancelled):
        await task


async def test_all_engines_fail(dead: RemoteEngine) -> None:
    notes: list[FallbackNote] = []
    with pytest.raises(EngineUnavailable, match="no engine could write: remote"):
        async for _ in TextChain([dead]).stream(ask(), notes):
            pass
    assert [note.engine for note in notes] == ["remote"]


async def test_a_chain_may_be_empty() -> None:
    chain = TextChain()
    with pytest.raises(EngineUnavailable, match="none is configured"):
        await generate(chain, ask())
    with pytest.raises(EngineUnavailable):
        await chain.count_tokens("one")
    assert await chain.context_size() is None
    assert await chain.statistics() == []


@pytest.mark.slow
async def test_llama_that_dies_goes_on_unnoticed(model: Path) -> None:
    engine = LlamaEngine(model, context=4096)
    chain = TextChain([engine, Echo()])
    notes: list[FallbackNote] = []
    stream = chain.stream(ask(sampling=Sampling(max_tokens=500, temperature=0)), notes)
    await anext(stream)
    assert engine.process_id is not None
    os.kill(engine.process_id, signal.SIGKILL)
    last: str | Completion = ""
    async for piece in stream:
        last = piece
    assert isinstance(last, Completion)
    assert last.engine == "llama"
    assert notes == []
    await chain.close()


def settings(tmp_path: Path, **values: object) -> TextSettings:
    return TextSettings.model_validate({"models_dir": tmp_path / "models"} | values)


async def names(chosen: TextSettings) -> list[str]:
    chain = await asyncio.to_thread(build_text_chain, chosen, OWN_TEXT_ENGINES)
    found = [engine.name for engine in chain.engines]
    await chain.close()
    return found


async def test_what_is_not_configured_is_left_out(tmp_path: Path) -> None:
    assert await names(settings(tmp_path)) == []


async def test_what_is_configured_is_built(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "models" / "llama-3.1-8b")
    known = {"remote_base_url": "http://localhost:1/v1", "remote_model": MODEL, "remote_api_key": KEY}
    assert await names(settings(tmp_path, **known)) == ["llama", "remote"]
    assert await names(settings(tmp_path, **known, text_engines="template,remote,llama")) == ["remote", "llama"]
    assert await names(settings(tmp_path, **known, text_engines="remote")) == ["remote"]
    assert await names(settings(tmp_path, **known, use_ai=False)) == []


async def test_an_engine_that_cannot_be_made_is_left_out(tmp_path: Path) -> None:
    def broken(settings: TextSettings) -> TextEngine:
        raise RuntimeError("no licence")

    specs = [TextEngineSpec("llama", broken), TextEngineSpec("remote", lambda _: Echo())]
    chosen = settings(tmp_path, text_engines="unknown,llama,remote,template")
    chain = await asyncio.to_thread(build_text_chain, chosen, specs)
    assert [engine.name for engine in chain.engines] == ["echo"]


async def test_the_models_that_were_found_may_be_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    preferred = tiny_gguf(folder / "llama-3.1-8b")
    tiny_gguf(folder / "another")
    tiny_gguf(folder, name="small.gguf")
    (folder / "broken.gguf").write_bytes(b"GGUF")
    remote = {"remote_base_url": "http://localhost:1/v1", "remote_model": MODEL, "remote_models": "chat=talker"}
    chain = await asyncio.to_thread(build_text_chain, settings(tmp_path, **remote), OWN_TEXT_ENGINES)
    assert chain.model_names == (preferred.stem, "small", MODEL, "talker")
    # Two files have this name: the one that writes anyway is meant.
    assert isinstance(llama := chain.engines[0], LlamaModels)
    assert llama.engine_for(preferred.stem) is llama.engine_for("")
    await chain.close()


def test_a_chain_has_the_models_of_its_engines(remote: RemoteEngine) -> None:
    chain = TextChain([Named("one", "a", "writer", "b"), remote, Named("two", "b", "c"), Echo()])
    # A role is no name: it means whatever the operator gave it.
    assert chain.model_names == ("a", "b", *remote.model_names, "c")
    assert TextChain([Echo()]).model_names == ()


@pytest.mark.parametrize(
    ("model", "order"),
    [("", "one two three"), ("c", "two three one"), ("b", "one two three"), ("writer", "one two three")],
)
async def test_who_has_the_model_is_asked_first(model: str, order: str) -> None:
    chain = TextChain([Named("one", "a", "b"), Named("two", "b", "c"), Named("three", "c", "writer"), Echo()])
    _, completion, notes = await run(chain, replace(ask("Hi"), model=model))
    assert completion.engine == "echo"
    assert [note.engine for note in notes] == order.split()


class Broken(Echo):
    """An engine that breaks off in the middle by a defect, or that forgets to end."""

    name = "broken"

    def __init__(self, *, forgets: bool) -> None:
        self.forgets = forgets

    async def stream(self, request: TextRequest) -> AsyncIterator[str | Completion]:
        yield "Half a"
        if not self.forgets:
            raise KeyError("text")


@pytest.mark.parametrize(
    ("forgets", "reason"), [(False, "a defect: KeyError"), (True, "it ended without a completion")]
)
async def test_after_a_defect_in_an_engine_the_next_one_is_asked(forgets: bool, reason: str) -> None:
    notes: list[FallbackNote] = []
    pieces = [p async for p in TextChain([Broken(forgets=forgets), Echo()]).stream(ask("Hello"), notes=notes)]
    assert pieces[0] == "Half a"
    assert isinstance(pieces[-1], Completion)
    assert pieces[-1].text == "Hello"
    assert notes == [FallbackNote("broken", "EngineUnavailable", reason, True)]
    with pytest.raises(EngineOverloaded, match=reason):
        await collect(TextChain([Broken(forgets=forgets)]), ask("Hello"))
