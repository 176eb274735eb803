"""Sanitises attached pictures: checks the header first, decodes within limits, re-encodes as PNG.

Only the pixels survive: no metadata, no profile, no hidden frames. The first frame of an animation is used. EXIF
orientation is applied.
"""

import asyncio
import io
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image, ImageOps

from db.errors import BadInput
from workers.pictures.header import Header, NotAPicture, read_header

_AT_ONCE: Final = 2
"""Pictures decoded at the same time: together they bound the memory (each at most some 12 bytes a pixel)."""
_COMPRESS_LEVEL: Final = 3
_FLAT: Final = frozenset({"RGB", "L"})
_slots = asyncio.Semaphore(_AT_ONCE)

Reason = Literal["empty", "too_big", "unknown_format", "too_many_pixels", "too_small", "too_narrow", "broken"]


@dataclass(frozen=True, slots=True)
class AttachmentLimits:
    """What is accepted: maximum ``bytes``, and by the header, maximum ``pixels`` and longest ``side``.

    ``min_side`` is the minimum side, ``ratio`` the maximum ratio of the sides. Larger pictures are scaled down to
    ``out_side`` pixels.
    """

    bytes: int = 20_000_000
    pixels: int = 32_000_000
    side: int = 12_000
    min_side: int = 64
    ratio: float = 8.0
    out_side: int = 1536


DEFAULT_LIMITS: Final = AttachmentLimits()


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


@dataclass(frozen=True, slots=True)
class CleanPicture:
    """A harmless picture: PNG (RGB, no metadata) and its size in pixels."""

    data: bytes
    width: int
    height: int


async def clean_attachment(data: bytes, limits: AttachmentLimits = DEFAULT_LIMITS) -> CleanPicture:
    """Return the picture in ``data``, cleaned. Runs in a thread, two at a time. Raises `AttachmentRefused`."""
    check_header(data, limits)
    async with _slots:
        return await asyncio.to_thread(clean, data, limits)


def check_header(data: bytes, limits: AttachmentLimits = DEFAULT_LIMITS) -> Header:
    """Return the header of a picture that is within ``limits``. Raises `AttachmentRefused`."""
    if not data:
        raise AttachmentRefused("empty", "no bytes")
    if len(data) > limits.bytes:
        raise AttachmentRefused("too_big", f"{len(data)} bytes", limit_mb=limits.bytes // 1_000_000)
    try:
        header = read_header(data)
    except NotAPicture as error:
        raise AttachmentRefused("unknown_format", str(error)) from error
    _check_size(header.width, header.height, limits)
    return header


def clean(data: bytes, limits: AttachmentLimits = DEFAULT_LIMITS) -> CleanPicture:
    """Return the picture in ``data``, cleaned; blocks for up to a second. Raises `AttachmentRefused`."""
    header = check_header(data, limits)
    try:
        # Only the decoder of the format in the header: no other may be tricked into opening the file.
        with Image.open(io.BytesIO(data), formats=(header.format,)) as picture:
            _check_size(*picture.size, limits)
            if header.format == "JPEG":
                # Decodes at a half, a quarter or an eighth if that is still large enough.
                picture.draft(None, (limits.out_side, limits.out_side))
            picture.load()
            orientation = picture.getexif().get(0x0112, 1)
            small = _shrunk(picture, limits.out_side)
    except AttachmentRefused:
        raise
    # Decoders raise all kinds of errors on broken files.
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise AttachmentRefused("too_many_pixels", repr(error)[:200], limit_mp=limits.pixels // 1_000_000) from error
    except Exception as error:
        raise AttachmentRefused("broken", repr(error)[:200]) from error
    upright = _turned(small, orientation)
    return CleanPicture(_png(upright), upright.width, upright.height)


async def fit(data: bytes, width: int, height: int) -> bytes:
    """Return a cleaned PNG scaled and cropped about its middle to ``width`` by ``height`` pixels, as PNG."""
    async with _slots:
        return await asyncio.to_thread(_fit, data, width, height)


def _fit(data: bytes, width: int, height: int) -> bytes:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        return _png(ImageOps.fit(picture.convert("RGB"), (width, height), Image.Resampling.LANCZOS))


def _check_size(width: int, height: int, limits: AttachmentLimits) -> None:
    text = f"{width} × {height} pixels"
    if min(width, height) < limits.min_side:
        raise AttachmentRefused("too_small", text, limit=limits.min_side)
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise AttachmentRefused("too_many_pixels", text, limit_mp=limits.pixels // 1_000_000)
    if max(width, height) > limits.ratio * min(width, height):
        raise AttachmentRefused("too_narrow", text)


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    """Return an RGB copy no longer than ``side``, on white where the picture is transparent."""
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        # Sixteen bits a pixel: the upper eight are what a screen shows.
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    if max(picture.size) > side and picture.mode not in {"P", "PA", "1"}:
        # Shrinking comes first: every later copy is a small one.
        picture = picture.copy() if picture.readonly else picture
        picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if picture.mode in _FLAT:
        flat = picture.convert("RGB")
    elif picture.has_transparency_data:
        layer = picture.convert("RGBA")
        flat = Image.new("RGB", layer.size, "white")
        flat.paste(layer, mask=layer.getchannel("A"))
    else:
        flat = picture.convert("RGB")
    if max(flat.size) > side:
        flat.thumbnail((side, side), Image.Resampling.LANCZOS)
    return flat


_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""EXIF 2.32, tag 0x0112, to the turn that puts the picture upright."""


def _turned(picture: Image.Image, orientation: object) -> Image.Image:
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _png(picture: Image.Image) -> bytes:
    bare = picture if picture.mode == "RGB" else picture.convert("RGB")
    # Pillow writes any profiles and comments that it finds here.
    bare.info = {}
    out = io.BytesIO()
    bare.save(out, "PNG", compress_level=_COMPRESS_LEVEL)
    return out.getvalue()
