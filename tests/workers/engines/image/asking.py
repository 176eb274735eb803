"""Requests and answers in a few words."""

import io
import itertools
from typing import Any

import numpy as np
from PIL import Image

from workers.engines.image.base import ImageRequest, Picture, PromptPart

_numbers = itertools.count(1)
Pixels = np.ndarray[Any, np.dtype[np.float64]]


def ask(text: str = "a red cat", seed: int = 1, **fields: Any) -> ImageRequest:
    """A request for a picture of 64 × 64 pixels in four steps."""
    values: dict[str, Any] = {"prompt": (PromptPart(text),), "width": 64, "height": 64, "steps": 4} | fields
    return ImageRequest(id=f"picture-{next(_numbers)}", seed=seed, **values)


def pixels(picture: Picture | bytes) -> Pixels:
    """The picture's values from 0 to 1, of the shape (height, width, 3)."""
    data = picture.data if isinstance(picture, Picture) else picture
    return np.asarray(Image.open(io.BytesIO(data)), dtype=np.float64) / 255


def png(width: int = 64, height: int = 64, seed: int = 0) -> bytes:
    """A picture of random colours."""
    values = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(values, "RGB").save(out, "PNG")
    return out.getvalue()


def same(one: Pixels, other: Pixels) -> bool:
    """Whether pictures are the same: a value on the border between two bytes may fall to either side."""
    return one.shape == other.shape and float(np.abs(one - other).max()) < 1.5 / 255
