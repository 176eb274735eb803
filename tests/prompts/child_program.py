"""A child program for tests: does what the request says, and answers with what it was sent."""

import time
from collections.abc import Mapping
from typing import Any

from prompts.frames import serve_frames

MEBIBYTE = 2**20


def answer(request: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Spin, sleep or fill memory as asked."""
    while request["do"] == "spin":
        pass
    if request["do"] == "sleep":
        time.sleep(3600)
    if request["do"] == "fill":
        return {"size": len(bytearray(2048 * MEBIBYTE))}, b""
    return {"did": request["do"]}, data


if __name__ == "__main__":
    serve_frames(answer, cpu_s=0, memory_bytes=256 * MEBIBYTE)
