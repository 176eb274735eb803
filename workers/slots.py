"""The slots of a process: which jobs it takes on beside those that it has."""

import asyncio
from typing import Final

from db import jobs
from db.jobs import Job, Room

PROBATION_SECONDS: Final = 10.0
"""So long a job that lost one worker runs before another such job starts beside it."""


class Slots:
    """Room for up to ``capacity`` jobs.

    A quarter (at least one of several) is reserved for people. After `jobs.BACKGROUND_SHARE` - 1 jobs of people in a
    row, background work that has waited long comes first. Suspects, which are jobs that lost their worker, start
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
        self._in_a_row = 0

    @property
    def free(self) -> int:
        """Number of free slots."""
        return self._capacity - len(self._taken)

    @property
    def restricted(self) -> bool:
        """Whether jobs of some kind would not be started now."""
        return self.free <= 0 or len(self._background) >= self._for_background or self._suspect is not None

    def take(self, slot: int) -> None:
        """Take a slot for a job of which nothing is known yet. Slots are named by the caller."""
        self._taken.add(slot)

    def admit(self, slot: int) -> Room:
        """Return what may be started in a slot.

        Until `settle` it counts as all of that: claims under way must not exceed the room together.
        """
        background, suspects = len(self._background) < self._for_background, self._suspect is None
        if background:
            self._background.add(slot)
        if suspects:
            self._suspect = slot
        aged = background and self._in_a_row >= jobs.BACKGROUND_SHARE - 1
        if aged:
            self._in_a_row = 0
        return Room(background, suspects, aged)

    def settle(self, slot: int, job: Job | None) -> None:
        """Note which job has started in a slot; None: none has."""
        if job is not None:
            self._in_a_row = self._in_a_row + 1 if job.priority < jobs.BACKGROUND else 0
        if job is None or job.priority < jobs.BACKGROUND:
            self._background.discard(slot)
        if job is None or job.attempt == 0:
            self._clear(slot)
        elif job.attempt == 1:
            asyncio.get_running_loop().call_later(PROBATION_SECONDS, self._clear, slot)

    def release(self, slot: int) -> None:
        """Free a slot."""
        self._taken.discard(slot)
        self.settle(slot, None)

    def _clear(self, slot: int) -> None:
        if self._suspect == slot:
            self._suspect = None
