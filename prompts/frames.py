"""Frames between a process and its disposable child, and the limits of the child.

A frame is the lengths of its two parts, a JSON object, and raw bytes (often none). Programs that run as such a child
(`prompts.sandbox`, `workers.functions.json_reader`, `workers.decoding.program`) import little else, to start fast.
"""

import json
import resource
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

MAX_MEMORY_BYTES = 384 * 1024 * 1024
"""Address space of a child that needs no more. A bare interpreter with jinja2 takes about 60 MiB."""


FRAME_HEAD = struct.Struct(">II")
"""The lengths of the JSON and of the bytes after it."""


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one frame; None at the end of the stream."""
    head = stream.read(FRAME_HEAD.size)
    if len(head) < FRAME_HEAD.size:
        return None
    size, data_size = FRAME_HEAD.unpack(head)
    return cast("dict[str, Any]", json.loads(stream.read(size))), stream.read(data_size)


def encode_frame(value: Mapping[str, Any], data: bytes = b"") -> bytes:
    """Return ``value`` and ``data`` as one frame."""
    written = json.dumps(value).encode()
    return b"".join((FRAME_HEAD.pack(len(written), len(data)), written, data))


def decode_frame(received: bytearray) -> tuple[dict[str, Any], bytes] | None:
    """Return the frame in ``received``; None if it is not complete yet."""
    if len(received) < FRAME_HEAD.size:
        return None
    size, data_size = FRAME_HEAD.unpack_from(received)
    end = FRAME_HEAD.size + size
    if len(received) < end + data_size:
        return None
    value = cast("dict[str, Any]", json.loads(received[FRAME_HEAD.size : end]))
    return value, bytes(received[end : end + data_size])


def serve_frames(
    answer: Callable[[Mapping[str, Any], bytes], tuple[Mapping[str, Any], bytes]],
    *,
    cpu_s: int,
    memory_bytes: int = MAX_MEMORY_BYTES,
) -> None:
    """Answer requests from stdin on stdout until stdin ends, each with at most about ``cpu_s`` seconds of CPU time.

    Sets the process's limits first: memory, open files, no files written, no core dumps.
    """
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_NOFILE, 16, 16)
    _limit(resource.RLIMIT_FSIZE, 0, 0)
    _limit(resource.RLIMIT_AS, memory_bytes, memory_bytes)
    output = sys.stdout.buffer
    output.write(encode_frame({"ready": True}))
    output.flush()
    while (request := read_frame(sys.stdin.buffer)) is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        # CPU seconds count from the start of the process, and the limit is whole seconds.
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_s + 1, resource.RLIM_INFINITY)
        output.write(encode_frame(*answer(*request)))
        output.flush()


def _limit(kind: int, soft: int, hard: int) -> None:
    # Not every system has every limit (macOS has no address-space limit); the timeout always applies.
    try:
        resource.setrlimit(kind, (soft, hard))
    except (ValueError, OSError):
        return
