"""A tiny SDXL, made on the spot: in this process, and behind the engine."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from workers.engines.image.sdxl.engine import SdxlEngine, SdxlOptions

pytest.importorskip("diffusers")

ON_CPU = SdxlOptions(device="cpu", threads=1, batch=8, stall_s=5.0)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny model."""
    from tests.models.tiny_sdxl import tiny_sdxl

    return tiny_sdxl(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def pipeline(model_folder: Path) -> Any:
    """The tiny model as diffusers loads it: what the engine is compared with."""
    import torch
    from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

    # Other tests use the cores too.
    torch.set_num_threads(1)
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
