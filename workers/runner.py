"""One job from claim to commit: its lease, its workflow, and what happens when it goes wrong."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

from db import jobs, work
from db.connection import OUTAGES, transaction
from db.errors import LeaseLost, Retryable, UserError
from db.work import Failure, Job
from workers.notifiers import OperationalEvent
from workers.services import Services
from workers.steps.base import Run
from workers.workflows.base import WorkflowPlan
from workers.workflows.registry import plan_of

RENEW_SECONDS: Final = jobs.LEASE_SECONDS / 3
RETRY_BASE_SECONDS: Final = 1.0
"""The pause before a first retry; each further one is twice as long."""
_log = logging.getLogger(__name__)


class Runner:
    """Runs up to ``capacity`` jobs at once, each in a task of its own."""

    def __init__(self, services: Services, capacity: int, plans: Callable[[str], WorkflowPlan] = plan_of) -> None:
        """``plans`` finds the workflow of a job type. Set ``on_free`` to be called whenever a slot becomes free."""
        self._services = services
        self._plan_of = plans
        self._capacity = capacity
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._cancelled: set[int] = set()
        self.on_free: Callable[[], None] = lambda: None

    @property
    def running(self) -> int:
        """Number of running jobs."""
        return len(self._tasks)

    @property
    def free(self) -> int:
        """Number of jobs that may still be started."""
        return self._capacity - len(self._tasks)

    def start(self, job_id: int) -> None:
        """Run a job in the background; a second call for a running job does nothing."""
        if job_id in self._tasks:
            return
        task = asyncio.create_task(self.run(job_id), name=f"job-{job_id}")
        self._tasks[job_id] = task
        task.add_done_callback(lambda _: self._ended(job_id))

    def cancel(self, job_id: int) -> None:
        """Stop a job that was cancelled in the record."""
        if (task := self._tasks.get(job_id)) is not None:
            self._cancelled.add(job_id)
            task.cancel()

    async def drain(self, seconds: float) -> None:
        """Wait for the running jobs, then requeue unfinished ones, at no cost of an attempt."""
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
            job = await jobs.claim(job_id)
        except OUTAGES as e:
            _log.warning("job %d cannot be claimed: %s", job_id, e)
            return
        if job is None:
            return
        assert job.lease_token is not None
        run = Run(job, job.lease_token, self._services)
        working = asyncio.create_task(self._work(run))
        renewal = asyncio.create_task(_renew(run, working))
        try:
            await asyncio.shield(asyncio.wait([working]))
        except asyncio.CancelledError:
            working.cancel()
            await asyncio.wait([working])
            if job_id in self._cancelled:
                self._publish("jobs.cancelled", job)
            else:
                with suppress(LeaseLost, *OUTAGES):
                    await jobs.put_back(job.id, job.lease_token)
                _log.info("job %d is put back", job.id)
            raise
        finally:
            renewal.cancel()
            await asyncio.wait([renewal])
        if not working.cancelled() and (error := working.exception()) is not None:
            _log.error("giving up job %d failed", job_id, exc_info=error)

    def _publish(self, name: Literal["jobs.done", "jobs.dead", "jobs.cancelled"], job: Job, reason: str = "") -> None:
        self._services.notifiers.publish(OperationalEvent(name, job.id, job.type, job.account_id, reason))

    def _ended(self, job_id: int) -> None:
        task = self._tasks.pop(job_id)
        self._cancelled.discard(job_id)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("job %d: the runner itself failed", job_id, exc_info=error)
        self.on_free()

    async def _work(self, run: Run) -> None:
        """The worker's one boundary for all kinds of errors."""
        job = run.job
        try:
            if job.attempt >= jobs.MAX_CRASHES:
                await self._bury(run, Failure("job.crashed"), f"lost its worker {job.attempt} times")
                return
            if await self._plan_of(job.type).run(run):
                self._publish("jobs.done", job)
        except LeaseLost:
            _log.info("job %d is not ours any more", job.id)
        except UserError as e:
            await self._bury(run, Failure(e.key, e.values), str(e))
        except Retryable as e:
            await self._retry(run, e)
        except OUTAGES as e:
            # The lease runs out, and a worker that reaches the database goes on from the last artifact.
            _log.warning("job %d stopped at the database: %s", job.id, e)
        except asyncio.CancelledError:
            raise
        except Exception as e:  # noqa: BLE001 - a defect must not leave the person without an answer
            reference = secrets.token_hex(4)
            _log.exception("job %d failed, reference %s", job.id, reference)
            await self._bury(run, Failure("job.defect", {"reference": reference}), f"{type(e).__name__} {reference}")

    async def _retry(self, run: Run, error: Retryable) -> None:
        if run.job.retries >= jobs.MAX_RETRIES:
            await self._bury(run, Failure("job.unavailable"), str(error))
            return
        delay = error.delay if error.delay is not None else RETRY_BASE_SECONDS * 2**run.job.retries
        _log.warning("job %d is tried again in %.1f s: %s", run.job.id, delay, error)
        try:
            await jobs.retry(run.job.id, run.token, delay, str(error))
        except LeaseLost:
            _log.info("job %d is not ours any more", run.job.id)
        except OUTAGES as e:
            _log.warning("job %d stopped at the database: %s", run.job.id, e)

    async def _bury(self, run: Run, failure: Failure, error: str) -> None:
        """Give up a job: undo what it promised and notify the person, in one transaction."""
        _log.warning("job %d is dead: %s", run.job.id, error)
        try:
            async with transaction():
                told = await work.abandon(run.job, failure)
                run.wake_after_commit(await jobs.bury(run.job.id, run.token, error))
                # It cannot be promoted any more: this is the event that it answers.
                if (now := await jobs.get(run.job.id)) is not None:
                    run.answer_as(now)
                if told is not None:
                    await run.reply(told)
            await run.notify()
            self._publish("jobs.dead", run.job, failure.key)
        except LeaseLost:
            _log.info("job %d is not ours any more", run.job.id)
        except OUTAGES as e:
            _log.warning("job %d stopped at the database: %s", run.job.id, e)


async def _renew(run: Run, working: "asyncio.Task[None]") -> None:
    """Keep the lease while the work goes on; stop the work when the lease is lost."""
    job_id = run.job.id
    loop = asyncio.get_running_loop()
    held_until = loop.time() + jobs.LEASE_SECONDS
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        try:
            now = await jobs.renew(job_id, run.token)
            if now is None:
                _log.info("job %d lost its lease", job_id)
                working.cancel()
                return
            run.answer_as(now)
            held_until = loop.time() + jobs.LEASE_SECONDS
        except OUTAGES as e:
            _log.warning("the lease of job %d cannot be renewed: %s", job_id, e)
            if loop.time() > held_until:
                working.cancel()
                return
