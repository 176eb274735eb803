"""The embedding engines: joined calls, one model in a process of its own, one on a server."""

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.doubles.openai.embeddings import KEY, MODEL, REFUSALS, WORDS, EmbeddingServer, Fault, cosine
from tests.models.tiny_embedder import CONTEXT, DECODER_WIDTH, WIDTH, tiny_decoder, tiny_encoder
from workers.engines.errors import ContextFull, EngineOverloaded, EngineUnavailable, RequestRefused
from workers.engines.retry import ATTEMPTS, RetryPolicy
from workers.engines.text.embedding.base import EmbeddingEngine, Passes, Vector
from workers.engines.text.embedding.llama import LlamaEmbedder
from workers.engines.text.embedding.remote import PARALLEL, PASS_TEXTS, RemoteEmbedder

TEXTS = ["The keeper opens the door.", "Cold air.", "", "门 开 了 é \ud800", "The keeper opens the door."]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedding")


@pytest.fixture(scope="module")
async def encoder(models: Path) -> AsyncIterator[LlamaEmbedder]:
    engine = LlamaEmbedder(tiny_encoder(models))
    yield engine
    await engine.close()


@pytest.fixture(scope="module")
async def decoder(models: Path) -> AsyncIterator[LlamaEmbedder]:
    engine = LlamaEmbedder(tiny_decoder(models), context=512)
    yield engine
    await engine.close()


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    server = EmbeddingServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def remote(server: EmbeddingServer) -> AsyncIterator[RemoteEmbedder]:
    engine = RemoteEmbedder(server.url, MODEL, api_key=KEY, retry=RetryPolicy(pause_s=0.02), timeout_s=5)
    yield engine
    await engine.close()


@pytest.fixture(params=["encoder", "decoder", "remote"])
def engine(request: pytest.FixtureRequest) -> EmbeddingEngine:
    return request.getfixturevalue(request.param)


def is_close(one: Vector, other: Vector) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 2e-3


# What every engine does.


async def test_vectors_are_of_unit_length_in_the_order_of_the_texts(engine: EmbeddingEngine) -> None:
    vectors = await engine.embed(TEXTS)
    assert {len(vector) for vector in vectors} == {engine.dimensions}
    assert engine.dimensions in {WIDTH, DECODER_WIDTH, 24}
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 5, abs=1e-5)
    assert is_close(vectors[0], vectors[4])
    assert not is_close(vectors[0], vectors[1])
    alone = [(await engine.embed([text]))[0] for text in TEXTS]
    assert all(map(is_close, vectors, alone))


async def test_calls_at_the_same_time_get_their_own_vectors(engine: EmbeddingEngine) -> None:
    texts = [[f"Caller {i} and his text {j} of few words." for j in range(i % 5)] for i in range(40)]
    together = await asyncio.gather(*(engine.embed(own) for own in texts))
    assert [len(vectors) for vectors in together] == [i % 5 for i in range(40)]
    for i in (4, 23, 39):
        assert all(map(is_close, together[i], await engine.embed(texts[i])))


async def test_a_text_that_is_too_long_fails_its_own_call_only(engine: EmbeddingEngine) -> None:
    results = await asyncio.gather(
        engine.embed(["one", "two"]), engine.embed(["one", "a " * 600]), engine.embed(["three"]), return_exceptions=True
    )
    first, full, third = results
    assert isinstance(first, list)
    assert len(first) == 2
    assert isinstance(third, list)
    assert isinstance(full, ContextFull)
    assert full.prompt_tokens >= 600
    assert full.context_tokens in {CONTEXT, 512, WORDS}


async def test_no_texts(engine: EmbeddingEngine) -> None:
    assert await engine.embed([]) == []


# Joining.


class Recorder:
    """Embeds a text as its length, and keeps what it was asked in one pass."""

    def __init__(self) -> None:
        self.passes: list[list[str]] = []

    async def __call__(self, texts: Sequence[str]) -> list[Vector]:
        self.passes.append(list(texts))
        await asyncio.sleep(0.01)
        if "bad" in texts:
            raise RequestRefused("bad")
        if "down" in texts:
            raise EngineUnavailable("down")
        return [[float(len(text))] for text in texts]


async def test_calls_within_the_window_are_one_pass() -> None:
    recorder = Recorder()
    passes = Passes(recorder, texts=64)
    assert await asyncio.gather(*(passes.embed(["x" * i]) for i in range(50))) == [[[float(i)]] for i in range(50)]
    assert [len(texts) for texts in recorder.passes] == [50]


