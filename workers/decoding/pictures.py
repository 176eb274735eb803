"""Pictures from outside: decoded in a disposable child process, and returned as harmless PNGs."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from prompts.child import ChildFailed, ChildPool, DisposableChild
from prompts.frames import encode_frame
from workers.decoding.limits import WALL_S, PictureLimits, PictureRefused, check_bytes


@dataclass(frozen=True, slots=True)
class CleanPicture:
    """A harmless picture: PNG (RGB, no metadata) and its size in pixels."""

    data: bytes
    width: int
    height: int


async def clean_picture(data: bytes, limits: PictureLimits) -> CleanPicture:
    """Return the picture in ``data`` (PNG, JPEG, GIF or WebP), cleaned. At most two are decoded at a time.

    Raises `PictureRefused`, for whatever is wrong with it, after `WALL_S` seconds of decoding at the latest. The child
    is killed if the caller is cancelled.
    """
    check_bytes(data, limits)
    request = encode_frame({"limits": asdict(limits)}, data)
    try:
        found, png = await _pool().run(lambda child: child.exchange(request, WALL_S))
    except ChildFailed as error:
        raise PictureRefused("too_costly", str(error)) from error
    if "reason" in found:
        raise PictureRefused(found["reason"], found["detail"], **found["values"])
    width, height = found["size"]
    return CleanPicture(png, width, height)


@lru_cache(maxsize=1)
def _pool() -> ChildPool[DisposableChild]:
    program = Path(__file__).with_name("program.py")
    return ChildPool(lambda: DisposableChild(program))
