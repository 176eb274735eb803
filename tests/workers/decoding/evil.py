"""Small files that are expensive to read, each legal by the letter of its format."""

import io
import struct
import zlib

from PIL import Image


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG of one colour whose last scan is repeated: a decoder reads all coefficients for each."""
    out = io.BytesIO()
    Image.new("L", (width, height), 90).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    last, end = whole.rindex(b"\xff\xda"), whole.rindex(b"\xff\xd9")
    return whole[:last] + whole[last:end] * scans + whole[end:]


def fill_bytes(count: int) -> bytes:
    """A JPEG whose first marker is preceded by that many fill bytes."""
    out = io.BytesIO()
    Image.new("L", (100, 100), 90).save(out, "JPEG")
    return out.getvalue()[:2] + b"\xff" * count + out.getvalue()[2:]


def many_chunks(count: int) -> bytes:
    """A PNG with that many empty chunks between those of its pixels."""
    out = io.BytesIO()
    Image.new("L", (100, 100), 90).save(out, "PNG")
    whole = out.getvalue()
    empty = struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))
    return whole[:33] + empty * count + whole[33:]


def many_extensions(count: int) -> bytes:
    """A GIF with that many comments before its first frame."""
    out = io.BytesIO()
    Image.new("P", (100, 100), 9).save(out, "GIF")
    whole = out.getvalue()
    at = 13 + (3 * 2 ** ((whole[10] & 7) + 1) if whole[10] & 0x80 else 0)
    return whole[:at] + b"\x21\xfe\x01x\0" * count + whole[at:]


def many_frames(count: int, width: int, height: int) -> bytes:
    """A WebP animation of that many frames."""
    out = io.BytesIO()
    frames = [Image.new("L", (width, height), shade % 256) for shade in range(count)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=10, method=0)
    return out.getvalue()
