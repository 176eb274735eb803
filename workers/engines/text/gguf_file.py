"""The header of a GGUF file, read without loading the model.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
SPLIT = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
"""End of the name of a part of a split model."""
_MAX_ITEMS = 4_000_000
_MAX_STRING = 64 * 2**20
_STRING, _ARRAY = 8, 9
# Numbers in a block and bytes of it, by tensor type (ggml.h, gguf-py/gguf/constants.py).
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip
_FORMATS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}


class BrokenGguf(ValueError):
    """The file is not a complete GGUF file. The message says what is wrong with it."""

    loggable = True


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The contents of the header. ``metadata`` holds numbers and strings, no arrays."""

    size: int
    metadata: dict[str, int | float | bool | str]
    weights: int = 0
    """Numbers in all tensors of the file."""

    @property
    def writes(self) -> bool:
        """False for a bidirectional or pooling model, which embeds texts."""
        arch = self.metadata.get("general.architecture", "")
        causal = self.metadata.get(f"{arch}.attention.causal", True)
        return causal is not False and not self._number(f"{arch}.pooling_type")

    def kv_bytes_per_token(self) -> int:
        """Bytes of 16-bit KV cache per token of context; 0 if the header does not say."""
        arch = self.metadata.get("general.architecture", "")
        layers = self._number(f"{arch}.block_count")
        heads = self._number(f"{arch}.attention.head_count")
        kv_heads = self._number(f"{arch}.attention.head_count_kv") or heads
        width = self._number(f"{arch}.embedding_length")
        if not (layers and heads and width):
            return 0
        key = self._number(f"{arch}.attention.key_length") or width // heads
        value = self._number(f"{arch}.attention.value_length") or width // heads
        return layers * kv_heads * (key + value) * 2

    def _number(self, key: str) -> int:
        value = self.metadata.get(key, 0)
        return int(value) if isinstance(value, int | float) else 0


def parts_of(path: Path) -> list[Path]:
    """Return all files of the model that ``path`` is a part of."""
    match = SPLIT.search(path.name)
    if match is None:
        return [path]
    stem, total = path.name[: match.start()], match.group(2)
    return [path.with_name(f"{stem}-{i:05d}-of-{total}{path.suffix}") for i in range(1, min(int(total), 999) + 1)]


def read_header(path: Path) -> GgufHeader:
    """Read the header of ``path`` and check that every tensor lies inside the file.

    Raises `BrokenGguf` for another format or a truncated file, `OSError` if it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise BrokenGguf("not a GGUF file (wrong magic bytes)")
        reader = _Reader(file)
        version = int(reader.scalar(4))
        if version not in (2, 3):
            raise BrokenGguf(f"unsupported GGUF version {version}")
        tensors, pairs = reader.count(), reader.count()
        metadata: dict[str, int | float | bool | str] = {}
        for _ in range(pairs):
            key = reader.string()
            kind = int(reader.scalar(4))
            if kind == _ARRAY:
                reader.skip_array()
            else:
                metadata[key] = reader.string() if kind == _STRING else reader.scalar(kind)
        found = [reader.tensor() for _ in range(tensors)]
        alignment = metadata.get("general.alignment", 32)
        step = alignment if isinstance(alignment, int) and alignment > 0 else 32
        data = -(-file.tell() // step) * step
    end = max((end for end, _ in found), default=0)
    if data + end > size and tensors:
        raise BrokenGguf(f"truncated: {size} of {data + end} bytes")
    return GgufHeader(size, metadata, sum(numbers for _, numbers in found))


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def _bytes(self, n: int) -> bytes:
        data = self._file.read(n)
        if len(data) != n:
            raise BrokenGguf("truncated inside the header")
        return data

    def scalar(self, kind: int) -> int | float | bool:
        form = _FORMATS.get(kind)
        if form is None:
            raise BrokenGguf(f"unknown metadata type {kind}")
        return struct.unpack(form, self._bytes(struct.calcsize(form)))[0]

    def count(self) -> int:
        n = int(self.scalar(10))
        if n > _MAX_ITEMS:
            raise BrokenGguf(f"implausible count {n} in the header")
        return n

    def string(self) -> str:
        n = int(self.scalar(10))
        if n > _MAX_STRING:
            raise BrokenGguf(f"implausible string of {n} bytes in the header")
        return self._bytes(n).decode("utf-8", "replace")

    def tensor(self) -> tuple[int, int]:
        """Return where the next tensor ends, in bytes from the beginning of the data, and its numbers."""
        self.string()
        numbers = math.prod(int(self.scalar(10)) for _ in range(min(int(self.scalar(4)), 8)))
        kind, offset = int(self.scalar(4)), int(self.scalar(10))
        block, size = _BLOCKS.get(kind, (1, 0))
        return offset + numbers // block * size, numbers

    def skip_array(self, depth: int = 0) -> None:
        kind = int(self.scalar(4))
        n = self.count()
        if kind == _ARRAY:
            if depth > 3:
                raise BrokenGguf("metadata arrays are nested too deeply")
            for _ in range(n):
                self.skip_array(depth + 1)
        elif kind == _STRING:
            for _ in range(n):
                self._bytes(min(int(self.scalar(10)), _MAX_STRING))
        elif kind in _FORMATS:
            self._bytes(n * struct.calcsize(_FORMATS[kind]))
        else:
            raise BrokenGguf(f"unknown metadata type {kind}")
