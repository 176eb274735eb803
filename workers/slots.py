"""The slots of a process: which jobs it takes on beside those that it has."""

import asyncio
from typing import Final

from db import jobs
from db.jobs import Job, Room

PROBATION_SECONDS: Final = 10.0
"""So long a job that lost one worker runs before another such job starts beside it."""


class Slots:
    """Room for up to ``capacity`` jobs.

    A quarter (at least one of several) is reserved for people. Suspects, which are jobs that lost their worker, start
    one at a time: if one of them ends this process too, the others are not to blame. Beside a job that has lost two
    workers no other suspect starts before it has ended.
    """

    def __init__(self, capacity: int) -> None:
        """All are free."""
        self._capacity = capacity
        self._for_background = capacity - (max(1, capacity // 4) if capacity > 1 else 0)
        self._taken: set[int] = set()
        self._background: set[int] = set()
        self._suspect: int | None = None

    @property
    def free(self) -> int:
        """Number of free slots."""
        return self._capacity - len(self._taken)

    def room(self) -> Room:
        """Return how many jobs of each kind fit in."""
        background = max(0, min(self.free, self._for_background - len(self._background)))
        return Room(self.free, background, 1 if self._suspect is None and self.free > 0 else 0)

    def take(self, job_id: int) -> None:
        """Take a slot for a job of which nothing is known yet."""
        self._taken.add(job_id)

    def admit(self, job_id: int) -> tuple[bool, bool]:
        """Return whether a job may be claimed if it is a background job, and if it is a suspect.

        Until `settle` it counts as both: claims under way must not exceed the room together.
        """
        background, suspects = len(self._background) < self._for_background, self._suspect is None
        if background:
            self._background.add(job_id)
        if suspects:
            self._suspect = job_id
        return background, suspects

    def settle(self, job_id: int, job: Job | None) -> None:
        """Note what a job turned out to be; None: it could not be claimed."""
        if job is None or job.priority < jobs.BACKGROUND:
            self._background.discard(job_id)
        if job is None or job.attempt == 0:
            self._clear(job_id)
        elif job.attempt == 1:
            asyncio.get_running_loop().call_later(PROBATION_SECONDS, self._clear, job_id)

    def release(self, job_id: int) -> None:
        """Free the slot of a job."""
        self._taken.discard(job_id)
        self.settle(job_id, None)

    def _clear(self, job_id: int) -> None:
        if self._suspect == job_id:
            self._suspect = None
