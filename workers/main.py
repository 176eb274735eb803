"""The worker process: an arq worker that hands wake-ups to the runner, and beside it what finds jobs in the database.

arq only wakes workers up. Its job is done as soon as the runner has taken the wake-up, so none of its timeouts, retries
and results ever concern a real job; leases in the database do. Which job starts is decided there too (`db.jobs.turns`),
whatever id the wake-up carries. Without Redis workers find their jobs in the database alone, a little later. Nothing
that waits for Redis is awaited by what serves the database.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from arq.worker import Worker
from redis.exceptions import RedisError

from db import clock, jobs, privacy
from db.connection import OUTAGES
from db.loops import forever
from db.schemas import load_schemas
from db.signals import stop_on_signals
from workers import feeding
from workers.erasing import erase_overdue
from workers.heartbeat import publish_heartbeat
from workers.queue import CANCEL_CHANNEL, PROGRESS_CHANNEL, Queue, wake_channel
from workers.remembering import CHECK_SECONDS as REMEMBER_SECONDS
from workers.remembering import start_due
from workers.runner import Runner
from workers.services import Services
from workers.stop_requests import StopRequests

POLL_SECONDS: Final = 0.5
SEARCH_SECONDS: Final = 1.0
"""Seconds between two searches for jobs that nobody woke a worker for."""
CANCEL_AGAIN_SECONDS: Final = 2.0
SEARCH_SECONDS_AWAY: Final = 0.3
"""The same while Redis is unreachable."""
REAPER_SECONDS: Final = 2.0
TELL_SECONDS: Final = 10.0
"""Seconds between two times that those who wait are told how long they still have to."""
TOLD: Final = 50
"""So many of them are told, the next ones in line."""
PRUNE_SECONDS: Final = 3600.0
_log = logging.getLogger(__name__)


class WakeupWorker(Worker):
    """An arq worker that is woken by pub/sub instead of polling and survives an outage of Redis."""

    def __init__(self, queue: Queue, kind: jobs.WorkerQueue, runner: Runner) -> None:
        """Serve one queue."""

        async def start(ctx: dict[Any, Any], job_id: Any) -> None:
            del ctx
            if type(job_id) is int and job_id > 0:
                runner.start(kind, job_id)

        start.__qualname__ = "start"
        super().__init__(
            functions=[start],
            queue_name=queue.name(kind),
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
        self._line = queue
        self._runner = runner
        self._wakeup = asyncio.Event()
        runner.on_free(self._wakeup.set)

    def notify(self) -> None:
        """Poll the queue now."""
        self._wakeup.set()

    async def serve(self) -> None:
        """Take ids until cancelled; the ids being taken then are handed on first."""
        try:
            await forever(f"the queue {self.queue_name}", self._turn, backoff_s=POLL_SECONDS, backoff_most_s=2.0)
        finally:
            await self._forget()

    async def _turn(self) -> None:
        """Take ids, then wait for the next wake-up."""
        self._wakeup.clear()
        try:
            if self._runner.free > 0:
                await self._poll_iteration()
        except BaseException as e:
            await self._forget()
            if not isinstance(e, (RedisError, OSError, TimeoutError)):
                raise
            self._line.lost("taking ids", e)
        # Not wait_for: before Python 3.12 it loses a cancellation that comes with the wake-up.
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._wakeup.wait()

    async def _forget(self) -> None:
        """Wait until the ids under way are handed on, or failed: the database has what was not handed on."""
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        self.tasks.clear()
        # A connection that is lost inside arq's start of an id leaves its slot taken.
        self.job_counter, self.sem = 0, asyncio.BoundedSemaphore(self.max_jobs)

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Take no more wake-ups than the runner has room for: the rest stays in the queue for others."""
        # One by one: ids that a dead worker left in progress are skipped and must not use up the room.
        for job_id in job_ids:
            if self._runner.free - self.job_counter <= 0:
                return
            await super().start_jobs([job_id])


