"""The jobs of one process, each in a task of its own, and their leases."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final

from db import jobs
from db.connection import OUTAGES
from db.errors import LeaseLost
from db.jobs import Job, WorkerQueue
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
        self._numbers = count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._working: dict[int, asyncio.Task[Any]] = {}
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

    @property
    def restricted(self) -> bool:
        """Whether jobs of some kind would not be started now."""
        return self._closed or self._slots.restricted

    def has(self, job_id: int) -> bool:
        """Return whether a job runs here."""
        return job_id in self._working

    def on_free(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever a slot becomes free."""
        self._on_free.append(callback)

    def start(self, queue: WorkerQueue, named: int | None = None) -> asyncio.Future[bool]:
        """Start the job of a queue whose turn it is, in the background; the result says whether there was one.

        ``named`` is the job of the wake-up, if there was one (`db.jobs.claim_next`). Without a free slot there is none:
        another wake-up or the search has taken the last one meanwhile, and the search comes back when one is free.
        """
        started: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not self._closed and self._slots.free <= 0:
            started.set_result(False)
            return started
        slot = next(self._numbers)
        self._slots.take(slot)
        work = self._hand_on(named) if self._closed else self._work(slot, queue, named, started)
        task = asyncio.create_task(work, name=f"{queue}-slot-{slot}")
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(slot, task, started))
        return started

    async def fill(self, queue: WorkerQueue) -> None:
        """Start jobs of a queue until none may start here."""
        while self.free > 0 and await self.start(queue):
            pass

    def cancel(self, job_id: int) -> None:
        """Stop a job that was cancelled in the record."""
        if (task := self._working.get(job_id)) is not None:
            self._cancelled.add(job_id)
            task.cancel()

    def close(self) -> None:
        """Start no more jobs: wake-ups that still arrive are handed on to other workers."""
        self._closed = True

    async def drain(self, seconds: float) -> None:
        """Wait for the running jobs, then requeue unfinished ones, at no cost of an attempt, and wake other workers."""
        self.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._services.notifiers.drain()

    async def run(self, job: Job) -> None:
        """Work on a job whose lease was taken, and keep the lease. Raises only `CancelledError`."""
        assert job.lease_token is not None
        run = Run(job, job.lease_token, self._services)
        working = asyncio.create_task(self._outcomes.work(run, self._plan_of))
        renewal = asyncio.create_task(_renew(run, working))
        try:
            await asyncio.shield(asyncio.wait([working]))
        except asyncio.CancelledError:
            working.cancel()
            await asyncio.wait([working])
            if job.id in self._cancelled:
                self._outcomes.publish("jobs.cancelled", job)
            else:
                with suppress(LeaseLost, *OUTAGES):
                    await self._outcomes.put_back(run)
            raise
        finally:
            renewal.cancel()
            await asyncio.wait([renewal])
        if not working.cancelled() and (error := working.exception()) is not None:
            _log.error("job %d: its end could not be recorded", job.id, exc_info=error)

    async def _work(self, slot: int, queue: WorkerQueue, named: int | None, started: asyncio.Future[bool]) -> None:
        try:
            job = await self._claim(slot, queue, named)
        except OUTAGES as e:
            _log.warning("no job can be claimed: %s", e)
            return
        if job is None:
            return
        started.set_result(True)
        task = asyncio.current_task()
        assert task is not None
        self._working[job.id] = task
        try:
            await self.run(job)
        finally:
            # Another worker may have taken the job over, lost it, and this one have it again.
            if self._working.get(job.id) is task:
                del self._working[job.id]
                self._cancelled.discard(job.id)

    async def _claim(self, slot: int, queue: WorkerQueue, named: int | None) -> Job | None:
        room = self._slots.admit(slot)
        job = None
        try:
            job = await jobs.claim_next(queue, room, self.types, named=named)
            # A process of an older release adds jobs that are not in line.
            if job is None and named is not None and await jobs.join_line([named]):
                job = await jobs.claim_next(queue, room, self.types)
        finally:
            self._slots.settle(slot, job)
        return job

    async def _hand_on(self, job_id: int | None) -> None:
        with suppress(*OUTAGES):
            job = None if job_id is None else await jobs.get(job_id)
            if job is not None and job.state == "queued":
                await self._services.queue.wake(job.id, queue=job.queue, priority=job.priority)

    def _ended(self, slot: int, task: asyncio.Task[None], started: asyncio.Future[bool]) -> None:
        self._tasks.discard(task)
        self._slots.release(slot)
        if not started.done():
            started.set_result(False)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the runner itself failed", exc_info=error)
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
