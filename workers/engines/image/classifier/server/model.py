"""The probabilities of sexual content, and of somebody young, in a picture, by the operator's image classifier."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageClassification

from workers.engines.image.failures import Unloadable

_UNSAFE = ("nsfw", "porn", "hentai", "sexy", "sexual", "explicit", "nude", "unsafe")
_YOUNG = ("minor", "child", "underage", "teen", "young", "csam")
_SAFE = ("non", "not", "no_", "sfw", "safe")


class Classifier:
    """A transformers image classification model: a folder with safetensors weights and a preprocessor's configuration.

    Its labels must show which of them are sexual: ``nsfw``, ``porn``, ``hentai``, ``sexy``, ``explicit``, … They may
    show somebody young, too: ``minor``, ``child``, ``underage``, …
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        """Load it. Raises `Unloadable`."""
        try:
            self._model: Any = AutoModelForImageClassification.from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
            config = cast("dict[str, Any]", json.loads((folder / "preprocessor_config.json").read_text("utf-8")))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error).strip().splitlines()
            raise Unloadable(f"the classifier in {folder.name} cannot be loaded: {reason[:1]}") from error
        self._model.eval().requires_grad_(False).to(device)
        self._device = device
        size = config.get("crop_size") or config.get("size") or {}
        edge = size if isinstance(size, int) else cast("dict[str, int]", size).get("height", 224)
        self._size = (int(edge), int(edge))
        self._mean = np.asarray(config.get("image_mean", [0.5] * 3), dtype=np.float32)
        self._deviation = np.asarray(config.get("image_std", [0.5] * 3), dtype=np.float32)
        labels = cast("dict[int, str]", self._model.config.id2label)
        self._unsafe = [int(i) for i, label in labels.items() if _is_unsafe(label)]
        self._young = [int(i) for i, label in labels.items() if _is_young(label)]
        if not self._unsafe or len(self._unsafe) == len(labels):
            raise Unloadable(f"the classifier in {folder.name} has the labels {', '.join(labels.values())}: unclear")

    def unsafe(self, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> float:
        """Return the probability of sexual content in a picture (height, width, 3) in bytes."""
        return self.scores(pixels)[0]

    @torch.inference_mode()
    def scores(self, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> tuple[float, float]:
        """Return the probabilities of sexual content and of somebody young (0 without such labels) in a picture."""
        small = Image.fromarray(pixels, "RGB").resize(self._size, Image.Resampling.BICUBIC)
        scaled = (np.asarray(small, dtype=np.float32) / 255 - self._mean) / self._deviation
        batch = torch.from_numpy(scaled).permute(2, 0, 1).unsqueeze(0).to(self._device)
        chances = self._model(pixel_values=batch).logits.float().softmax(-1)[0]
        return float(chances[self._unsafe].sum()), float(chances[self._young].sum()) if self._young else 0.0


def _is_unsafe(label: str) -> bool:
    name = label.lower()
    return any(word in name for word in _UNSAFE) and not name.startswith(_SAFE)


def _is_young(label: str) -> bool:
    name = label.lower()
    return any(word in name for word in _YOUNG) and not name.startswith(_SAFE)
