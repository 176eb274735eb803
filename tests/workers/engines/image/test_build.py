"""Which engines there are: by settings, by what lies on the disk, and by other packages."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.engines.image.test_discovery import a_folder
from workers.engines.image.base import ImageEngine, ImageProgress, ImageRequest, Picture, draw
from workers.engines.image.build import OWN_IMAGE_ENGINES, ImageEngineSpec, build_image_chain
from workers.engines.image.checked import CheckedEngine
from workers.engines.image.discovery import with_pulled
from workers.engines.image.openai import OpenAIImages
from workers.engines.image.sdxl.engine import SdxlEngine, SdxlOptions, missing_packages
from workers.engines.image.settings import ImageSettings

SERVER = {"image_base_url": "http://127.0.0.1:9/v1", "image_remote_model": "flux"}


async def build(root: Path, **settings: Any) -> dict[str, ImageEngine]:
    chain = build_image_chain(ImageSettings(models_dir=root, **settings), OWN_IMAGE_ENGINES)
    await chain.close()
    return {engine.name: engine for engine in chain.engines}


async def test_none_without_model_and_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert await build(tmp_path) == {}
    assert await build(tmp_path, image_model=tmp_path / "gone") == {}
    assert "gone is no image model that can be used: not there" in caplog.text
    assert await build(tmp_path, image_base_url="http://127.0.0.1:9/v1") == {}


async def test_in_the_order_of_the_settings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    a_folder(tmp_path / "model")
    engines = await build(tmp_path, image_engines="openai,sdxl,openai", **SERVER)
    assert isinstance(engines["openai"], OpenAIImages)
    if missing_packages():
        assert "pip install 'storyfork[gpu]'" in caplog.text
        return
    assert list(engines) == ["openai", "sdxl"]
    assert isinstance(engines["sdxl"], SdxlEngine)
    assert all(isinstance(engine, ImageEngine) and engine.name == name for name, engine in engines.items())
    assert list(await build(tmp_path, image_engines="openai", **SERVER)) == ["openai"]
    checked = (await build(tmp_path, image_engines="openai", image_classifier=tmp_path, **SERVER))["openai"]
    assert isinstance(checked, CheckedEngine)
    assert checked.has_classifier
    assert isinstance(checked.drawer, OpenAIImages)


class OtherEngine(ImageEngine):
    """An engine of another package: it takes the protocol's defaults."""

    name = "other"

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
        yield Picture(b"", request.width, request.height, request.seed, self.name, "m")

    async def cancel(self, request_id: str) -> bool:
        return False


def broken(settings: ImageSettings) -> ImageEngine | None:
    raise RuntimeError("no graphics card")


async def test_engines_of_packages_and_names_without_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = ImageSettings.model_validate({"models_dir": tmp_path, "image_engines": "magic,broken,other", **SERVER})
    other = ImageEngineSpec("other", lambda _: OtherEngine())
    chain = build_image_chain(settings, (*OWN_IMAGE_ENGINES, ImageEngineSpec("broken", broken), other))
    assert [engine.name for engine in chain.engines] == ["other"]
    assert "there is no image engine “magic”; there are: sdxl, openai, broken, other" in caplog.text
    assert "no graphics card" in caplog.text
    assert await chain.stats() == [{"engine": "other", "loaded": True}]
    assert (await draw(chain.engines[0], ImageRequest("1", (), 7))).seed == 7
    await chain.close()


async def test_what_was_pulled_is_found(tmp_path: Path) -> None:
    (tmp_path / "image" / "loras").mkdir(parents=True)
    (tmp_path / "image" / "loras" / "ink.safetensors").write_bytes(b"")
    (tmp_path / "image" / "safety").mkdir()
    (tmp_path / "image" / "safety" / "config.json").write_text("{}")
    settings = with_pulled(ImageSettings(models_dir=tmp_path))
    engine = SdxlEngine(tmp_path, SdxlOptions(loras=settings.image_loras, classifier=settings.image_classifier))
    assert engine.loras == {"ink"}
    assert engine.has_classifier
    assert await engine.statistics() is None
