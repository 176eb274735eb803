"""Finished pictures as files that platforms take."""

import io
import random

import pytest
from PIL import Image

from workers.pictures.encoding import DISCORD, TELEGRAM_DOCUMENT, TELEGRAM_PHOTO, FileLimits, encode, file_stem


def noise(width: int, height: int) -> bytes:
    """Noise: the picture that compresses worst."""
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3)).save(
        out, "PNG", compress_level=1
    )
    return out.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.size


async def test_a_picture_that_fits_stays_lossless() -> None:
    png = noise(256, 256)
    file = await encode(png, DISCORD, "A red / blue fox?")
    assert (file.mime, file.name, file.lossless) == ("image/png", "a-red-blue-fox.png", True)
    assert Image.open(io.BytesIO(file.data)).tobytes() == Image.open(io.BytesIO(png)).tobytes()


async def test_a_photo_for_telegram_is_a_jpeg() -> None:
    file = await encode(noise(512, 256), TELEGRAM_PHOTO)
    assert (file.mime, file.name, file.width, file.height) == ("image/jpeg", "picture.jpg", 512, 256)
    assert (await encode(noise(512, 256), TELEGRAM_DOCUMENT)).lossless


@pytest.mark.parametrize("limit", [400_000, 100_000, 20_000, 3_000, 1_000])
@pytest.mark.parametrize("formats", [("png", "webp", "jpeg"), ("jpeg",), ("png",)])
async def test_it_always_fits(limit: int, formats: tuple[str, ...]) -> None:
    file = await encode(noise(640, 384), FileLimits(bytes=limit, formats=formats))  # pyright: ignore[reportArgumentType]
    assert len(file.data) <= limit
    assert size_of(file.data) == (file.width, file.height)
    assert not file.lossless
    assert abs(file.width / file.height - 640 / 384) < 0.2


async def test_an_impossible_limit_gets_the_smallest_file() -> None:
    file = await encode(noise(300, 200), FileLimits(bytes=10))
    assert 10 < len(file.data) < 500


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (FileLimits(bytes=10**7, side=320), (320, 160)),
        (FileLimits(bytes=10**7, sides=300), (200, 100)),
        (FileLimits(bytes=10**7), (640, 320)),
    ],
)
async def test_sides_within_the_limits(limits: FileLimits, expected: tuple[int, int]) -> None:
    file = await encode(noise(640, 320), limits)
    assert (file.width, file.height) == expected


@pytest.mark.parametrize(
    ("name", "stem"), [("", "picture"), ("../../etc/passwd", "etc-passwd"), ("日本", "picture"), ("a" * 99, "a" * 60)]
)
def test_names(name: str, stem: str) -> None:
    assert file_stem(name) == stem