async def test_a_short_call_waits_for_one_pass_of_a_long_one() -> None:
    recorder = Recorder()
    passes = Passes(recorder, texts=4)
    long = asyncio.create_task(passes.embed([f"long {i}" for i in range(40)]))
    while not recorder.passes:
        await asyncio.sleep(0.001)
    await passes.embed(["short"])
    assert ["short" in texts for texts in recorder.passes].index(True) <= 2
    assert len(await long) == 40
    assert [text for texts in recorder.passes for text in texts if text != "short"] == [f"long {i}" for i in range(40)]


async def test_who_left_is_not_computed_and_hinders_nobody() -> None:
    recorder = Recorder()
    passes = Passes(recorder, texts=4)
    leaving = asyncio.create_task(passes.embed(["gone"] * 12))
    staying = asyncio.create_task(passes.embed(["here"]))
    while not recorder.passes:
        await asyncio.sleep(0.001)
    leaving.cancel()
    assert await staying == [[4.0]]
    assert sum(text == "gone" for texts in recorder.passes for text in texts) <= 8
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await passes.embed(["again"]) == [[5.0]]


async def test_refusals_are_for_the_one_failures_for_all() -> None:
    passes = Passes(Recorder(), texts=8)
    results = await asyncio.gather(*(passes.embed([text]) for text in ("a", "bad", "cc")), return_exceptions=True)
    assert results[0] == [[1.0]]
    assert isinstance(results[1], RequestRefused)
    assert results[2] == [[2.0]]
    results = await asyncio.gather(*(passes.embed([text]) for text in ("a", "down")), return_exceptions=True)
    assert all(isinstance(result, EngineUnavailable) for result in results)


async def test_closing_ends_what_runs_and_what_waits() -> None:
    passes = Passes(Recorder(), texts=2)
    calls = [asyncio.create_task(passes.embed([f"{i}", "x"])) for i in range(6)]
    await asyncio.sleep(0.008)
    await passes.close()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, EngineUnavailable) for result in results)
    with pytest.raises(EngineUnavailable, match="closed"):
        await passes.embed(["late"])


async def test_passes_run_beside_each_other_if_they_may() -> None:
    recorder = Recorder()
    started = asyncio.get_running_loop().time()
    assert len(await Passes(recorder, texts=1, parallel=20).embed(["x"] * 20)) == 20
    assert asyncio.get_running_loop().time() - started < 0.15


# The local model.


