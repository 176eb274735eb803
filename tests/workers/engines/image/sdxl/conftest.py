"""A tiny SDXL, made on the spot: in this process, and behind the engine."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from workers.engines.image.sdxl.engine import SdxlEngine, SdxlOptions, missing_packages

_MISSING = missing_packages()
ON_CPU = SdxlOptions(device="cpu", threads=1, batch=8, stall_s=5.0)


class _Skipped(pytest.Module):
    def collect(self) -> NoReturn:
        pytest.skip(f"not installed: {', '.join(_MISSING)} (extra: gpu)", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Leave out these modules where torch is not installed: they could not even be imported."""
    return _Skipped.from_parent(parent, path=module_path) if _MISSING else None


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny model."""
    import torch

    from tests.models.tiny_sdxl import tiny_sdxl

    # Other tests use the cores too.
    torch.set_num_threads(1)
    return tiny_sdxl(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def pipeline(model_folder: Path) -> Any:
    """The tiny model as diffusers loads it: what the engine is compared with."""
    from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

    loaded: Any = StableDiffusionXLPipeline.from_pretrained(str(model_folder), local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    for part in (loaded.unet, loaded.vae, loaded.text_encoder, loaded.text_encoder_2):
        part.requires_grad_(False)
    return loaded


@pytest.fixture(scope="session")
async def sdxl(model_folder: Path) -> AsyncGenerator[SdxlEngine]:
    """The engine with the tiny model in its process."""
    engine = SdxlEngine(model_folder, ON_CPU)
    yield engine
    await engine.close()
