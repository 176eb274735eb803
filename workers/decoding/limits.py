"""What is accepted of a picture, checked before a decoder sees it."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from workers.decoding.header import Header, NotAPicture, TooManyParts, read_header

CPU_S: Final = 5
"""Maximum CPU time for one picture in seconds. The largest accepted one takes 1.2 s on a core of 2020."""
WALL_S: Final = 30.0
"""Maximum time for one picture in seconds, on a machine that is busy with other things."""
MEMORY_BYTES: Final = 2**30
"""Address space of the process that decodes. The largest accepted picture takes about 0.6 GB, as a WebP."""

Reason = Literal[
    "empty", "too_big", "unknown_format", "too_many_pixels", "too_small", "too_narrow", "broken", "too_costly"
]


@dataclass(frozen=True, slots=True)
class PictureLimits:
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


class PictureRefused(ValueError):
    """A picture is not accepted. ``values`` belong into a message about the ``reason``; ``detail`` is for the log."""

    def __init__(self, reason: Reason, detail: str, **values: Any) -> None:
        super().__init__(f"picture refused ({reason}): {detail}")
        self.reason: Reason = reason
        self.detail = detail
        self.values: dict[str, Any] = values


def check_header(data: bytes, limits: PictureLimits) -> Header:
    """Return the header of a picture that is within ``limits``. Raises `PictureRefused`."""
    check_bytes(data, limits)
    try:
        header = read_header(data)
    except TooManyParts as error:
        raise PictureRefused("too_costly", str(error)) from error
    except NotAPicture as error:
        raise PictureRefused("unknown_format", str(error)) from error
    check_size(header.width, header.height, limits)
    return header


def check_bytes(data: bytes, limits: PictureLimits) -> None:
    """Check the length of a file. Raises `PictureRefused`."""
    if not data:
        raise PictureRefused("empty", "no bytes")
    if len(data) > limits.bytes:
        raise PictureRefused("too_big", f"{len(data)} bytes", limit_mb=limits.bytes // 1_000_000)


def check_size(width: int, height: int, limits: PictureLimits) -> None:
    """Check the size of a picture in pixels. Raises `PictureRefused`."""
    text = f"{width} × {height} pixels"
    if min(width, height) < limits.min_side:
        raise PictureRefused("too_small", text, limit=limits.min_side)
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise PictureRefused("too_many_pixels", text, limit_mp=limits.pixels // 1_000_000)
    if max(width, height) > limits.ratio * min(width, height):
        raise PictureRefused("too_narrow", text)
