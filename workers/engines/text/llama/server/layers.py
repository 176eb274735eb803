"""How many layers of a model to offload to the GPU."""

from collections.abc import Iterator
from pathlib import Path

import llama_cpp

from workers.engines.text.gguf_file import BrokenGguf, read_header

ALL = -1


def layers_to_try(path: str, wanted: int | None) -> Iterator[int]:
    """Yield numbers of layers to try, largest first, until one fits. ``wanted`` None: as many as possible."""
    if wanted is not None:
        yield wanted
        return
    if not llama_cpp.llama_supports_gpu_offload():
        yield 0
        return
    yield ALL
    layers = _layers(path)
    for quarters in (3, 2, 1):
        yield layers * quarters // 4
    yield 0


def _layers(path: str) -> int:
    try:
        metadata = read_header(Path(path)).metadata
    except (BrokenGguf, OSError):
        return 0
    layers = metadata.get(f"{metadata.get('general.architecture')}.block_count", 0)
    return int(layers) if isinstance(layers, int | float) else 0
