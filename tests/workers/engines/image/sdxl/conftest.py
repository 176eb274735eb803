"""A tiny SDXL, made on the spot: in this process, and behind the engine."""

from collections.abc import AsyncGenerator
from dataclasses import replace
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
def lora_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two LoRAs, and a file that is none."""
    pytest.importorskip("peft", reason="not installed: peft (extra: gpu)")
    from tests.models.tiny_sdxl import tiny_lora

    folder = tmp_path_factory.mktemp("loras")
    for seed, name in enumerate(("ink.v2", "oil")):
        tiny_lora(folder, name, model=model_folder, seed=seed)
    (folder / "broken.safetensors").write_bytes(b"no tensors")
    (folder.parent / "outside.safetensors").write_bytes(b"no tensors")
    return folder


@pytest.fixture(scope="session")
async def sdxl(
    model_folder: Path, lora_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[SdxlEngine]:
    """The engine with the tiny model, LoRAs and a classifier in its process."""
    from tests.models.tiny_picture_classifier import a_classifier

    classifier = a_classifier(tmp_path_factory.mktemp("classifier"))
    engine = SdxlEngine(model_folder, replace(ON_CPU, loras=lora_folder, classifier=classifier))
    yield engine
    await engine.close()
