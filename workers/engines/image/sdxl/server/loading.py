"""Loads the model from disk: allowed files, device, number format. Never uses the network."""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

from workers.engines.checksums import WrongChecksum, check_sum, read_sums
from workers.engines.image.failures import Unloadable
from workers.engines.image.sdxl.protocol import LoadSdxl
from workers.engines.image.sdxl.server.vae import choose_vae_dtype

_CLASSES = {
    "StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline", "UNet2DConditionModel", "AutoencoderKL",
    "CLIPTextModel", "CLIPTextModelWithProjection", "CLIPTokenizer", "CLIPTokenizerFast",
}  # fmt: skip
_LIBRARIES = {"diffusers", "transformers"}
_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded pipeline. Its VAE may have a different ``dtype`` from the rest."""

    pipeline: Any
    name: str
    device: torch.device
    dtype: torch.dtype


def load_model(load: LoadSdxl, beat: Callable[[], None]) -> Model:
    """Load the model; ``beat`` is called after each part. Raises `Unloadable` with the reason."""
    path = Path(load.path)
    check_files(path, Path(load.checksums) if load.checksums else None, beat)
    device = choose_device(load.device)
    dtype = _DTYPES.get(load.dtype) or (torch.float32 if device.type == "cpu" else torch.float16)
    try:
        pipeline = _from_folder(path, dtype) if path.is_dir() else _from_file(path, Path(load.config), dtype)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise Unloadable(f"{path.name} is no SDXL model: {_first_line(error)}") from error
    beat()
    _check_parts(pipeline, path)
    beat()
    pipeline.set_progress_bar_config(disable=True)
    for part in (pipeline.text_encoder, pipeline.text_encoder_2, pipeline.unet):
        part.to(device, dtype).requires_grad_(False)
        beat()
    vae_dtype = choose_vae_dtype(bool(pipeline.vae.config.get("force_upcast", True)), dtype, device)
    pipeline.vae.to(device, vae_dtype).requires_grad_(False)
    if device.type == "cuda":
        _tune(pipeline, load)
    return Model(pipeline, path.stem if path.is_file() else path.name, device, dtype)


def choose_device(name: str) -> torch.device:
    """Return the device of that name, for ``auto`` the best one available. Raises `Unloadable`."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise Unloadable(f"there is no device {name!r}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise Unloadable("torch finds no CUDA device")
    return device


def check_files(path: Path, checksums: Path | None, beat: Callable[[], None]) -> None:
    """Raise `Unloadable` unless the model exists, in safetensors format, with the right checksums.

    With ``checksums``, a file of lines ``SHA-256  name``, every file of weights must be listed there. Without it, a
    checksum beside a file (``model.safetensors.sha256``) must match.
    """
    if path.is_file():
        if path.suffix != ".safetensors":
            raise Unloadable(f"{path.name} is not a safetensors file; other formats can run code and are not loaded")
        weights = [path]
    elif (path / "model_index.json").is_file():
        _check_index(path / "model_index.json")
        weights = sorted(path.rglob("*.safetensors"))
    else:
        raise Unloadable(f"there is no model at {path}: neither a safetensors file nor a folder with model_index.json")
    if not weights:
        raise Unloadable(f"{path.name} has no safetensors files; other formats can run code and are not loaded")
    try:
        allowed = None if checksums is None else read_sums(checksums)
        for file in weights:
            check_sum(file, allowed, beat)
    except WrongChecksum as error:
        raise Unloadable(str(error)) from error
    except OSError as error:
        raise Unloadable(f"the checksums cannot be read: {_first_line(error)}") from error


def _check_index(index: Path) -> None:
    """Refuse an index that names classes of other packages: loading it would import them."""
    try:
        read: object = json.loads(index.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Unloadable(f"{index} cannot be read: {_first_line(error)}") from error
    entries = cast("dict[str, object]", read) if isinstance(read, dict) else {}
    if entries.get("_class_name") not in {"StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"}:
        raise Unloadable(f"{index.parent.name} is a {entries.get('_class_name')}, not an SDXL model")
    for name, entry in entries.items():
        if not isinstance(entry, list):
            continue
        library, kind = (*cast("list[object]", entry), None, None)[:2]
        known = kind in _CLASSES or str(kind).endswith(("Scheduler", "ImageProcessor", "FeatureExtractor"))
        if kind is not None and (library not in _LIBRARIES or not known):
            raise Unloadable(f"{index.parent.name} wants {library}.{kind} for {name}, which is not allowed")


def _from_folder(path: Path, dtype: torch.dtype) -> Any:
    return StableDiffusionXLPipeline.from_pretrained(
        str(path), local_files_only=True, use_safetensors=True, dtype=dtype, add_watermarker=False,
        feature_extractor=None, image_encoder=None,
    )  # fmt: skip


def _from_file(path: Path, config: Path, dtype: torch.dtype) -> Any:
    if not (config / "model_index.json").is_file():
        raise Unloadable(
            f"{path.name} is a single file, which has no tokenizers: a folder with SDXL's configuration and tokenizers "
            "(a diffusers model, its weights are not needed) must be named too"
        )
    _check_index(config / "model_index.json")
    return StableDiffusionXLPipeline.from_single_file(
        str(path), config=str(config), local_files_only=True, dtype=dtype, add_watermarker=False
    )


def _check_parts(pipeline: Any, path: Path) -> None:
    missing = [
        name
        for name in ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
        if getattr(pipeline, name, None) is None
    ]
    if missing:
        raise Unloadable(f"{path.name} has no {', '.join(missing)}")
    if pipeline.unet.config.time_cond_proj_dim is not None:
        raise Unloadable(f"{path.name} takes its guidance as an input; such distilled models are not supported")
    if not _all_finite(pipeline.unet.parameters()):
        raise Unloadable(f"{path.name} is damaged: its weights are not all numbers")


def _all_finite(tensors: Iterable[torch.Tensor]) -> bool:
    # One small tensor of each block is enough to detect truncated or diverged weights.
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors if tensor.ndim == 1)


def _tune(pipeline: Any, load: LoadSdxl) -> None:
    """Optimise it for a GPU: memory layout for convolutions, fused projections, TF32, optional compilation."""
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    pipeline.unet.to(memory_format=torch.channels_last)
    pipeline.vae.to(memory_format=torch.channels_last)
    if not load.loras:
        # A LoRA patches the separate projections, which are unused once fused.
        pipeline.unet.fuse_qkv_projections()
    if load.compile:
        pipeline.unet.compile_repeated_blocks(fullgraph=True, dynamic=True)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
