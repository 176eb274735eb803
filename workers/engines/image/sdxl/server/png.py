"""Pictures as PNG files and as tensors."""

import io
import warnings

import numpy as np
import torch
from PIL import Image

from workers.engines.image.sdxl.server.failures import Refused

FASTEST = 1
"""Compression level: the file only goes to another local process, which re-encodes it."""
MAX_SOURCE_PIXELS = 4096 * 4096


def encode(pixels: torch.Tensor) -> bytes:
    """Return the PNG of a picture of the shape (height, width, 3) in bytes."""
    out = io.BytesIO()
    Image.fromarray(pixels.numpy(), "RGB").save(out, "PNG", compress_level=FASTEST)
    return out.getvalue()


def decode(data: bytes, width: int, height: int) -> torch.Tensor:
    """Return a PNG as a tensor (1, 3, height, width) from -1 to 1, scaled to that size.

    Raises `Refused` for anything but a complete PNG of acceptable size.
    """
    try:
        # Pillow warns where it only suspects a decompression bomb.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_SOURCE_PIXELS:
                raise Refused(f"the picture to redraw has {picture.width} × {picture.height} pixels, that is too many")
            whole = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        raise Refused("the picture to redraw is no readable PNG") from error
    pixels = torch.from_numpy(np.asarray(whole, dtype=np.float32) / 127.5 - 1)
    return pixels.permute(2, 0, 1).unsqueeze(0)
