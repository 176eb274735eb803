"""The project's own engine through its public interface; its picture process answers over its socket."""

import asyncio
import itertools
import time

from benchmarks.image_bench.work import NEGATIVE, Kind, prompts
from workers.engines.image.base import ImageRequest, Picture, PromptPart, draw
from workers.engines.image.sdxl.engine import SdxlEngine

_numbers = itertools.count(1)


async def together(engine: SdxlEngine, kind: Kind, users: int, first: int) -> float:
    """Send all requests at once; return the seconds until the last PNG arrives."""
    requests = [_request(kind, prompt, first + i) for i, prompt in enumerate(prompts(first, users))]
    begin = time.monotonic()
    pictures: list[Picture] = await asyncio.gather(*(draw(engine, request) for request in requests))
    elapsed = time.monotonic() - begin
    assert all((picture.width, picture.height) == (kind.width, kind.height) for picture in pictures)
    return elapsed


def _request(kind: Kind, prompt: str, number: int) -> ImageRequest:
    return ImageRequest(
        id=f"picture-{next(_numbers)}",
        prompt=(PromptPart(prompt),),
        negative=(PromptPart(NEGATIVE),),
        seed=number,
        width=kind.width,
        height=kind.height,
        steps=kind.steps,
        guidance=kind.guidance,
        scheduler=kind.scheduler,
        tenant=f"user-{number}",
    )
