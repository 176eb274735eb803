"""A picture made larger tile by tile: enlarged, cut into overlapping tiles, and put together from the redrawn ones.

The memory is that of the large picture, one strip of it, and its tiles as files.
"""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from PIL import Image

TILE: Final = 1024
"""Longest side of a tile in pixels: the size that SDXL was trained on."""
OVERLAP: Final = 64
"""Minimum overlap of two neighbours in pixels, across which one fades into the other."""
_COMPRESS_LEVEL: Final = 1
_SEED_STRIDE: Final = 0x9E3779B1
"""2³² divided by the golden ratio: neighbours get seeds that are far from each other, and none twice."""
_slots = asyncio.Semaphore(1)


@dataclass(frozen=True, slots=True)
class Tiling:
    """Where tiles of one size lie in a picture: ``lefts`` and ``tops`` in ascending order, all in pixels."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    lefts: tuple[int, ...]
    tops: tuple[int, ...]

    def __len__(self) -> int:
        """Count the tiles."""
        return len(self.lefts) * len(self.tops)

    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Return left, top, right and bottom of each tile, row by row."""
        return [
            (left, top, left + self.tile_width, top + self.tile_height)
            for top, left in product(self.tops, self.lefts)
        ]  # fmt: skip


def tiling(width: int, height: int, side: int = TILE) -> Tiling:
    """Return the fewest tiles, none longer than ``side``, that cover a picture; a single one if it is no larger.

    Sides of tiles and their places are multiples of 8, as are ``width``, ``height`` and ``side``. A picture is no
    larger than a tile if it has no more pixels, whatever its shape.
    """
    if width * height <= side * side:
        return Tiling(width, height, width, height, (0,), (0,))
    tile_width, lefts = _cut(width, side)
    tile_height, tops = _cut(height, side)
    return Tiling(width, height, tile_width, tile_height, lefts, tops)


def tile_seed(seed: int, index: int) -> int:
    """Return the seed of a tile; the first has the picture's own."""
    return (seed + index * _SEED_STRIDE) % 2**32


async def cut(data: bytes, plan: Tiling) -> list[bytes]:
    """Return the tiles (PNG, row by row) of a clean PNG, enlarged to the plan's size. Runs in a thread."""
    async with _slots:
        return await asyncio.to_thread(cut_now, data, plan)


def cut_now(data: bytes, plan: Tiling) -> list[bytes]:
    """Return what `cut` does; blocks."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        large = picture.convert("RGB").resize((plan.width, plan.height), Image.Resampling.LANCZOS)
    return [_png(large.crop(box)) for box in plan.boxes()]


async def join(tiles: Sequence[bytes], plan: Tiling) -> bytes:
    """Return the picture (PNG) of tiles (PNG, row by row), each fading into its neighbours. Runs in a thread."""
    async with _slots:
        return await asyncio.to_thread(join_now, tiles, plan)


def join_now(tiles: Sequence[bytes], plan: Tiling) -> bytes:
    """Return what `join` does; blocks."""
    whole = Image.new("RGB", (plan.width, plan.height))
    strip = Image.new("RGB", (plan.width, plan.tile_height))
    files = iter(tiles)
    # First a strip of each row, then the strips: so no corner where four tiles meet shows an edge.
    for row, top in enumerate(plan.tops):
        for column, left in enumerate(plan.lefts):
            shared = plan.lefts[column - 1] + plan.tile_width - left if column else 0
            strip.paste(_tile(next(files), plan), (left, 0), _fade(plan.tile_width, plan.tile_height, shared))
        shared = plan.tops[row - 1] + plan.tile_height - top if row else 0
        turned = _fade(plan.tile_height, plan.width, shared).transpose(Image.Transpose.TRANSPOSE)
        whole.paste(strip, (0, top), turned)
    return _png(whole)


def _cut(length: int, side: int) -> tuple[int, tuple[int, ...]]:
    """Return the length of the tiles along one side of the picture, and where they begin."""
    if length <= side:
        return length, (0,)
    count = -(-(length - OVERLAP) // (side - OVERLAP))
    tile = _up(-(-(length + (count - 1) * OVERLAP) // count))
    room = length - tile
    return tile, tuple(room * number // (count - 1) // 8 * 8 for number in range(count))


def _up(length: int) -> int:
    return -(-length // 8) * 8


def _fade(width: int, height: int, shared: int) -> Image.Image:
    """Return a mask that rises from left to right across ``shared`` pixels, and is opaque behind them."""
    ramp = bytes(255 * (x + 1) // (shared + 1) for x in range(shared)) + b"\xff" * (width - shared)
    return Image.frombytes("L", (width, 1), ramp).resize((width, height), Image.Resampling.NEAREST)


def _tile(data: bytes, plan: Tiling) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        tile, size = picture.convert("RGB"), (plan.tile_width, plan.tile_height)
    return tile if tile.size == size else tile.resize(size, Image.Resampling.LANCZOS)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=_COMPRESS_LEVEL)
    return out.getvalue()
