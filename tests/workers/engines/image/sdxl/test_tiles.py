"""Pictures that a real model makes larger, tile by tile, as a job."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from db import pictures
from tests.workers.test_drawing import Workers, ordered, queue
from workers.engines.image.sdxl.engine import SdxlEngine, SdxlOptions
from workers.queue import Queue

__all__ = ["queue"]


@pytest.mark.slow
async def test_a_real_model_redraws_tiles(queue: Queue, model_folder: Path):
    engine = SdxlEngine(model_folder, SdxlOptions(device="cpu", threads=1))
    try:
        workers = Workers(queue, engine, tile=192)
        for job in (("imagine", {"prompt": "a door", "quality": "draft"}), ("upscale", {"picture": 1})):
            assert (await workers.run(await ordered(job[0], **job[1]))).state == "done"
    finally:
        await engine.close()
    small, large = [await pictures.file(1, number, "full") for number in (1, 2)]
    assert small is not None
    assert large is not None
    with Image.open(io.BytesIO(small.data)) as before, Image.open(io.BytesIO(large.data)) as after:
        assert after.size == (256, 256)
        enlarged = before.resize(after.size, Image.Resampling.LANCZOS)
        assert ImageChops.difference(enlarged, after).getbbox() is not None
