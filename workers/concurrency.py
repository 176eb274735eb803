"""Running coroutines together: all succeed, or the first error ends the others."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def run_together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results in order. The first error cancels the others and is raised unwrapped once they have ended."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]
