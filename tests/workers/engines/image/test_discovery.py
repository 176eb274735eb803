"""Which models are found, in which order, and what is said of those that cannot be used."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from workers.engines.image.discovery import ImageModelCandidate, choose_image_model, find_image_models
from workers.engines.image.settings import ImageSettings

SDXL_KEYS = ("model.diffusion_model.label_emb.0.0.weight", "conditioner.embedders.1.model.ln_final.weight")


def a_file(path: Path, *keys: str) -> Path:
    """A safetensors file of empty tensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = json.dumps({key: {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]} for key in keys}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def a_folder(path: Path, kind: str = "StableDiffusionXLPipeline", *, weights: bool = True) -> Path:
    path.mkdir(parents=True)
    (path / "model_index.json").write_text(json.dumps({"_class_name": kind}))
    if weights:
        a_file(path / "unet" / "diffusion_pytorch_model.safetensors", "weight")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def find(root: Path, **settings: Any) -> list[ImageModelCandidate]:
    return find_image_models(ImageSettings(models_dir=root, **settings))


def test_nothing_there(root: Path) -> None:
    assert find(root) == []
    assert choose_image_model([]) is None


def test_the_image_folder_goes_first_and_what_is_none_of_ours_is_left_out(root: Path) -> None:
    elsewhere = a_folder(root / "a-model")
    mine = a_folder(root / "image" / "z-model")
    a_folder(root / "flux", "FluxPipeline")
    a_file(root / "loras" / "ink.safetensors", "lora_unet_down.weight")
    a_file(root / "sd15.safetensors", "model.diffusion_model.input_blocks.0.0.weight")
    (root / "chat.gguf").write_bytes(b"GGUF")
    (root / "cut.safetensors").write_bytes(b"\x00" * 9)
    found = find(root)
    assert [(each.path, each.usable, each.reason) for each in found] == [(mine, True, ""), (elsewhere, True, "")]
    assert choose_image_model(found) == found[0]
    assert found[0].size > 0


def test_a_single_file_needs_tokenizers(root: Path) -> None:
    single = a_file(root / "image" / "juggernaut.safetensors", *SDXL_KEYS)
    found = find(root)
    assert [(each.path, each.usable) for each in found] == [(single, False)]
    assert "without a folder with SDXL's tokenizers" in found[0].reason
    assert choose_image_model(found) is None
    # Each goes before those that were there.
    for place in ("sdxl-config", "juggernaut"):
        config = a_folder(root / "image" / place, weights=False)
        chosen = choose_image_model(find(root))
        assert chosen is not None
        assert (chosen.path, chosen.config) == (single, config)
    named = a_folder(root.parent / "elsewhere", weights=False)
    chosen = choose_image_model(find(root, image_config=named))
    assert chosen is not None
    assert chosen.config == named


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "not there"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)), "not a safetensors file"),
        (lambda path: path.write_bytes(b"\x05"), "not a safetensors file"),
        (lambda path: path.write_bytes(struct.pack("<Q", 4) + b"nope"), "not a safetensors file"),
        (lambda path: a_file(path, "weight"), "not an SDXL checkpoint"),
        (lambda path: path.mkdir(), "no readable model_index.json"),
        (lambda path: a_folder(path, "FluxPipeline"), "a FluxPipeline, not an SDXL model"),
        (lambda path: a_folder(path, weights=False), "no safetensors files"),
    ],
)
def test_one_that_is_named_says_what_is_wrong_with_it(tmp_path: Path, make: object, reason: str) -> None:
    path = tmp_path / "model.safetensors"
    assert callable(make)
    make(path)
    found = find(tmp_path, image_model=path)
    assert len(found) == 1
    assert (found[0].path, found[0].usable) == (path, False)
    assert reason in found[0].reason
