"""A loop of ours ends when it is cancelled, and for no other reason."""

import asyncio
from itertools import pairwise

import pytest

from db.errors import Outage
from db.loops import forever


async def _run(*turns: object) -> tuple[list[int], float]:
    """Run a loop whose turns raise what is given; return when each turn began, in milliseconds, and cancel it."""
    loop = asyncio.get_running_loop()
    began: list[int] = []
    left = iter(turns)
    done = asyncio.Event()
    start = loop.time()

    async def step() -> None:
        began.append(int((loop.time() - start) * 1000))
        turn = next(left, "end")
        if turn == "end":
            done.set()
            await asyncio.sleep(3600)
        if isinstance(turn, BaseException):
            raise turn

    task = asyncio.create_task(forever("a test", step, backoff_s=0.02, backoff_most_s=0.05))
    await done.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return began, loop.time() - start


async def test_a_loop_survives_everything_and_ends_when_cancelled(caplog: pytest.LogCaptureFixture):
    began, _ = await _run(
        OSError("gone"), Outage("read-only"), KeyError("x"), RecursionError(), asyncio.CancelledError(), MemoryError()
    )
    assert len(began) == 7
    said = [(r.levelname, r.exc_info is not None) for r in caplog.records]
    assert ("WARNING", False) in said, "an outage is one line"
    assert said.count(("ERROR", True)) == 5


async def test_failures_in_a_row_are_further_apart_up_to_a_bound():
    began, _ = await _run(*(OSError() for _ in range(6)))
    pauses = [b - a for a, b in pairwise(began)]
    assert pauses[0] >= 14
    assert min(pauses[2:]) >= 36, "the third pause has reached the bound, shortened by at most a quarter"


async def test_a_success_starts_over():
    began, _ = await _run(OSError(), OSError(), OSError(), None, None)
    assert began[-1] - began[-2] < 1000
