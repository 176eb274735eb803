"""Checks and decisions before a model process is started."""

import importlib.util
import os
from pathlib import Path

import psutil

from workers.engines.checksums import WrongChecksum, check_sum
from workers.engines.errors import EngineUnavailable
from workers.engines.text.gguf_file import parts_of


def check_model(path: Path) -> None:
    """Raise `EngineUnavailable` if there is no library, or ``path`` cannot be a model. Reads files: use a thread."""
    if importlib.util.find_spec("llama_cpp") is None:
        raise EngineUnavailable("llama-cpp-python is not installed (extra: llm)")
    for part in parts_of(path):
        which = "" if part == path else f"{part.name}: "
        try:
            with part.open("rb") as file:
                if file.read(4) != b"GGUF":
                    raise EngineUnavailable(f"{which}not a GGUF file")
            check_sum(part)
        except WrongChecksum as error:
            raise EngineUnavailable(f"{which}{error}") from error
        except OSError as error:
            raise EngineUnavailable(f"{which}cannot be read: {error.strerror}") from error


def physical_cores() -> int:
    """Return how many cores this process may use. Hyperthreads make llama.cpp slower, as do threads without a core."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))
