"""Erasing what nobody asks for any more: places that the bot left, and what a job that was given up has left over."""

from db import data_choices, erasure, jobs
from workers.queue import Queue


async def erase_overdue(queue: Queue) -> None:
    """Start the jobs that erase what is overdue, and delete what people keep for a shorter time.

    Raises one of `OUTAGES`.
    """
    for ended in await data_choices.expire():
        await queue.notify_cancel(ended)
    for closed in await erasure.overdue():
        job_id = await jobs.add(closed.parameters)
        await queue.wake(job_id, queue=jobs.queue_of(closed.parameters), priority=jobs.INTERACTIVE)
        for cancelled in closed.cancelled:
            await queue.notify_cancel(cancelled)
