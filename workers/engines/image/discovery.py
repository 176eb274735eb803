"""Finds SDXL models and chooses the one to use."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from workers.engines.image.settings import ImageSettings

FOLDER = "image"
"""Searched first, below the models folder."""
CONFIG_FOLDER = "sdxl-config"
"""Below `FOLDER`: configuration and tokenizers for models that are single files."""
_UNET_KEY = "model.diffusion_model.label_emb.0.0.weight"
_TEXT_KEY = "conditioner.embedders.1.model.ln_final.weight"
"""Only SDXL's Stable Diffusion checkpoints have both: a second text encoder, and sizes as an input."""
_MAX_HEADER = 100 * 2**20


@dataclass(frozen=True, slots=True)
class ImageModelCandidate:
    """One model: a folder or a file, the bytes of its weights, and its ``config`` if it is a single file.

    ``reason`` says why it is not ``usable``.
    """

    path: Path
    size: int
    usable: bool
    reason: str = ""
    config: Path | None = None


def find_image_models(settings: ImageSettings) -> list[ImageModelCandidate]:
    """List the models in order of preference. Reads from disk, so run it in a thread.

    If ``settings.image_model`` is set, only that model.
    """
    root = settings.models_dir.expanduser()
    if settings.image_model is not None:
        return [_inspect(settings.image_model.expanduser(), root, settings)]
    found: dict[Path, None] = {}
    for folder in (root / FOLDER, root):
        for index in sorted(folder.rglob("model_index.json")) if folder.is_dir() else ():
            if index.parent.name != CONFIG_FOLDER:
                found[index.parent] = None
    folders = set(found)
    for folder in (root / FOLDER, root):
        for file in sorted(folder.rglob("*.safetensors")) if folder.is_dir() else ():
            if not folders & set(file.parents):
                found[file] = None
    candidates = (_inspect(path, root, settings) for path in found)
    # There may be other safetensors files: LoRAs, classifiers, language models.
    return [candidate for candidate in candidates if candidate.usable or candidate.reason.endswith("tokenizers")]


def with_pulled(settings: ImageSettings) -> ImageSettings:
    """Return the settings with unset folders of LoRAs and classifier replaced by those that ``models pull`` fills."""
    home = settings.models_dir.expanduser() / FOLDER
    found: dict[str, Path] = {}
    if settings.image_loras is None and (home / "loras").is_dir():
        found["image_loras"] = home / "loras"
    if settings.image_classifier is None and (home / "safety" / "config.json").is_file():
        found["image_classifier"] = home / "safety"
    return settings.model_copy(update=found)


def choose_image_model(candidates: list[ImageModelCandidate]) -> ImageModelCandidate | None:
    """Return the first usable candidate, or None."""
    return next((candidate for candidate in candidates if candidate.usable), None)


def _inspect(path: Path, root: Path, settings: ImageSettings) -> ImageModelCandidate:
    if path.is_dir():
        size = sum(file.stat().st_size for file in path.rglob("*.safetensors"))
        reason = _folder_problem(path) or ("" if size else "no safetensors files in this folder")
        return ImageModelCandidate(path, size, not reason, reason)
    if not path.is_file():
        return ImageModelCandidate(path, 0, False, "not there")
    size = path.stat().st_size
    try:
        keys = _keys(path)
    except (OSError, ValueError) as error:
        return ImageModelCandidate(path, size, False, f"not a safetensors file: {error}")
    if not {_UNET_KEY, _TEXT_KEY} <= keys:
        return ImageModelCandidate(path, size, False, "not an SDXL checkpoint")
    config = _config(path, root, settings)
    if config is None:
        return ImageModelCandidate(path, size, False, "a single file, without a folder with SDXL's tokenizers")
    return ImageModelCandidate(path, size, True, config=config)


def _config(path: Path, root: Path, settings: ImageSettings) -> Path | None:
    named = [settings.image_config.expanduser()] if settings.image_config is not None else []
    places = (*named, path.with_suffix(""), path.parent / CONFIG_FOLDER, root / FOLDER / CONFIG_FOLDER)
    return next((place for place in places if (place / "model_index.json").is_file()), None)


def _folder_problem(path: Path) -> str:
    try:
        index: object = json.loads((path / "model_index.json").read_text("utf-8"))
    except (OSError, ValueError):
        return "no readable model_index.json in this folder"
    kind = cast("dict[str, object]", index).get("_class_name") if isinstance(index, dict) else None
    return "" if str(kind).startswith("StableDiffusionXL") else f"a {kind}, not an SDXL model"


def _keys(path: Path) -> set[str]:
    """Return the names of the tensors in a safetensors file. Raises `ValueError` if it is not one."""
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= _MAX_HEADER:
            raise ValueError("it has no header")
        header: object = json.loads(file.read(length))
    return set(cast("dict[str, object]", header)) if isinstance(header, dict) else set()
