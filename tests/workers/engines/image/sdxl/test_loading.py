"""What is loaded and what is not, and what is said about it."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from workers.engines.image.discovery import find_image_models
from workers.engines.image.failures import Unloadable
from workers.engines.image.sdxl.protocol import LoadSdxl
from workers.engines.image.settings import ImageSettings


def import_libraries() -> None:
    global torch, single_file, check_files, choose_device, load_model, choose_vae_dtype
    import torch

    from tests.models.tiny_sdxl_checkpoint import single_file
    from workers.engines.image.sdxl.server.loading import check_files, choose_device, load_model
    from workers.engines.image.sdxl.server.vae import choose_vae_dtype


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(model_folder, tmp_path / "copy")


def load(path: Path, **fields: Any) -> None:
    load_model(LoadSdxl(path=str(path), device="cpu", **fields), lambda: None)


def test_the_model_is_loaded_and_life_is_shown(model_folder: Path) -> None:
    beats: list[None] = []
    model = load_model(LoadSdxl(path=str(model_folder), device="auto"), lambda: beats.append(None))
    assert (model.name, model.dtype) == ("tiny-sdxl", torch.float32)
    assert len(beats) > 3


def test_other_formats_are_not_touched(tmp_path: Path, copy: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    checkpoint = tmp_path / "model.ckpt"
    checkpoint.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(Unloadable, match="not a safetensors file"):
        load(checkpoint)
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    weights.with_suffix(".bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(Unloadable):
        load(copy)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "entry", [["os", "system"], ["diffusers", "LMSDiscreteUnknown"], ["my_unet", "UNet2DConditionModel"]]
)
def test_other_classes_are_not_imported(copy: Path, entry: list[str]) -> None:
    index = copy / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"unet": entry}))
    with pytest.raises(Unloadable, match="not allowed"):
        load(copy)


def test_other_models_are_named(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(Unloadable, match="there is no model at"):
        load(tmp_path / "nothing")
    index = copy / "model_index.json"
    index.write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(Unloadable, match="is a FluxPipeline, not an SDXL model"):
        load(copy)
    index.write_text("{")
    with pytest.raises(Unloadable, match="cannot be read"):
        load(copy)


def test_a_damaged_file_is_named(copy: Path) -> None:
    weights = copy / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(Unloadable, match="copy is no SDXL model"):
        load(copy)


def test_a_single_file_needs_a_configuration(copy: Path, tmp_path: Path) -> None:
    single = (copy / "unet" / "diffusion_pytorch_model.safetensors").rename(tmp_path / "single.safetensors")
    with pytest.raises(Unloadable, match="a folder with SDXL's configuration and tokenizers"):
        load(single)


def test_a_single_file_is_the_same_model(model_folder: Path, tmp_path: Path, pipeline: Any) -> None:
    single = single_file(model_folder, tmp_path / "image" / "single.safetensors")
    # What belongs beside it: everything of a model's folder but its weights.
    config = tmp_path / "image" / "sdxl-config"
    shutil.copytree(model_folder, config, ignore=shutil.ignore_patterns("*.safetensors"))
    candidates = find_image_models(ImageSettings(models_dir=tmp_path))
    assert [(each.path, each.config, each.usable) for each in candidates] == [(single, config, True)]
    model = load_model(LoadSdxl(path=str(single), config=str(config), device="cpu"), lambda: None)
    assert model.name == "single"
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        ours, theirs = (getattr(each, part).state_dict() for each in (model.pipeline, pipeline))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs), part


def test_only_listed_models_are_loaded(copy: Path, tmp_path: Path) -> None:
    listed = tmp_path / "allowed.txt"
    sums = [hashlib.sha256(file.read_bytes()).hexdigest() for file in copy.rglob("*.safetensors")]
    listed.write_text("".join(f"{each}  some-name\n" for each in sums))
    check_files(copy, listed, lambda: None)
    listed.write_text("".join(f"{each}  some-name\n" for each in sums[1:]))
    with pytest.raises(Unloadable, match="not among those allowed"):
        check_files(copy, listed, lambda: None)
    with pytest.raises(Unloadable, match="cannot be read"):
        check_files(copy, tmp_path / "missing.txt", lambda: None)


def test_a_sum_beside_the_file_must_fit(copy: Path) -> None:
    beside = copy / "unet" / "diffusion_pytorch_model.safetensors.sha256"
    beside.write_text("0" * 64 + "  diffusion_pytorch_model.safetensors\n")
    with pytest.raises(Unloadable, match="not among those allowed"):
        load(copy)


def test_devices() -> None:
    with pytest.raises(Unloadable, match="there is no device 'toaster'"):
        choose_device("toaster")
    if not torch.cuda.is_available():
        with pytest.raises(Unloadable, match="no CUDA device"):
            choose_device("cuda")


def test_the_vae_is_upcast_only_where_it_must_be() -> None:
    cpu = torch.device("cpu")
    assert choose_vae_dtype(True, torch.float16, cpu) is torch.float32
    assert choose_vae_dtype(False, torch.float16, cpu) is torch.float16
    assert choose_vae_dtype(True, torch.bfloat16, cpu) is torch.bfloat16
    assert choose_vae_dtype(True, torch.float32, cpu) is torch.float32
