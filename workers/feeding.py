"""Starting the readings of feeds that are due, when nobody waits for a worker. Every worker does this."""

from typing import Final

from db import feeds, jobs
from workers.queue import Queue

CHECK_SECONDS: Final = 20.0
"""Seconds between two looks at what is due."""
AT_ONCE: Final = 4
"""Background work that may wait for a worker, of any kind."""


async def start_due(queue: Queue) -> int:
    """Add jobs for feeds that are due, unless people wait or background work is behind; return how many."""
    waiting = await jobs.in_line("cpu", AT_ONCE)
    room = AT_ONCE - waiting.background
    if waiting.people > 0 or room <= 0:
        return 0
    started = await feeds.start_due(room)
    for job in started:
        await queue.wake(job.id, queue=job.queue, priority=job.priority)
    return len(started)