async def serve(
    services: Services,
    kinds: Sequence[jobs.WorkerQueue],
    runner: Runner,
    *,
    drain: float,
    reaper: bool,
    days: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Run jobs of the given queues until SIGTERM or SIGINT, then let running ones finish for ``drain`` seconds.

    ``days`` are how long rows are kept, by table. A second signal ends the process at once.
    """
    queue, stop = services.queue, stop_on_signals()
    wakeup_workers: dict[jobs.WorkerQueue, WakeupWorker] = {kind: WakeupWorker(queue, kind, runner) for kind in kinds}
    listener = WakeupListener(queue, wakeup_workers, runner, services.stop_requests)
    loops = [
        *(wakeup.serve() for wakeup in wakeup_workers.values()),
        forever("the listener", listener.listen),
        publish_heartbeat(services, kinds, runner),
    ]
    if reaper:
        search = Search(queue, kinds, runner)
        loops += [
            forever("the search for jobs", search.turn),
            forever("the reaper", _reap, pause_s=REAPER_SECONDS, backoff_most_s=REAPER_SECONDS),
            forever("the clock", clock.follow, pause_s=REAPER_SECONDS),
            forever("outlooks", lambda: tell_outlooks(queue, kinds), pause_s=TELL_SECONDS, backoff_most_s=TELL_SECONDS),
            forever(
                "what memory has to do",
                partial(start_due, queue),
                pause_s=REMEMBER_SECONDS,
                backoff_most_s=REMEMBER_SECONDS,
            ),
            *_feeding(services),
            forever("late jobs", queue.end_late_jobs, pause_s=jobs.CHECK_SECONDS, backoff_most_s=jobs.CHECK_SECONDS),
            forever(
                "the erasure of what is closed",
                partial(erase_overdue, queue),
                pause_s=PRUNE_SECONDS,
                backoff_most_s=PRUNE_SECONDS / 10,
            ),
            forever("the clean-up", lambda: _prune(days), pause_s=PRUNE_SECONDS, backoff_most_s=PRUNE_SECONDS / 10),
        ]
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(loop) for loop in loops]
    _log.info("worker ready for %s", ", ".join(kinds))
    stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        runner.close()
        await _end([*tasks, stopping])
        _log.info("worker stops, %d jobs running", runner.running)
        await runner.drain(drain)
    for task in done:
        task.result()


def _feeding(services: Services) -> list[Coroutine[Any, Any, None]]:
    """Return the loop that has feeds read, if they are read here."""
    if not services.feeds.storyfork_feeds:
        return []
    seconds = feeding.CHECK_SECONDS
    return [forever("feeds", partial(feeding.start_due, services.queue), pause_s=seconds, backoff_most_s=seconds)]


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they end: a library may lose a cancellation that comes in the moment of a lost connection."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


class Search:
    """Starts the jobs that no wake-up has started: it was lost, or their time has come, or there was no room then."""

    def __init__(self, queue: Queue, kinds: Sequence[jobs.WorkerQueue], runner: Runner) -> None:
        """Serve the queues ``kinds``."""
        self._queue, self._kinds, self._runner = queue, kinds, runner
        self._freed = asyncio.Event()
        runner.on_free(self._freed.set)

    async def turn(self) -> None:
        """Start what there is room for, then wait for a moment; only for room if something was left for lack of it."""
        self._freed.clear()
        for kind in self._kinds:
            while await jobs.line_up(kind):
                pass
            await self._runner.fill(kind)
        pause = SEARCH_SECONDS_AWAY if self._queue.away else SEARCH_SECONDS
        if not self._runner.restricted:
            await asyncio.sleep(pause)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._freed.wait()


class WakeupListener:
    """Hears wake-ups and cancellations."""

    def __init__(
        self,
        queue: Queue,
        wakeup_workers: dict[jobs.WorkerQueue, WakeupWorker],
        runner: Runner,
        stop_requests: StopRequests,
    ) -> None:
        """``wakeup_workers`` are woken, each for its queue."""
        self._queue, self._runner, self._stop_requests = queue, runner, stop_requests
        self._channels = {wake_channel(kind): wakeup for kind, wakeup in wakeup_workers.items()}

    async def listen(self) -> None:
        """Listen until cancelled."""
        async for heard in self._queue.listen(CANCEL_CHANNEL, *self._channels):
            if heard is None:
                for wakeup in self._channels.values():
                    wakeup.notify()
                with suppress(*OUTAGES):
                    await self._stop_requests.check_all()
            elif (wakeup := self._channels.get(heard[0])) is not None:
                wakeup.notify()
            elif type(job_id := heard[1].get("job")) is int:
                await self._cancel(job_id)

    async def _cancel(self, job_id: int) -> None:
        """End a job early if that was requested; otherwise it was cancelled: stop it at once."""
        if not self._runner.has(job_id):
            return
        try:
            if not await self._stop_requests.check(job_id):
                self._runner.cancel(job_id)
        except OUTAGES as e:
            # A cancelled job ends at the next renewal of its lease.
            _log.warning("cannot read whether job %d was cancelled or must end early: %s", job_id, e)


async def tell_outlooks(queue: Queue, kinds: Sequence[jobs.WorkerQueue]) -> None:
    """Publish how many jobs come before those that wait, and when they are done. Every worker does this: it is little.

    Bots show it as the progress of the job, no faster than the platform allows.
    """
    if queue.away:
        return
    for kind in kinds:
        for job_id, event in (await jobs.next_in_line(kind, TELL_SECONDS / 2, TOLD)).items():
            if (outlook := await jobs.outlook(job_id)) == jobs.Outlook():
                continue  # it has started
            told = {"job": job_id, "event": event, "phase": "queued", "ahead": outlook.position, "eta": outlook.done_s}
            await queue.publish(PROGRESS_CHANNEL, told)


async def _reap() -> None:
    """Requeue the jobs of dead workers and those whose wait is over. Every worker does this; row locks divide the work.

    Workers of their queue find them there.
    """
    for job_id in await jobs.reap(steady=True):
        _log.warning("job %d lost its worker and starts again", job_id)
    await jobs.wake_due()


async def _prune(days: Mapping[str, int]) -> None:
    """Delete what has outlived its retention. Every worker does this, on different rows."""
    if not await clock.trusted():
        _log.warning("nothing is deleted by its age: the database's clock went far ahead a short time ago")
        return
    await privacy.prune((await asyncio.to_thread(load_schemas)).specs, days=days)
