"""The program that decodes pictures: a disposable child process (`prompts.child`), run by path."""

from collections.abc import Mapping
from typing import Any

from PIL import Image

from prompts.frames import serve_frames
from workers.decoding.cleaning import clean
from workers.decoding.limits import CPU_S, MEMORY_BYTES, PictureLimits, PictureRefused


def answer(request: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the size of the picture in ``data`` and its PNG, or why it is refused."""
    try:
        png, size = clean(data, PictureLimits(**request["limits"]))
    except PictureRefused as refusal:
        return {"reason": refusal.reason, "detail": refusal.detail, "values": refusal.values}, b""
    return {"size": size}, png


if __name__ == "__main__":
    Image.preinit()  # its plug-ins are files: read before the limits are set
    serve_frames(answer, cpu_s=CPU_S, memory_bytes=MEMORY_BYTES)
