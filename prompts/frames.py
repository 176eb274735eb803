"""Length-prefixed JSON between a process and its disposable child, and the limits of the child.

Programs that run as such a child (`prompts.sandbox`, `workers.functions.json_reader`) import little else, to start
fast.
"""

import json
import resource
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

MAX_MEMORY_BYTES = 384 * 1024 * 1024
"""Address space of a child. A bare interpreter with jinja2 takes about 60 MiB."""


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """Read one length-prefixed JSON object; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack(">I", head)
    return cast("dict[str, Any]", json.loads(stream.read(size)))


def encode_frame(value: Mapping[str, Any]) -> bytes:
    """Return ``value`` as length-prefixed JSON."""
    data = json.dumps(value).encode()
    return struct.pack(">I", len(data)) + data


def serve_frames(answer: Callable[[Mapping[str, Any]], Mapping[str, Any]], *, cpu_s: int) -> None:
    """Answer requests from stdin on stdout until stdin ends, each with at most about ``cpu_s`` seconds of CPU time.

    Sets the process's limits first: memory, open files, no files written, no core dumps.
    """
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_NOFILE, 16, 16)
    _limit(resource.RLIMIT_FSIZE, 0, 0)
    _limit(resource.RLIMIT_AS, MAX_MEMORY_BYTES, MAX_MEMORY_BYTES)
    output = sys.stdout.buffer
    output.write(encode_frame({"ready": True}))
    output.flush()
    while (request := read_frame(sys.stdin.buffer)) is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        # CPU seconds count from the start of the process, and the limit is whole seconds.
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_s + 1, resource.RLIM_INFINITY)
        output.write(encode_frame(answer(request)))
        output.flush()


def _limit(kind: int, soft: int, hard: int) -> None:
    # Not every system has every limit (macOS has no address-space limit); the timeout always applies.
    try:
        resource.setrlimit(kind, (soft, hard))
    except (ValueError, OSError):
        return
