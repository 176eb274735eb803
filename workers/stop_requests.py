"""Requests to end a running job early and keep what it has."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from db import jobs
from db.work import Job


class StopRequests:
    """The running jobs of this process that can end early, and those that were asked to.

    The request itself is in the record (`db.jobs.ask_to_stop`); this only brings it to the job at once.
    """

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._events: dict[int, asyncio.Event] = {}

    @asynccontextmanager
    async def offered(self, job: Job) -> AsyncGenerator[asyncio.Event]:
        """Let a job be stopped while the context lasts; the event is set when that is requested."""
        event = self._events[job.id] = asyncio.Event()
        try:
            await self.check(job.id)  # the request may have come before this listener
            yield event
        finally:
            del self._events[job.id]

    async def check_all(self) -> None:
        """Check the record for stop requests of all jobs that can be stopped now."""
        for job_id in list(self._events):
            await self.check(job_id)

    async def check(self, job_id: int) -> bool:
        """Pass on the stop request of a running job, if the record has one; False if not."""
        job = await jobs.get(job_id)
        if job is None or job.state != "running" or not job.stop_requested:
            return False
        if (event := self._events.get(job_id)) is not None:
            event.set()
        return True
