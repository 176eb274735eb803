"""Makes a harmless PNG of a picture: runs in a disposable process only (`workers.decoding.program`).

Only the pixels survive: no metadata, no profile, no hidden frames. The first frame of an animation is used. EXIF
orientation is applied.
"""

import io
from typing import Final

from PIL import Image

from workers.decoding.limits import PictureLimits, PictureRefused, check_header, check_size

_COMPRESS_LEVEL: Final = 3
_FLAT: Final = frozenset({"RGB", "L"})


def clean(data: bytes, limits: PictureLimits) -> tuple[bytes, tuple[int, int]]:
    """Return the picture in ``data`` as a PNG (RGB, no metadata), and its size. Raises `PictureRefused`."""
    header = check_header(data, limits)
    try:
        # Only the decoder of the format in the header: no other may be tricked into opening the file.
        with Image.open(io.BytesIO(data), formats=(header.format,)) as picture:
            check_size(*picture.size, limits)
            if header.format == "JPEG":
                # Decodes at a half, a quarter or an eighth if that is still large enough.
                picture.draft(None, (limits.out_side, limits.out_side))
            picture.load()
            orientation = picture.getexif().get(0x0112, 1)
            small = _shrunk(picture, limits.out_side)
    except PictureRefused:
        raise
    # Decoders raise all kinds of errors on broken files.
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        megapixels = limits.pixels // 1_000_000
        raise PictureRefused("too_many_pixels", repr(error)[:200], limit_mp=megapixels) from error
    except Exception as error:
        raise PictureRefused("broken", repr(error)[:200]) from error
    upright = _turned(small, orientation)
    return _png(upright), upright.size


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
