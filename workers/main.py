"""The worker process: an arq worker that hands job ids to the runner, and the reaper beside it.

arq only wakes workers up. Its job is done as soon as the runner has taken the id, so none of its timeouts, retries and
results ever concern a real job; leases in the database do. Its polling remains as the fallback for the wake-up channel.
"""

import asyncio
import logging
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from arq.worker import Worker
from redis.exceptions import RedisError

from db import jobs, privacy
from db.connection import OUTAGES
from db.schemas import load_schemas
from workers.heartbeat import publish_heartbeat
from workers.queue import CANCEL_CHANNEL, Queue, queue_name, wake_channel
from workers.runner import Runner
from workers.services import Services
from workers.stop_requests import StopRequests

POLL_SECONDS: Final = 0.5
REAPER_SECONDS: Final = 2.0
PRUNE_SECONDS: Final = 3600.0
_TROUBLE: Final = (RedisError, OSError, TimeoutError)
_log = logging.getLogger(__name__)


class WakeupWorker(Worker):
    """An arq worker that is woken by pub/sub instead of polling and survives an outage of Redis."""

    def __init__(self, queue: Queue, kind: jobs.WorkerQueue, runner: Runner) -> None:
        """Serve one queue."""

        async def start(ctx: dict[Any, Any], job_id: int) -> None:
            del ctx
            runner.start(job_id)
            self._wakeup.set()  # a duplicate id of a running job took no slot: poll again at once

        start.__qualname__ = "start"
        super().__init__(
            functions=[start],
            queue_name=queue_name(kind),
            redis_pool=queue.redis,
            handle_signals=False,
            keep_result=0,
            max_tries=1,
            job_timeout=30,
            max_jobs=100,
            log_results=False,
            job_serializer=queue.redis.job_serializer,
            job_deserializer=queue.redis.job_deserializer,
        )
        self._runner = runner
        self._wakeup = asyncio.Event()
        runner.on_free = self._wakeup.set

    def notify(self) -> None:
        """Poll the queue now."""
        self._wakeup.set()

    async def serve(self) -> None:
        """Take ids until cancelled; the ids being taken then are handed on first."""
        try:
            while True:
                self._wakeup.clear()
                try:
                    if self._runner.free > 0:
                        await self._poll_iteration()
                except _TROUBLE:
                    await self._forget()
                    await asyncio.sleep(POLL_SECONDS)
                # Not wait_for: before Python 3.12 it loses a cancellation that comes with the wake-up.
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wakeup.wait()
        finally:
            await self._forget()

    async def _forget(self) -> None:
        """Wait until the ids under way are handed on, or failed: the reaper finds what was not handed on."""
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        self.tasks.clear()

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Take no more ids than the runner has room for: the rest stays in the queue, ordered by priority."""
        # One by one: ids that a dead worker left in progress are skipped and must not use up the room.
        for job_id in job_ids:
            if self._runner.free - self.job_counter <= 0:
                return
            await super().start_jobs([job_id])


async def serve(
    services: Services, kinds: Sequence[jobs.WorkerQueue], runner: Runner, *, drain: float, reaper: bool
) -> None:
    """Run jobs of the given queues until SIGTERM or SIGINT, then let running ones finish for ``drain`` seconds."""
    queue = services.queue
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    wakeup_workers: dict[jobs.WorkerQueue, WakeupWorker] = {kind: WakeupWorker(queue, kind, runner) for kind in kinds}
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(wakeup.serve()) for wakeup in wakeup_workers.values()]
    tasks.append(asyncio.create_task(_listen(queue, wakeup_workers, runner, services.stop_requests)))
    tasks.append(asyncio.create_task(publish_heartbeat(services, kinds, runner)))
    if reaper:
        tasks += [asyncio.create_task(_reap(queue, kinds)), asyncio.create_task(_prune())]
    stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
    _log.info("worker ready for %s", ", ".join(kinds))
    done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, stopping):
        task.cancel()
    await asyncio.gather(*tasks, stopping, return_exceptions=True)
    _log.info("worker stops, %d jobs running", runner.running)
    await runner.drain(drain)
    for task in done - {stopping}:
        task.result()


async def _listen(
    queue: Queue, wakeup_workers: dict[jobs.WorkerQueue, WakeupWorker], runner: Runner, stop_requests: StopRequests
) -> None:
    channels = {wake_channel(kind): wakeup for kind, wakeup in wakeup_workers.items()}
    async for heard in queue.listen(CANCEL_CHANNEL, *channels):
        if heard is None:
            for wakeup in wakeup_workers.values():
                wakeup.notify()
            with suppress(*OUTAGES):
                await stop_requests.check_all()
        elif heard[0] == CANCEL_CHANNEL:
            await _cancel(int(heard[1].get("job", 0)), runner, stop_requests)
        else:
            channels[heard[0]].notify()


async def _cancel(job_id: int, runner: Runner, stop_requests: StopRequests) -> None:
    """End a job early if that was requested; otherwise it was cancelled: stop it at once."""
    try:
        if not await stop_requests.check(job_id):
            runner.cancel(job_id)
    except OUTAGES as e:
        # A cancelled job ends at the next renewal of its lease.
        _log.warning("cannot read whether job %d was cancelled or must end early: %s", job_id, e)


async def _reap(queue: Queue, kinds: Sequence[jobs.WorkerQueue]) -> None:
    """Requeue the jobs of dead workers, wake jobs whose wait is over, and repeat lost wake-ups.

    Every worker does this; row locks divide the work.
    """
    while True:
        try:
            for job_id in await jobs.reap():
                _log.warning("job %d lost its worker and starts again", job_id)
            for job in await jobs.wake_due():
                await queue.wake(job.id, queue=job.queue, priority=job.priority)
            for kind in kinds:
                await queue.wake_again(await jobs.overdue(kind), queue=kind)
        except OUTAGES as e:
            _log.warning("the reaper cannot reach the database: %s", e)
        await asyncio.sleep(REAPER_SECONDS)


async def _prune() -> None:
    """Delete what has outlived its retention, every hour. Every worker does this, on different rows."""
    schemas = await asyncio.to_thread(load_schemas)
    while True:
        try:
            await privacy.prune(schemas.specs)
        except OUTAGES as e:
            _log.warning("the database cannot be cleaned up: %s", e)
        await asyncio.sleep(PRUNE_SECONDS)
