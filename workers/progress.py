"""Progress of a running job: recorded now and then, published often, both cheap to lose."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from db import jobs
from db.work import Job
from workers.queue import PROGRESS_CHANNEL, Queue

RECORD_SECONDS: Final = 1.0
"""Least pause between two writes of the same phase to the database."""
PUBLISH_SECONDS: Final = 0.2
"""Least pause between two publications of partial text; platforms throttle further."""


@dataclass(slots=True)
class Tracker:
    """Reports one job's phase, percent and text so far."""

    job: Job
    queue: Queue
    _phase: str = ""
    _recorded: float = field(default=0.0)
    _published: float = field(default=0.0)
    _text: str = ""

    async def report(self, phase: str, percent: int, preview: Callable[[], str] = str) -> None:
        """Report where the job is. Raises `LeaseLost` if it is not ours any more.

        ``preview`` returns the text so far; it may be costly and is asked only if that is published now.
        """
        now = time.monotonic()
        changed = phase != self._phase
        self._phase = phase
        token = self.job.lease_token
        # The first phases pass within milliseconds: what is worth a write is work that takes a second.
        if token is not None and now - self._recorded >= RECORD_SECONDS:
            if self._recorded:
                await jobs.report(self.job.id, token, phase, percent)
            self._recorded = now
        if self.job.event_key is not None and (changed or now - self._published >= PUBLISH_SECONDS):
            self._published = now
            # What people have read must not vanish while the next step has nothing to show yet.
            self._text = preview() or self._text
            await self.queue.publish(
                PROGRESS_CHANNEL,
                {
                    "job": self.job.id,
                    "event": self.job.event_key,
                    "phase": phase,
                    "percent": percent,
                    "text": self._text,
                },
            )

    async def draw(self, phase: str, step: int, steps: int, ahead: int, eta_s: float | None) -> None:
        """Report how far a picture is: ``step`` of ``steps``, pictures ``ahead`` of it, seconds that are left.

        Raises `LeaseLost` if the job is not ours any more.
        """
        now, percent = time.monotonic(), min(99, 100 * step // max(1, steps))
        changed, self._phase = phase != self._phase, phase
        token = self.job.lease_token
        if token is not None and now - self._recorded >= RECORD_SECONDS:
            await jobs.report(self.job.id, token, phase, percent)
            self._recorded = now
        if self.job.event_key is not None and (changed or now - self._published >= PUBLISH_SECONDS):
            self._published = now
            await self.queue.publish(
                PROGRESS_CHANNEL,
                {
                    "job": self.job.id,
                    "event": self.job.event_key,
                    "phase": phase,
                    "percent": percent,
                    "step": step,
                    "steps": steps,
                    "ahead": ahead,
                    "eta": eta_s,
                },
            )
