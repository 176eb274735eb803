"""The workers' front door: wake a worker for a job, cancel a job, look up its place in the queue, follow its progress.

Redis carries only ids, wake-ups and progress. All of it may be lost: the database is authoritative, and a reaper
repeats lost wake-ups. So nothing here raises when Redis is unreachable.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from db import jobs

CHANNELS: Final = "storyfork"
PATIENCE: Final = 0.5
"""Seconds that a wake-up may take; after that it is left to the reaper."""
_PRIORITY_HEAD_START: Final = 3600.0
"""Seconds by which interactive jobs precede background ones. Queue scores are times of the producer's clock: this
also keeps a clock that runs ahead from delaying interactive work."""
_TROUBLE: Final = (RedisError, OSError, TimeoutError)
_log = logging.getLogger(__name__)


def queue_name(queue: jobs.WorkerQueue) -> str:
    """Return the arq queue of a worker kind."""
    return f"{CHANNELS}:queue:{queue}"


def wake_channel(queue: jobs.WorkerQueue) -> str:
    """Return the channel that announces new jobs to workers."""
    return f"{CHANNELS}:wake:{queue}"


def outbox_channel(platform: str) -> str:
    """Return the channel that announces new rows to a platform's courier."""
    return f"{CHANNELS}:outbox:{platform}"


PROGRESS_CHANNEL: Final = f"{CHANNELS}:progress"
CANCEL_CHANNEL: Final = f"{CHANNELS}:cancel"
_HEARTBEATS: Final = f"{CHANNELS}:heartbeat:"


def connect_redis(url: str) -> ArqRedis:
    """Return a client that speaks JSON only (never pickle); it connects at its first use."""
    pool: Any = ConnectionPool.from_url(url, socket_connect_timeout=2, health_check_interval=30)
    return ArqRedis(
        pool_or_conn=pool,
        job_serializer=lambda job: json.dumps(job).encode(),
        job_deserializer=json.loads,
    )


