"""Which engines there are: by settings, by what lies on the disk, and by other packages."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workers.engines.image.test_discovery import a_folder
from workers.engines.image.base import ImageEngine
from workers.engines.image.build import build_image_engines
from workers.engines.image.openai import OpenAIImages
from workers.engines.image.sdxl.engine import SdxlEngine, missing_packages
from workers.engines.image.settings import ImageSettings

SERVER = {"image_base_url": "http://127.0.0.1:9/v1", "image_remote_model": "flux"}
PACKAGE = """
class Painter:
    name = "painter"
    def __init__(self, models): self.models = models
    async def stream(self, request):
        yield None
    async def cancel(self, request_id): return False
    async def close(self): pass

def make(settings):
    return Painter(settings.models_dir) if settings.image_batch else None
"""


async def build(root: Path, **settings: Any) -> dict[str, ImageEngine]:
    engines = build_image_engines(ImageSettings(models_dir=root, **settings))
    for engine in engines.values():
        await engine.close()
    return engines


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


async def test_an_engine_of_another_package(tmp_path: Path) -> None:
    site = tmp_path / "site"
    about = site / "painter_engine-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "painter_engine.py").write_text(PACKAGE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: painter-engine\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[storyfork.image_engines]\npainter = painter_engine:make\n")
    sys.path.append(str(site))
    try:
        engines = await build(tmp_path, image_engines="painter,openai", image_batch=1, **SERVER)
        assert list(engines) == ["painter", "openai"]
        assert isinstance(engines["painter"], ImageEngine)
        assert list(await build(tmp_path, image_engines="painter")) == []
    finally:
        sys.path.remove(str(site))
        sys.modules.pop("painter_engine", None)
