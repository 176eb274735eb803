"""Tiles: they cover the picture, fit together without an edge, and cost memory in proportion to it."""

import io
import resource
from itertools import pairwise

import pytest
from PIL import Image, ImageChops

from workers.engines.image.base import ImageProgress
from workers.pictures.upscaling import OVERLAP, Tiling, cut, join, tile_seed, tiling
from workers.steps.picture.requests import together

SIZES = [(2048, 2048), (1792, 2304), (3072, 1280), (1040, 1016), (4096, 4096), (8192, 136), (2432, 1664), (200, 8192)]


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")


def noise(width: int, height: int) -> Image.Image:
    return Image.merge("RGB", [Image.effect_noise((width, height), 60 + 20 * n) for n in range(3)])


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_tiles_cover_the_picture_and_overlap(width: int, height: int):
    plan = tiling(width, height)
    for places, tile, length in ((plan.lefts, plan.tile_width, width), (plan.tops, plan.tile_height, height)):
        assert tile <= 1024
        assert tile % 8 == 0
        assert all(place % 8 == 0 for place in places)
        assert (places[0], places[-1] + tile) == (0, length)
        assert all(after > before and before + tile - after >= OVERLAP for before, after in pairwise(places))
    assert len(plan.boxes()) == len(plan) == len(plan.lefts) * len(plan.tops)


@pytest.mark.parametrize("size", [(1024, 1024), (1232, 512), (64, 64)])
def test_a_picture_no_larger_than_a_tile_stays_whole(size: tuple[int, int]):
    assert tiling(*size).boxes() == [(0, 0, *size)]


@pytest.mark.parametrize("size", [(256, 256), (320, 200), (200, 448)])
async def test_tiles_that_nobody_changed_give_exactly_the_enlarged_picture(size: tuple[int, int]):
    small = noise(size[0] // 2, size[1] // 2)
    plan = tiling(*size, side=160)
    assert len(plan) > 1
    whole = opened(await join(await cut(png(small), plan), plan))
    enlarged = small.resize(size, Image.Resampling.LANCZOS)
    assert ImageChops.difference(whole, enlarged).getbbox() is None


async def test_tiles_fade_into_each_other_without_an_edge():
    plan = Tiling(288, 288, 176, 176, (0, 112), (0, 112))
    tiles = [png(Image.new("RGB", (176, 176), (level, level, level))) for level in (0, 250, 220, 30)]
    whole = opened(await join(tiles, plan)).convert("L")
    assert [whole.getpixel(place) for place in ((0, 0), (287, 0), (0, 287), (287, 287))] == [0, 250, 220, 30]
    for x, y in ((1, 0), (0, 1)):
        moved = whole.crop((x, y, 288, 288))
        before = whole.crop((0, 0, 288 - x, 288 - y))
        # 250 levels across 64 pixels are four each; an edge would be dozens.
        _, most = ImageChops.difference(before, moved).getextrema()
        assert isinstance(most, int)
        assert most <= 6


async def test_tiles_of_another_size_than_asked_for_are_fitted():
    plan = tiling(256, 256, side=160)
    tiles = [png(Image.new("RGB", (100, 90), "green")) for _ in range(len(plan))]
    whole = opened(await join(tiles, plan))
    assert whole.getcolors() == [(256 * 256, (0, 128, 0))]


@pytest.mark.slow
async def test_memory_is_in_proportion_to_the_picture():
    small = png(noise(1024, 1024))
    plan = tiling(2048, 2048)
    await join(await cut(small, plan), plan)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    plan = tiling(4096, 2048)
    await join(await cut(small, plan), plan)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    # Three bytes a pixel in memory, in files, and once more in the strip and its mask.
    assert grown < 15 * 2048 * 2048


def test_every_tile_has_a_seed_of_its_own():
    seeds = [tile_seed(2**32 - 1, index) for index in range(100)]
    assert seeds[0] == 2**32 - 1
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([ImageProgress("drawing", 3, 8)], ImageProgress("drawing", 3, 8)),
        ([ImageProgress("queued", ahead=5), ImageProgress("queued", ahead=2)], ImageProgress("queued", ahead=2)),
        ([ImageProgress("queued", ahead=5), ImageProgress("preparing", steps=8)], ImageProgress("preparing", 0, 16)),
        ([ImageProgress("finishing", 8, 8), ImageProgress("queued")], ImageProgress("drawing", 8, 16)),
        ([ImageProgress("finishing", 8, 8)] * 2, ImageProgress("finishing", 16, 16)),
    ],
)
def test_all_tiles_are_one_progress(parts: list[ImageProgress], whole: ImageProgress):
    assert together(parts) == whole
