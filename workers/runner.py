"""The jobs of one process, each in a task of its own, and their leases."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from db import jobs
from db.connection import OUTAGES
from db.errors import LeaseLost
from db.jobs import Job, Room
from workers.outcomes import Outcomes
from workers.services import Services
from workers.slots import Slots
from workers.steps.base import Run
from workers.workflows.base import WorkflowPlan
from workers.workflows.registry import plan_of

RENEW_SECONDS: Final = jobs.LEASE_SECONDS / 3
RENEW_AGAIN_SECONDS: Final = 1.0
"""The pause before the next try to renew a lease while the database is away."""
_log = logging.getLogger(__name__)


class Runner:
    """Runs up to ``capacity`` jobs at once; `Slots` says which."""

    def __init__(
        self,
        services: Services,
        capacity: int,
        plans: Callable[[str], WorkflowPlan] = plan_of,
        types: Sequence[str] | None = None,
    ) -> None:
        """``plans`` finds the workflow of a job type; ``types`` are those that it knows (None: all)."""
        self.types = types
        self.capacity = capacity
        self._services = services
        self._plan_of = plans
        self._outcomes = Outcomes(services)
        self._slots = Slots(capacity)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._cancelled: set[int] = set()
        self._closed = False
        self._on_free: list[Callable[[], None]] = []

    @property
    def running(self) -> int:
        """Number of running jobs."""
        return len(self._tasks)

    @property
    def free(self) -> int:
        """Number of jobs that may still be started."""
        return 0 if self._closed else self._slots.free

    def room(self) -> Room:
        """Return how many jobs of each kind may still be started."""
        return Room(0, 0, 0) if self._closed else self._slots.room()

    def has(self, job_id: int) -> bool:
        """Return whether a job runs here."""
        return job_id in self._tasks

    def on_free(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever a slot becomes free."""
        self._on_free.append(callback)

    def start(self, job_id: int) -> None:
        """Run a job in the background; a second call for a running job does nothing."""
        if job_id in self._tasks:
            return
        self._slots.take(job_id)
        task = asyncio.create_task(self._hand_on(job_id) if self._closed else self.run(job_id), name=f"job-{job_id}")
        self._tasks[job_id] = task
        task.add_done_callback(lambda _: self._ended(job_id))

    def cancel(self, job_id: int) -> None:
        """Stop a job that was cancelled in the record."""
        if (task := self._tasks.get(job_id)) is not None:
            self._cancelled.add(job_id)
            task.cancel()

    def close(self) -> None:
        """Take on no more jobs: ids that still arrive are handed on to other workers."""
        self._closed = True

    async def drain(self, seconds: float) -> None:
        """Wait for the running jobs, then requeue unfinished ones, at no cost of an attempt, and wake other workers."""
        self.close()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=seconds)
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._services.notifiers.drain()

    async def run(self, job_id: int) -> None:
        """Claim a job and work on it; nothing happens if another worker has it. Raises only `CancelledError`."""
        try:
            job = await self._claim(job_id)
        except OUTAGES as e:
            _log.warning("job %d cannot be claimed: %s", job_id, e)
            return
        if job is None:
            return
        assert job.lease_token is not None
        run = Run(job, job.lease_token, self._services)
        working = asyncio.create_task(self._outcomes.work(run, self._plan_of))
        renewal = asyncio.create_task(_renew(run, working))
        try:
            await asyncio.shield(asyncio.wait([working]))
        except asyncio.CancelledError:
            working.cancel()
            await asyncio.wait([working])
            if job_id in self._cancelled:
                self._outcomes.publish("jobs.cancelled", job)
            else:
                with suppress(LeaseLost, *OUTAGES):
                    await self._outcomes.put_back(run)
            raise
        finally:
            renewal.cancel()
            await asyncio.wait([renewal])
        if not working.cancelled() and (error := working.exception()) is not None:
            _log.error("job %d: its end could not be recorded", job_id, exc_info=error)

    async def _claim(self, job_id: int) -> Job | None:
        background, suspects = self._slots.admit(job_id)
        job = None
        try:
            job = await jobs.claim(job_id, self.types, background=background, suspects=suspects)
        finally:
            self._slots.settle(job_id, job)
        if job is None and self.types is not None:
            await jobs.hand_on(job_id, self.types)
        return job

    async def _hand_on(self, job_id: int) -> None:
        with suppress(*OUTAGES):
            job = await jobs.get(job_id)
            if job is not None and job.state == "queued":
                await self._services.queue.wake(job.id, queue=job.queue, priority=job.priority)

    def _ended(self, job_id: int) -> None:
        task = self._tasks.pop(job_id)
        self._slots.release(job_id)
        self._cancelled.discard(job_id)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("job %d: the runner itself failed", job_id, exc_info=error)
        for callback in self._on_free:
            callback()


async def _renew(run: Run, working: "asyncio.Task[None]") -> None:
    """Keep the lease while the work goes on; stop the work when the lease is lost.

    While the database is away the work goes on: if another worker has taken the job meanwhile, nothing of it is kept.
    """
    job_id, pause = run.job.id, RENEW_SECONDS
    while True:
        await asyncio.sleep(pause)
        try:
            now = await jobs.renew(job_id, run.token)
        except OUTAGES as e:
            _log.warning("the lease of job %d cannot be renewed: %s", job_id, e)
            pause = RENEW_AGAIN_SECONDS
            continue
        except Exception:  # noqa: BLE001 - the next renewal may succeed; if none does, the lease expires
            _log.exception("the lease of job %d cannot be renewed", job_id)
            continue
        pause = RENEW_SECONDS
        if now is None:
            _log.info("job %d lost its lease", job_id)
            working.cancel()
            return
        run.answer_as(now)
