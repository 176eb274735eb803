"""Requests to the image engines: one for a picture, or many for its tiles, with one progress and one row in the log."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from typing import Final

from db import usage
from db.errors import BadInput, NotAllowed, Retryable, UserError, describe
from workers.concurrency import run_together
from workers.engines.errors import (
    EngineError,
    EngineOverloaded,
    EngineUnavailable,
    GenerationTimedOut,
    RequestRefused,
)
from workers.engines.image.base import ImageProgress, ImageRequest, Phase, Picture
from workers.pictures.upscaling import Tiling, cut, join, tile_seed
from workers.steps.base import Run

MEMORY_TRIES: Final = 2
"""Attempts at a picture that does not fit into memory."""
_BEFORE: Final[tuple[Phase, ...]] = ("queued", "loading", "preparing")
"""Phases in which nothing is drawn yet, in order."""
_log = logging.getLogger(__name__)


class Pace:
    """The speed of drawing a picture, measured from the first reported step."""

    def __init__(self) -> None:
        """Nothing has been measured yet."""
        self._first: tuple[int, float] | None = None

    def left(self, step: int, steps: int) -> float | None:
        """Return the seconds left after ``step`` of ``steps``; None while unknown."""
        now = time.monotonic()
        if self._first is None or step < self._first[0]:
            self._first = (step, now) if step else None
            return None
        done = step - self._first[0]
        return (now - self._first[1]) / done * (steps - step) if done else None


async def draw_whole(run: Run, request: ImageRequest, choice: str) -> Picture:
    """Return the picture. Raises `UserError` and `Retryable` for the engine's errors."""
    (drawn,) = await _draw(run, [request], choice)
    return drawn


async def draw_tiles(run: Run, request: ImageRequest, plan: Tiling, choice: str) -> Picture:
    """Return the picture of ``request``, its source enlarged and redrawn tile by tile, all at the same time.

    The request is as large as the plan, its source is not. All tiles come from one engine, and each has a seed of its
    own. Raises `UserError` and `Retryable` for the engine's errors, which stop the other tiles.
    """
    assert request.source is not None
    requests = [
        replace(
            request,
            id=f"{request.id}-{index}",
            source=tile,
            seed=tile_seed(request.seed, index),
            width=plan.tile_width,
            height=plan.tile_height,
        )
        for index, tile in enumerate(await cut(request.source, plan))
    ]
    tiles = await _draw(run, requests, choice)
    looks = [tile.unsafe for tile in tiles if tile.unsafe is not None]
    return replace(
        tiles[0],
        data=await join([tile.data for tile in tiles], plan),
        width=plan.width,
        height=plan.height,
        seed=request.seed,
        # A picture with an unclassified tile is unclassified.
        unsafe=max(looks) if len(looks) == len(tiles) else None,
        young=max(tile.young for tile in tiles),
    )


def together(parts: Sequence[ImageProgress]) -> ImageProgress:
    """Return the progress of a picture from that of its parts: the sum of their steps."""
    phases = {part.phase for part in parts}
    phase: Phase
    if phases == {"finishing"}:
        phase = "finishing"
    elif phases <= set(_BEFORE):
        phase = _BEFORE[max(_BEFORE.index(part.phase) for part in parts)]
    else:
        phase = "drawing"
    # The number of steps of a part is unknown before it begins: assume that of another.
    most = max(part.steps for part in parts)
    step = sum((part.steps or most) if part.phase == "finishing" else part.step for part in parts)
    return ImageProgress(phase, step, sum(part.steps or most for part in parts), min(part.ahead for part in parts))


async def _draw(run: Run, requests: Sequence[ImageRequest], choice: str) -> list[Picture]:
    """Return the pictures of all requests, drawn at the same time, with one row in the task log."""
    task = await usage.begin("draw_picture", job_id=run.job.id, account_id=run.job.account_id)
    record = usage.TaskRecord(phase="AI_CALL", state="failed")
    parts, pace = [ImageProgress("queued") for _ in requests], Pace()

    async def draw(number: int, request: ImageRequest) -> Picture:
        async with aclosing(run.services.images.stream(request, choice, alone=len(requests) > 1)) as events:
            async for event in events:
                if isinstance(event, Picture):
                    parts[number] = ImageProgress("finishing", parts[number].steps, parts[number].steps)
                    return event
                parts[number] = event
                whole = together(parts)
                left = pace.left(whole.step, whole.steps) if whole.phase == "drawing" else None
                await run.tracker.draw(whole.phase, whole.step, whole.steps, whole.ahead, left)
        raise AssertionError("an engine ended its stream without a picture")

    try:
        drawn = await run_together(draw(number, request) for number, request in enumerate(requests))
        record.state, record.phase, record.percent = "done", "DONE", 100
        record.engine, record.model = drawn[0].engine, drawn[0].model
        record.prompt_tokens = sum(each.prompt_tokens for each in drawn)
        record.cost_usd = sum((Decimal(str(each.cost_usd)) for each in drawn), Decimal(0))
    except EngineError as error:
        record.error = describe(error)
        raise _told(run, error) from error
    except BaseException as error:
        record.state, record.error = "cancelled", type(error).__name__
        raise
    else:
        return drawn
    finally:
        await asyncio.shield(usage.save(task, record))


def _told(run: Run, error: EngineError) -> UserError | Retryable:
    """Return the job's error for an engine's error."""
    _log.warning("job %d: %s", run.job.id, error)
    match error:
        case EngineOverloaded() if run.job.retries < MEMORY_TRIES:
            return Retryable(str(error), error.retry_after)
        case EngineOverloaded():
            return BadInput("picture.too_large")
        case EngineUnavailable():
            return NotAllowed("picture.unavailable")
        case RequestRefused():
            return BadInput("picture.refused_engine")
        case GenerationTimedOut():
            return BadInput("picture.timed_out")
        case _:
            return Retryable(str(error))
