"""Progress of a running job: recorded occasionally, published often; either may be lost."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from db import jobs
from db.connection import OUTAGES
from db.work import Job, phase_wording
from workers.queue import PROGRESS_CHANNEL, Queue

RECORD_SECONDS: Final = 1.0
"""Minimum seconds between two writes of the same phase to the database."""
PUBLISH_SECONDS: Final = 0.2
"""Minimum seconds between two publications of partial text; platforms throttle further."""


@dataclass(slots=True)
class Tracker:
    """Reports one job's phase, percent and text so far."""

    job: Job
    queue: Queue
    _phase: str = ""
    _recorded: float = field(default=0.0)
    _published: float = field(default=0.0)
    _text: str = ""

    async def report(self, phase: str, percent: int, preview: Callable[[], Awaitable[str]] | None = None) -> None:
        """Report the job's progress. Raises `LeaseLost` if this worker no longer has it.

        ``preview`` returns the text so far; it may be costly and is called only if that is published now.
        """
        now = time.monotonic()
        changed = phase != self._phase
        self._phase = phase
        token = self.job.lease_token
        # The first phases pass within milliseconds: only work that takes a second is worth a write.
        if token is not None and now - self._recorded >= RECORD_SECONDS:
            if self._recorded:
                await self._record(phase, percent)
            self._recorded = now
        if self.job.event_key is not None and (changed or now - self._published >= PUBLISH_SECONDS):
            self._published = now
            # Text that people have read must not vanish while the next step has nothing to show yet.
            self._text = (await preview() if preview is not None else "") or self._text
            await self.queue.publish(
                PROGRESS_CHANNEL,
                {
                    "job": self.job.id,
                    "event": self.job.event_key,
                    "phase": phase,
                    "wording": phase_wording(self.job.type, phase),
                    "percent": percent,
                    "text": self._text,
                },
            )

    async def draw(self, phase: str, step: int, steps: int, ahead: int, eta_s: float | None) -> None:
        """Report a picture's progress: ``step`` of ``steps``, pictures ``ahead`` of it, seconds left.

        Raises `LeaseLost` if this worker no longer has the job.
        """
        now, percent = time.monotonic(), min(99, 100 * step // max(1, steps))
        changed, self._phase = phase != self._phase, phase
        token = self.job.lease_token
        if token is not None and now - self._recorded >= RECORD_SECONDS:
            await self._record(phase, percent)
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

    async def _record(self, phase: str, percent: int) -> None:
        if self.job.lease_token is not None:
            with suppress(*OUTAGES):  # the work goes on; its result is what must be saved
                await jobs.report(self.job.id, self.job.lease_token, phase, percent)
