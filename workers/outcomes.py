"""How the run of a job ends: the worker's one boundary for all kinds of errors."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final, Literal

from db import jobs, work
from db.connection import OUTAGES, transaction
from db.errors import LeaseLost, Outage, Retryable, UserError, describe
from db.payloads.base import Payload
from db.payloads.notice import Notice
from db.work import Failure, Job
from workers.notifiers import OperationalEvent
from workers.services import Services
from workers.steps.base import Run
from workers.workflows.base import WorkflowPlan

RETRY_BASE_SECONDS: Final = 1.0
"""The pause before a first retry; each further one is twice as long."""
RETRY_MOST_SECONDS: Final = 16.0
MAX_OUTAGES: Final = 30
"""A job whose statements fail this often in a database that answers is given up."""
OUTAGE_SECONDS: Final = 1.0
"""The pause between two tries to reach a database that is away."""
_log = logging.getLogger(__name__)


class Outcomes:
    """Runs workflows and records how they end."""

    def __init__(self, services: Services) -> None:
        """``services`` receive what happened."""
        self._services = services

    async def work(self, run: Run, plan_of: Callable[[str], WorkflowPlan]) -> None:
        """Run a job's workflow and record the outcome."""
        job = run.job
        try:
            if job.attempt >= jobs.MAX_CRASHES:
                await self._bury(run, Failure("job.crashed"), f"lost its worker {job.attempt} times")
            elif await plan_of(job.type).run(run):
                self.publish("jobs.done", job)
        except LeaseLost:
            _log.info("job %d is not ours any more", job.id)
        except UserError as e:
            await self._bury(run, Failure(e.key, e.values), describe(e))
        except Retryable as e:
            await self._retry(run, e)
        except OUTAGES as e:
            await self._after_outage(run, e)
        except asyncio.CancelledError:
            raise
        except Exception as e:  # noqa: BLE001 - a defect must not leave the person without an answer
            reference = secrets.token_hex(4)
            _log.exception("job %d failed, reference %s", job.id, reference)
            await self._bury(run, Failure("job.defect", {"reference": reference}), f"{type(e).__name__} {reference}")

    async def put_back(self, run: Run) -> None:
        """Requeue a job at no cost and wake a worker for it. Raises `LeaseLost`, and one of `OUTAGES`."""
        async with transaction():
            wakeup = await jobs.put_back(run.job.id, run.token)
        _log.info("job %d is put back", run.job.id)
        if wakeup is not None:
            await self._services.queue.wake(wakeup.id, queue=wakeup.queue, priority=wakeup.priority)

    def publish(self, name: Literal["jobs.done", "jobs.dead", "jobs.cancelled"], job: Job, reason: str = "") -> None:
        """Notify operators."""
        self._services.notifiers.publish(OperationalEvent(name, job.id, job.type, job.account_id, reason))

    async def _after_outage(self, run: Run, error: Outage) -> None:
        """Try again later, from the last artifact. If the database is away, wait for it: then it costs nothing."""
        _log.warning("job %d stopped at the database: %s", run.job.id, error)
        away = False
        while True:
            try:
                if away:
                    await self.put_back(run)
                elif run.job.retries >= MAX_OUTAGES:
                    await self._give_up(run, Failure("job.unavailable"), describe(error))
                else:
                    await jobs.retry(run.job.id, run.token, _pause(run.job.retries), describe(error))
            except LeaseLost:
                _log.info("job %d is not ours any more", run.job.id)
            except OUTAGES:
                away = True
                await asyncio.sleep(OUTAGE_SECONDS)
                continue
            return

    async def _retry(self, run: Run, error: Retryable) -> None:
        if run.job.retries >= jobs.MAX_RETRIES:
            await self._bury(run, Failure("job.unavailable"), describe(error))
            return
        delay = error.delay if error.delay is not None else _pause(run.job.retries)
        _log.warning("job %d is tried again in %.1f s: %s", run.job.id, delay, error)
        try:
            await jobs.retry(run.job.id, run.token, delay, describe(error))
        except LeaseLost:
            _log.info("job %d is not ours any more", run.job.id)
        except OUTAGES as e:
            await self._after_outage(run, e)

    async def _bury(self, run: Run, failure: Failure, error: str) -> None:
        """Give up a job. If undoing its promise, or its notice, fails: without that. It never fails without an end."""
        reference = secrets.token_hex(4)
        plain = Failure("job.defect", {"reference": reference})
        for tried, undo, reply in ((failure, True, True), (plain, False, True), (plain, False, False)):
            try:
                await self._give_up(run, tried, error, undo=undo, reply=reply)
            except LeaseLost:
                _log.info("job %d is not ours any more", run.job.id)
            except OUTAGES as e:
                await self._after_outage(run, e)
            except Exception:  # noqa: BLE001 - the job must end, or it would fail again for ever
                _log.exception("giving up job %d failed, reference %s", run.job.id, reference)
                error = f"{error} {reference}"
                continue
            return

    async def _give_up(self, run: Run, failure: Failure, error: str, *, undo: bool = True, reply: bool = True) -> None:
        """Undo what a job and its open child jobs promised, end them and notify the person, in one transaction."""
        _log.warning("job %d is dead: %s", run.job.id, error)
        run.forget()
        async with transaction():
            told: Payload | None = Notice(key=failure.key, values=failure.values)
            if undo:
                told = await work.abandon(run.job, failure)
                await jobs.undo_children(run.job.id, failure)
            run.wake_after_commit(await jobs.bury(run.job.id, run.token, error))
            # It cannot be promoted any more: this is the event that it answers.
            if (now := await jobs.get(run.job.id)) is not None:
                run.answer_as(now)
            if reply and told is not None:
                await run.reply(told)
        await run.notify()
        self.publish("jobs.dead", run.job, failure.key)


def _pause(retries: int) -> float:
    return min(RETRY_BASE_SECONDS * 2 ** min(retries, 10), RETRY_MOST_SECONDS)
