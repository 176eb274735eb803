"""Before a picture is ordered: somebody draws, may still be starting, or is missing."""

import asyncio
from typing import Any, cast

import pytest

from db import heartbeats
from db.connection import rows
from db.errors import NotAllowed
from tests.workers.living import lives
from workers.steps.picture.order import FindImageEngine

RUN = cast("Any", None)
UP_FOR_LONG = "UPDATE heartbeats SET steady_since = now() - interval '1 hour' WHERE worker = ''"


async def test_while_the_service_starts_who_will_draw_is_awaited(database: str):
    assert await heartbeats.missing_for_pictures() == "starting"  # nobody is there who could know
    await lives("cpu")
    assert await heartbeats.missing_for_pictures() == "starting"
    step = asyncio.create_task(FindImageEngine().run(RUN))
    await asyncio.sleep(0.1)
    assert not step.done()
    await lives("gpu", queues=["gpu"], image_engines=["sdxl"])
    assert await step == {}


async def test_once_it_is_up_the_answer_is_that_nobody_draws(database: str):
    await lives("cpu")
    await rows(UP_FOR_LONG)
    assert await heartbeats.missing_for_pictures() == "worker"
    with pytest.raises(NotAllowed, match="no_worker"):
        await FindImageEngine().run(RUN)


async def test_a_worker_without_a_model_is_not_awaited(database: str):
    await lives("gpu", queues=["gpu"])
    assert await heartbeats.missing_for_pictures() == "model"
    with pytest.raises(NotAllowed, match="no_model"):
        await FindImageEngine().run(RUN)
