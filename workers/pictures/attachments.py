"""Sanitises attached pictures: harmless ones come out clean, all others are refused with a word to the person."""

import asyncio
import io
from typing import Final

from PIL import Image, ImageOps

from db.errors import BadInput
from workers.decoding.limits import PictureLimits, PictureRefused, Reason
from workers.decoding.pictures import CleanPicture, clean_picture

_AT_ONCE: Final = 2
"""Pictures scaled at the same time: together they bound the memory."""
_COMPRESS_LEVEL: Final = 3
_slots = asyncio.Semaphore(_AT_ONCE)

DEFAULT_LIMITS: Final = PictureLimits()


class AttachmentRefused(BadInput):
    """The attached picture is rejected. Its message is ``attachment.<reason>``; ``detail`` is for the log."""

    def __init__(self, reason: Reason, detail: str, **values: object) -> None:
        """``values`` fill the message's placeholders."""
        super().__init__(f"attachment.{reason}", **values)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        """The detail, for the log."""
        return f"attachment refused ({self.reason}): {self.detail}"


async def clean_attachment(data: bytes, limits: PictureLimits = DEFAULT_LIMITS) -> CleanPicture:
    """Return the picture in ``data``, cleaned in a disposable process. Raises `AttachmentRefused`."""
    try:
        return await clean_picture(data, limits)
    except PictureRefused as refusal:
        raise AttachmentRefused(refusal.reason, refusal.detail, **refusal.values) from refusal


async def fit(data: bytes, width: int, height: int, *, top: float = 0.5) -> bytes:
    """Return a cleaned PNG scaled and cropped to ``width`` by ``height`` pixels, as PNG.

    What is cropped of its height goes by the share ``top`` from above.
    """
    async with _slots:
        return await asyncio.to_thread(_fit, data, width, height, top)


def _fit(data: bytes, width: int, height: int, top: float) -> bytes:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        fitted = ImageOps.fit(picture.convert("RGB"), (width, height), Image.Resampling.LANCZOS, centering=(0.5, top))
    out = io.BytesIO()
    fitted.save(out, "PNG", compress_level=_COMPRESS_LEVEL)
    return out.getvalue()
