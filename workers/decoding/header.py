"""Format and size of a picture from its first bytes, before any decoder has seen it.

PNG: https://www.w3.org/TR/png-3/#11IHDR. JPEG: ITU-T T.81, B.2.2. GIF: GIF89a, 18. WebP: RFC 9649.
"""

import struct
from dataclasses import dataclass
from struct import unpack, unpack_from
from typing import Final, Literal

Format = Literal["PNG", "JPEG", "GIF", "WEBP"]

_FRAMES_OF_JPEG: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive: the kinds that are in use."""
_BARE_MARKERS: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_MAX_SEGMENTS: Final = 1000
_MAX_FILL_BYTES: Final = 1000
"""Before each marker of a JPEG. Any number is allowed (T.81, B.1.1.2); none or one is usual."""
_MAX_SCANS: Final = 100
"""A decoder reads all coefficients of a progressive JPEG for each scan. Encoders write about ten."""
_MAX_CHUNKS: Final = 20_000
"""Decoders spend microseconds on each chunk: a file of millions would keep one busy for many seconds."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes say: ``width`` and ``height`` in pixels."""

    format: Format
    width: int
    height: int


class NotAPicture(ValueError):
    """The bytes are no PNG, JPEG, GIF or WebP, or their header is broken."""


class TooManyParts(NotAPicture):
    """The file consists of so many parts that reading it would take long."""


def read_header(data: bytes) -> Header:
    """Return the header of a picture. Raises `NotAPicture`."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return Header("GIF", *unpack_from("<HH", data, 6))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (IndexError, struct.error) as error:
        raise NotAPicture("its header ends too early") from error
    raise NotAPicture("it is no PNG, JPEG, GIF or WebP")


def _png(data: bytes) -> Header:
    length, kind, width, height = unpack_from(">I4sII", data, 8)
    if kind != b"IHDR" or length != 13:
        raise NotAPicture("its header is broken")
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            return Header("PNG", width, height)
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    raise TooManyParts("it has too many chunks")


def _jpeg(data: bytes) -> Header:
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if data[at] != 0xFF:
            raise NotAPicture("its header is broken")
        marker_at = at
        while data[at] == 0xFF:
            at += 1
            if at - marker_at > _MAX_FILL_BYTES:
                raise TooManyParts("it has too many fill bytes")
        marker = data[at]
        at += 1
        if marker in _BARE_MARKERS:
            continue
        if marker in _FRAMES_OF_JPEG:
            height, width = unpack_from(">HH", data, at + 3)
            # In compressed data a zero follows each 0xFF: this counts markers, and a few in thumbnails.
            if data.count(b"\xff\xda") > _MAX_SCANS:
                raise TooManyParts("it has too many scans")
            return Header("JPEG", width, height)
        if marker in {0xD9, 0xDA} or (0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}):
            raise NotAPicture("it is a kind of JPEG that is not read here")
        at += unpack_from(">H", data, at)[0]
    raise TooManyParts("its header is too long")


def _webp(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return Header("WEBP", *_enough(data, 30, width, height))
    if kind == b"VP8L":
        bits = unpack("<I", data[21:25])[0]
        return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
    raise NotAPicture("its header is broken")


def _enough(data: bytes, length: int, width: int, height: int) -> tuple[int, int]:
    if len(data) < length:
        raise NotAPicture("its header ends too early")
    return width, height
