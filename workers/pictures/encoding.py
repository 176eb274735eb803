"""Encodes a finished picture as a file that a platform accepts: lossless if it fits, else compressed, else smaller."""

import asyncio
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image

FileFormat = Literal["png", "webp", "jpeg"]

_MIME: Final[dict[FileFormat, str]] = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}
_ENDING: Final[dict[FileFormat, str]] = {"png": "png", "webp": "webp", "jpeg": "jpg"}
_QUALITIES: Final = (95, 90, 82, 74, 65)
_SHRINK: Final = 0.75
_SMALLEST_SIDE: Final = 16
_MAX_SIDE: Final[dict[FileFormat, int]] = {"png": 100_000, "webp": 16_383, "jpeg": 65_000}
"""WebP: RFC 9649, 14 bits a side. JPEG: 16 bits."""
_AT_ONCE: Final = 2
_slots = asyncio.Semaphore(_AT_ONCE)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What a platform accepts: maximum ``bytes``, ``side`` and sum of both sides in pixels, and displayable formats."""

    bytes: int
    side: int = 16_000
    sides: int = 32_000
    formats: tuple[FileFormat, ...] = ("png", "webp", "jpeg")


DISCORD: Final = FileLimits(bytes=10 * 1024 * 1024)
"""Attachments without a boost: 10 MiB each (https://discord.com/developers/docs/reference#uploading-files)."""
TELEGRAM_PHOTO: Final = FileLimits(bytes=10_000_000, side=2560, sides=10_000, formats=("jpeg",))
"""https://core.telegram.org/bots/api#sendphoto: 10 MB, both sides together at most 10,000 pixels.

Shown at 2,560 pixels at most, as JPEG."""
TELEGRAM_DOCUMENT: Final = FileLimits(bytes=50_000_000)
"""https://core.telegram.org/bots/api#senddocument: 50 MB."""


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """A file to send: its bytes, type and name, and the size of its picture in pixels."""

    data: bytes
    mime: str
    name: str
    width: int
    height: int
    lossless: bool


async def encode(png: bytes, limits: FileLimits, name: str = "picture") -> EncodedFile:
    """Return the picture as the best file within ``limits``; ``name`` is the file's name without its ending.

    Tries PNG, then WebP or JPEG of decreasing quality, then smaller pictures. Runs in a thread. The result fits any
    limit down to a few hundred bytes; below that it is the smallest possible file.
    """
    async with _slots:
        return await asyncio.to_thread(encode_now, png, limits, name)


def encode_now(png: bytes, limits: FileLimits, name: str = "picture") -> EncodedFile:
    """Return what `encode` does; blocks."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.convert("RGB")
    picture.info = {}
    best: EncodedFile | None = None
    for kind, quality, size in _steps(picture.size, limits):
        if picture.size != size:
            # Scaling from the original each time would cost more, without a visible gain.
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        data = _encoded(picture, kind, quality)
        if best is None or len(data) < len(best.data):
            best = EncodedFile(data, _MIME[kind], f"{file_stem(name)}.{_ENDING[kind]}", *size, lossless=kind == "png")
        if len(data) <= limits.bytes:
            return EncodedFile(data, _MIME[kind], f"{file_stem(name)}.{_ENDING[kind]}", *size, lossless=kind == "png")
    assert best is not None
    return best


def file_stem(name: str) -> str:
    """Return ``name`` as a file name without suffix that every platform accepts: letters, digits, ``-``, at most 60."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-") or "picture"


def _steps(size: tuple[int, int], limits: FileLimits) -> Iterator[tuple[FileFormat, int, tuple[int, int]]]:
    """Yield format, quality and size of each try, best first; at least one."""
    width, height = size
    side = min(limits.side, *(_MAX_SIDE[kind] for kind in limits.formats))
    factor = min(1.0, side / max(size), limits.sides / (width + height))
    lossy: FileFormat = "webp" if "webp" in limits.formats else "jpeg"
    first = True
    while True:
        now = max(1, int(width * factor)), max(1, int(height * factor))
        if first and "png" in limits.formats:
            yield "png", 0, now
        first = False
        for quality in _QUALITIES:
            yield lossy, quality, now
        if max(now) <= _SMALLEST_SIDE:
            return
        factor *= _SHRINK


def _encoded(picture: Image.Image, kind: FileFormat, quality: int) -> bytes:
    out = io.BytesIO()
    if kind == "png":
        picture.save(out, "PNG", compress_level=6)
    elif kind == "webp":
        picture.save(out, "WEBP", quality=quality, method=4)
    else:
        # Neither progressive nor optimised: Pillow buffers these whole, and fails where its buffer is too small.
        # Full colour resolution keeps red lines sharp; only small files have to do without.
        picture.save(out, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2)
    return out.getvalue()
