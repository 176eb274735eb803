"""Loops that outlive their errors and end when they are cancelled, whatever a library does with either."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from db.errors import Outage

T = TypeVar("T")
BACKOFF_SECONDS: Final = 1.0
"""The pause after a first failure; each further failure in a row doubles it."""
BACKOFF_MOST_SECONDS: Final = 15.0
_log = logging.getLogger(__name__)


async def forever(
    name: str,
    step: Callable[[], Awaitable[object]],
    *,
    pause_s: float = 0.0,
    backoff_s: float = BACKOFF_SECONDS,
    backoff_most_s: float = BACKOFF_MOST_SECONDS,
) -> None:
    """Run ``step`` again and again, ``pause_s`` apart, until cancelled; a step that waits for its next turn needs none.

    A step that raises is logged under ``name`` (an `Outage` in one line) and runs again after a growing pause. That
    includes a `CancelledError` that comes from inside the step although nobody cancelled this loop.
    """
    task = asyncio.current_task()
    failures = 0
    while True:
        try:
            await step()
            failures = 0
        except asyncio.CancelledError:
            if task is None or task.cancelling():
                raise
            _log.exception("%s: something inside was cancelled", name)
            failures += 1
        except Outage as e:
            _log.warning("%s waits: %s", name, e)
            failures += 1
        except Exception:  # noqa: BLE001 - one bad turn must not be the last
            _log.exception("%s failed and goes on", name)
            failures += 1
        if task is not None and task.cancelling():  # a library has made our cancellation into an error of its own
            raise asyncio.CancelledError
        # Shortened at random: processes that failed together do not come back together.
        backoff = min(backoff_s * 2 ** min(failures - 1, 30), backoff_most_s) * random.uniform(0.75, 1)  # noqa: S311
        await asyncio.sleep(backoff if failures else pause_s)


async def honouring_cancellation(work: Awaitable[T]) -> T:
    """Return what a library's coroutine returns. Raises `CancelledError` if this task was cancelled meanwhile.

    Before Python 3.12, `asyncio.wait_for` returns a result that came together with the cancellation, and the task
    would go on as if nobody had cancelled it.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    found = await work
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
    return found