async def test_a_process_that_died_is_replaced(models: Path) -> None:
    engine = LlamaEmbedder(tiny_encoder(models))
    try:
        assert engine.process_id is None
        assert engine.dimensions is None
        before = await engine.embed(TEXTS)
        pid = engine.process_id
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        task = asyncio.create_task(engine.embed(TEXTS))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        assert await asyncio.wait_for(task, 20) == before
        assert engine.process_id != pid
    finally:
        await engine.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        await engine.embed(["late"])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("missing", "cannot be read"),
        ("text", "not a GGUF file"),
        ("truncated", "could not load"),
        ("rank", "it ranks texts"),
    ],
)
async def test_files_that_cannot_embed(tmp_path: Path, fault: str, reason: str) -> None:
    path = tmp_path / "bad.gguf"
    match fault:
        case "text":
            path.write_text("<html>Not found</html>")
        case "truncated":
            data = tiny_encoder(tmp_path).read_bytes()
            path.write_bytes(data[: len(data) // 2])
        case "rank":
            tiny_encoder(tmp_path, pooling="rank", name="bad.gguf")
        case _:
            pass
    engine = LlamaEmbedder(path)
    try:
        with pytest.raises(EngineUnavailable, match=rf"bad\.gguf: .*{reason}"):
            await asyncio.wait_for(engine.embed(["x"]), 10)
        # The second time it is known already.
        with pytest.raises(EngineUnavailable, match=r"bad\.gguf"):
            await asyncio.wait_for(engine.embed(["x"]), 0.2)
    finally:
        await engine.close()


# The server.


async def test_many_texts_go_in_several_requests(remote: RemoteEmbedder, server: EmbeddingServer) -> None:
    server.pause_s = 0.05
    texts = [f"text {i}" for i in range(5 * PASS_TEXTS + 1)]
    vectors = await remote.embed(texts)
    assert [cosine(vector, server.vector(text)) for vector, text in zip(vectors, texts, strict=True)] == pytest.approx(
        [1.0] * len(texts), abs=1e-5
    )
    assert sorted(len(request["input"]) for request in server.requests) == [1, *[PASS_TEXTS] * 5]
    assert server.most_at_once == PARALLEL


async def test_a_server_without_base64_is_asked_for_numbers(remote: RemoteEmbedder, server: EmbeddingServer) -> None:
    packed = await remote.embed(TEXTS)
    server.knows_base64 = False
    for _ in range(2):
        assert all(map(is_close, await remote.embed(TEXTS), packed))
    assert ["encoding_format" in request for request in server.requests] == [True, True, False, False]


@pytest.mark.parametrize("fault", [Fault(429), Fault(500), Fault(503), Fault(529), Fault(kind="drop")])
async def test_passing_troubles_are_retried(remote: RemoteEmbedder, server: EmbeddingServer, fault: Fault) -> None:
    server.faults.extend([fault, fault])
    assert len(await remote.embed(["one"])) == 1
    assert len(server.requests) == 3


async def test_the_servers_own_pause_is_kept(remote: RemoteEmbedder, server: EmbeddingServer) -> None:
    server.faults.append(Fault(429, {"Retry-After": "0.4"}))
    started = asyncio.get_running_loop().time()
    await remote.embed(["one"])
    assert asyncio.get_running_loop().time() - started >= 0.4
    server.faults.append(Fault(429, {"Retry-After": "90"}))
    with pytest.raises(EngineOverloaded) as caught:
        await remote.embed(["one"])
    assert caught.value.retry_after == 90


async def test_lasting_troubles(remote: RemoteEmbedder, server: EmbeddingServer) -> None:
    server.faults.extend([Fault(500)] * ATTEMPTS)
    with pytest.raises(EngineUnavailable, match="500"):
        await remote.embed(["one"])
    assert len(server.requests) == ATTEMPTS


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("fewer", "1 vectors for 2 texts"),
        ("longer", "25 numbers, not 24"),
        ("zero", "no direction"),
        ("html", "not in OpenAI's form"),
        ("form", "not in OpenAI's form"),
    ],
)
async def test_answers_that_cannot_be_right(
    remote: RemoteEmbedder, server: EmbeddingServer, kind: str, problem: str
) -> None:
    await remote.embed(["first"])
    server.faults.append(Fault(kind=kind))  # pyright: ignore[reportArgumentType]
    with pytest.raises(EngineUnavailable, match=problem):
        await remote.embed(["one", "two"])
    assert len(await remote.embed(["one", "two"])) == 2


async def test_the_length_of_vectors_may_be_demanded(server: EmbeddingServer) -> None:
    engine = RemoteEmbedder(server.url, MODEL, api_key=KEY, dimensions=1024)
    with pytest.raises(EngineUnavailable, match="24 numbers, not 1024"):
        await engine.embed(["one"])
    await engine.close()


@pytest.mark.parametrize("words", REFUSALS)
async def test_a_text_that_is_too_long_in_the_words_of_servers(
    remote: RemoteEmbedder, server: EmbeddingServer, words: str
) -> None:
    server.refusal = words
    with pytest.raises(ContextFull) as caught:
        await remote.embed(["short", "long " * 100])
    assert caught.value.context_tokens == (0 if words == "vague" else WORDS)
    assert caught.value.prompt_tokens == (125 if words == "vague" else 100)
    assert len(server.requests) == 1


async def test_wrong_keys_and_models_say_what_to_look_at(server: EmbeddingServer) -> None:
    stranger = RemoteEmbedder(server.url, MODEL, api_key="sk-wrong-0123456789")
    with pytest.raises(RequestRefused, match="check STORYFORK_EMBEDDING_API_KEY") as caught:
        await stranger.embed(["one"])
    assert "wrong-0123" not in str(caught.value)
    await stranger.close()
    other = RemoteEmbedder(server.url, "no-such-model", api_key=KEY)
    with pytest.raises(RequestRefused, match="check STORYFORK_EMBEDDING_REMOTE_MODEL"):
        await other.embed(["one"])
    await other.close()


async def test_a_silent_server_is_not_waited_for_twice(server: EmbeddingServer) -> None:
    server.faults.append(Fault(kind="silence"))
    engine = RemoteEmbedder(server.url, MODEL, api_key=KEY, timeout_s=2.0)
    with pytest.raises(EngineUnavailable, match="in time"):
        await engine.embed(["one"])
    assert len(server.requests) == 1
    await engine.close()
