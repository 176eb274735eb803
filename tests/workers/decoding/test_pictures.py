"""Decoding: files that are made to be expensive cost little, and broken ones are refused, whatever is broken."""

import io
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import workers
from tests.effort import times
from tests.workers.decoding import evil
from workers.decoding.limits import PictureLimits, PictureRefused
from workers.decoding.pictures import clean_picture

LIMITS = PictureLimits()
WORKERS = Path(workers.__path__[0])
CHEAP = 4.0
"""Of the CPU time that the largest ordinary picture takes."""

EVIL: list[tuple[str, str | None, Callable[[], bytes]]] = [
    ("scans", "too_costly", lambda: evil.many_scans(2000, 2000, 9000)),
    ("scans just allowed", None, lambda: evil.many_scans(6000, 4000, 90)),
    ("fill bytes", "too_costly", lambda: evil.fill_bytes(5_000_000)),
    ("chunks", "too_costly", lambda: evil.many_chunks(1_000_000)),
    ("chunks just allowed", None, lambda: evil.many_chunks(19_000)),
    ("comments", None, lambda: evil.many_extensions(500_000)),
    ("frames", None, lambda: evil.many_frames(200, 500, 500)),
]
LARGE = {"scans", "scans just allowed", "frames"}


@cache
def large() -> bytes:
    """An ordinary photograph of as many pixels as the costly one with just the scans that are allowed."""
    out = io.BytesIO()
    Image.effect_noise((6000, 4000), 60).convert("RGB").save(out, "JPEG", progressive=True)
    return out.getvalue()


def decoding_cpu_s() -> dict[int, float]:
    """CPU seconds of each living child that decodes."""
    children = [child for child in psutil.Process().children() if any("decoding" in part for part in child.cmdline())]
    return {child.pid: sum(child.cpu_times()[:2]) for child in children}


@pytest.mark.parametrize(
    ("reason", "make"),
    [pytest.param(r, m, id=name, marks=[pytest.mark.slow] * (name in LARGE)) for name, r, m in EVIL],
)
async def test_files_made_to_be_expensive_cost_little(reason: str | None, make: Callable[[], bytes]) -> None:
    data = make()
    await clean_picture(ORIGINALS[0], LIMITS)
    before = decoding_cpu_s()
    if reason is None:
        assert (await clean_picture(data, LIMITS)).width
    else:
        with pytest.raises(PictureRefused) as refused:
            await clean_picture(data, LIMITS)
        assert refused.value.reason == reason
    after = decoding_cpu_s()
    assert before.keys() <= after.keys(), "none was killed"
    await clean_picture(large(), LIMITS)
    ordinary = sum(decoding_cpu_s().values()) - sum(after.values())
    assert sum(after.values()) - sum(before.values()) < CHEAP * ordinary


def originals() -> list[bytes]:
    """Small pictures of every format that is read."""
    noise = Image.frombytes("RGB", (90, 70), random.Random(7).randbytes(90 * 70 * 3))
    exif = Image.Exif()
    exif[0x010E] = "x" * 200
    kinds: list[tuple[str, dict[str, object]]] = [
        ("PNG", {"exif": exif}),
        ("JPEG", {"exif": exif}),
        ("JPEG", {"progressive": True}),
        ("GIF", {"save_all": True, "append_images": [noise.rotate(90)]}),
        ("WEBP", {"save_all": True, "append_images": [noise.rotate(90)]}),
        ("WEBP", {"lossless": True}),
    ]
    found: list[bytes] = []
    for kind, options in kinds:
        out = io.BytesIO()
        noise.save(out, kind, **options)
        found.append(out.getvalue())
    return found


ORIGINALS = originals()
edits = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["set", "cut", "add", "swap"]), st.binary(min_size=1, max_size=8)),
    max_size=6,
)


@settings(max_examples=times(25, 20_000), deadline=None)
@given(original=st.sampled_from(ORIGINALS), changes=edits, start=st.booleans())
async def test_a_mutated_picture_is_taken_or_refused(
    original: bytes, changes: list[tuple[float, str, bytes]], start: bool
) -> None:
    data, reasons = bytearray(original), list[str]()
    for place, change, new in changes:
        at = int(place * (min(len(data), 120) if start else len(data)))
        if change == "set":
            data[at : at + len(new)] = new
        elif change == "cut":
            del data[at : at + 16 * len(new)]
        elif change == "add":
            data[at:at] = new
        else:
            data[at:] = data[at:][::-1]
    try:
        cleaned = await clean_picture(bytes(data), LIMITS)
    except PictureRefused as refused:
        reasons.append(refused.reason)
    else:
        with Image.open(io.BytesIO(cleaned.data), formats=("PNG",)) as picture:
            assert (picture.mode, picture.size) == ("RGB", (cleaned.width, cleaned.height))
    assert "too_costly" not in reasons, "no small file kills its process"


def test_nothing_else_decodes_files_from_outside() -> None:
    """Those listed besides `workers.decoding` read PNGs that we wrote ourselves; `cards` and what the classifier of
    pictures judges are read in processes of their own.
    """
    opening = {
        path.relative_to(WORKERS).as_posix() for path in WORKERS.rglob("*.py") if "Image.open(" in path.read_text()
    }
    assert opening == {
        "cards/files.py",
        "decoding/cleaning.py",
        "engines/image/classifier/server/service.py",
        "engines/image/sdxl/server/png.py",
        "pictures/attachments.py",
        "pictures/encoding.py",
        "pictures/upscaling.py",
    }
