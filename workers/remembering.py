"""Starting the background work of memory: what is due is begun when workers have room, and caught up later otherwise.

Every worker does this. Nobody's answer waits for it: while people wait for a worker nothing is begun, background work
leaves a quarter of every worker's slots to people, and a run ends early when somebody comes.
"""

from typing import Final

from db import jobs
from db.memory import memories
from workers.queue import Queue

CHECK_SECONDS: Final = 5.0
"""Seconds between two looks at what is due."""
AT_ONCE: Final = 4
"""Background work that may wait for a worker, of any kind: more would only wait longer."""


async def start_due(queue: Queue) -> int:
    """Add jobs for memories that are due, unless people wait or background work is behind; return how many."""
    waiting = await jobs.in_line("cpu", AT_ONCE)
    room = AT_ONCE - waiting.background
    if waiting.people > 0 or room <= 0:
        return 0
    started = await memories.start_due(room)
    for job in started:
        await queue.wake(job.id, queue=job.queue, priority=job.priority)
    return len(started)