class Queue:
    """One process's line to the workers. Use as an async context manager."""

    def __init__(self, redis_url: str) -> None:
        """Does not connect yet."""
        self.redis = connect_redis(redis_url)
        self._away = False

    async def __aenter__(self) -> Self:
        """Return self."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.redis.aclose(close_connection_pool=True)

    async def wake(self, job_id: int, *, queue: jobs.WorkerQueue = "cpu", priority: int = jobs.INTERACTIVE) -> None:
        """Put a job's id into the queue, under a fresh wake-up id, and wake a worker. Call it after the commit."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.redis.enqueue_job(
                    "start",
                    job_id,
                    _job_id=f"{job_id}:{uuid4().hex}",
                    _queue_name=queue_name(queue),
                    _defer_by=-_PRIORITY_HEAD_START if priority < jobs.BACKGROUND else None,
                )
                await self.redis.publish(wake_channel(queue), b"")
            self._back()
        except _TROUBLE as e:
            self._lost("waking a worker", e)

    async def wake_again(self, overdue: Sequence[tuple[int, int]], *, queue: jobs.WorkerQueue = "cpu") -> None:
        """Wake a worker for each job (id, priority) whose id is no longer in the queue."""
        waiting = await self._waiting({job_id for job_id, _ in overdue}, queue) if overdue else set[int]()
        for job_id, priority in overdue:
            if job_id not in waiting:
                await self.wake(job_id, queue=queue, priority=priority)

    async def _waiting(self, job_ids: set[int], queue: jobs.WorkerQueue) -> set[int]:
        """Return the jobs with an id in the queue that no worker, living or dead, has taken."""
        try:
            async with asyncio.timeout(PATIENCE):
                wakes: list[str] = [wake.decode() for wake in await self.redis.zrange(queue_name(queue), 0, -1)]
                found = [wake for wake in wakes if int(wake.partition(":")[0]) in job_ids]
                taken = await self.redis.mget([in_progress_key_prefix + wake for wake in found]) if found else []
        except _TROUBLE as e:
            self._lost("looking into the queue", e)
            return set()
        return {int(wake.partition(":")[0]) for wake, by in zip(found, taken, strict=True) if by is None}

    async def cancel(self, job_id: int) -> bool:
        """Cancel a job; False if it is over. Commits on its own unless called inside a transaction."""
        cancelled = await jobs.cancel(job_id)
        if cancelled:
            await self.notify_cancel(job_id)
        return cancelled

    async def notify_cancel(self, job_id: int) -> None:
        """Notify the worker that runs a cancelled job, so that it stops before its next renewal."""
        await self.publish(CANCEL_CHANNEL, {"job": job_id})

    async def position(self, job_id: int) -> int:
        """Return how many jobs are ahead of a queued one."""
        return await jobs.position(job_id)

    async def publish(self, channel: str, message: dict[str, Any] | None = None) -> None:
        """Publish a message to the current listeners of a channel; it is lost if there are none."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.redis.publish(channel, json.dumps(message or {}))
            self._back()
        except _TROUBLE as e:
            self._lost("publishing", e)

    async def put_heartbeat(self, worker: str, heartbeat: dict[str, Any], seconds: float) -> None:
        """Publish a worker's heartbeat; it expires after ``seconds``."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.redis.set(
                    f"{_HEARTBEATS}{worker}", json.dumps(heartbeat, default=str), px=round(seconds * 1000)
                )
            self._back()
        except _TROUBLE as e:
            self._lost("publishing", e)

    async def drop_heartbeat(self, worker: str) -> None:
        """Remove the heartbeat of a worker that stops."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.redis.delete(f"{_HEARTBEATS}{worker}")
        except _TROUBLE as e:
            self._lost("publishing", e)

    async def heartbeats(self) -> list[dict[str, Any]] | None:
        """Return the heartbeats of all living workers (workers.heartbeat), by name; None if Redis is unreachable."""
        try:
            async with asyncio.timeout(2 * PATIENCE):
                keys = [key async for key in self.redis.scan_iter(match=f"{_HEARTBEATS}*", count=1000)]
                found = await self.redis.mget(sorted(keys)) if keys else []
        except _TROUBLE as e:
            self._lost("asking for workers", e)
            return None
        return [_decode(value) for value in found if value]

    async def models(self) -> tuple[str, ...] | None:
        """Return the names of the text models of the living workers, the default for stories first.

        Empty if they have none; None if Redis is unreachable or no worker that writes is up.
        """
        writers = [worker for worker in await self.heartbeats() or () if "cpu" in worker.get("queues", ())]
        names = dict.fromkeys(str(name) for worker in writers for name in worker.get("models", ()))
        return tuple(names) if writers else None

    async def listen(self, *channels: str) -> AsyncGenerator[tuple[str, dict[str, Any]] | None]:
        """Yield ``(channel, message)`` forever; None after each (re)connection, as messages may have been missed."""
        delay = 0.1
        while True:
            try:
                async with self.redis.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(*channels)
                    delay = 0.1
                    yield None
                    async for message in subscription.listen():
                        yield message["channel"].decode(), _decode(message["data"])
            except _TROUBLE as e:
                self._lost("listening", e)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2.0)

    async def ping(self) -> None:
        """Ping Redis. Raises `RedisError`, `OSError` or `TimeoutError`."""
        async with asyncio.timeout(2):
            await self.redis.ping()

    def _lost(self, doing: str, error: BaseException) -> None:
        if not self._away:
            _log.warning("Redis is unreachable (%s: %s): %s is left to the reaper", type(error).__name__, error, doing)
        self._away = True

    def _back(self) -> None:
        if self._away:
            _log.info("Redis is back")
        self._away = False


def _decode(data: bytes) -> dict[str, Any]:
    try:
        return json.loads(data) if data else {}
    except ValueError:
        return {}
