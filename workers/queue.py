"""The workers' front door: wake a worker for a job, cancel a job, look up its place in line, follow its progress.

Redis carries only ids, wake-ups, progress and what is shown to operators. All of it may be lost: the database is
authoritative, and each worker takes from it what nobody woke it for. So nothing here raises when Redis is unreachable,
and while it is, nothing waits for it.
"""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import asdict
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from db import heartbeats, jobs
from db.loops import honouring_cancellation
from prompts.sizes import SIZES

T = TypeVar("T")
PATIENCE: Final = 0.5
"""Seconds that an operation on Redis may take."""
AWAY_SECONDS: Final = 1.0
"""After a failure Redis is not asked again for this long: callers go on at once."""
SILENCE_SECONDS: Final = 5.0
"""A subscription that has heard nothing for this long asks the server for a sign of life, and waits as long again."""
_PRIORITY_HEAD_START: Final = 3600.0
"""Seconds by which interactive jobs precede background ones. Queue scores are times of the producer's clock: this
also keeps a clock that runs ahead from delaying interactive work."""
_TROUBLE: Final = (RedisError, OSError, TimeoutError)
_log = logging.getLogger(__name__)


def wake_channel(queue: jobs.WorkerQueue) -> str:
    """Return the channel that announces new jobs to workers."""
    return f"wake:{queue}"


def outbox_channel(platform: str) -> str:
    """Return the channel that announces new rows to a platform's courier."""
    return f"outbox:{platform}"


PROGRESS_CHANNEL: Final = "progress"
CANCEL_CHANNEL: Final = "cancel"


def connect_redis(url: str) -> ArqRedis:
    """Return a client that speaks JSON only (never pickle); it connects at its first use.

    A server that goes silent is noticed within seconds: reads have a timeout, idle connections are checked before they
    are used, and the kernel probes them.
    """
    options: dict[str, Any] = {"socket_connect_timeout": 2, "socket_timeout": 2, "health_check_interval": 10}
    if not url.startswith("unix:"):
        options |= {"socket_keepalive": True, "socket_keepalive_options": _keepalive()}
    pool: Any = ConnectionPool.from_url(url, **options)
    return ArqRedis(
        pool_or_conn=pool,
        job_serializer=lambda job: json.dumps(job).encode(),
        job_deserializer=json.loads,
    )


def _keepalive() -> dict[int, int]:
    """Probe after 5 s of silence, then every 2 s, and give up after 3 probes; systems lack some of the options."""
    wanted = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


class Queue:
    """One process's line to the workers. Use as an async context manager."""

    def __init__(self, redis_url: str, namespace: str = "") -> None:
        """Does not connect yet. ``namespace`` (`db.heartbeats.deployment`) keeps deployments on one Redis apart."""
        self.redis = connect_redis(redis_url)
        self._prefix = f"storyfork:{namespace}:" if namespace else "storyfork:"
        self._away_until: float | None = None
        self._late_jobs = jobs.LateJobs()

    async def __aenter__(self) -> Self:
        """Return self."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.redis.aclose(close_connection_pool=True)

    def name(self, queue: jobs.WorkerQueue) -> str:
        """Return the arq queue of a worker kind."""
        return f"{self._prefix}queue:{queue}"

    @property
    def away(self) -> bool:
        """Whether Redis was unreachable when it was last asked."""
        return self._away_until is not None

    async def wake(self, job_id: int, *, queue: jobs.WorkerQueue = "cpu", priority: int = jobs.INTERACTIVE) -> None:
        """Put a job's id into the queue, under a fresh wake-up id, and wake a worker. Call it after the commit."""

        async def wake() -> None:
            await self.redis.enqueue_job(
                "start",
                job_id,
                _job_id=f"{job_id}:{uuid4().hex}",
                _queue_name=self.name(queue),
                _defer_by=-_PRIORITY_HEAD_START if priority < jobs.BACKGROUND else None,
            )
            await self.redis.publish(self._prefix + wake_channel(queue), b"")

        await self._try("waking a worker", wake)

    async def cancel(self, job_id: int) -> bool:
        """Cancel a job; False if it is over. Commits on its own unless called inside a transaction."""
        cancelled = await jobs.cancel(job_id)
        if cancelled:
            await self.notify_cancel(job_id)
        return cancelled

    async def notify_cancel(self, job_id: int) -> None:
        """Notify the worker that runs a cancelled job, so that it stops before its next renewal."""
        await self.publish(CANCEL_CHANNEL, {"job": job_id})

    async def end_late_jobs(self) -> None:
        """End the jobs that are late with a notice; call it every `jobs.CHECK_SECONDS`. Raises one of `OUTAGES`."""
        for late in await self._late_jobs.end():
            if late.job.state == "running":
                await self.notify_cancel(late.job.id)
            if late.platform is not None:
                await self.publish(outbox_channel(late.platform))
            if (parent := late.wakeup) is not None:
                await self.wake(parent.id, queue=parent.queue, priority=parent.priority)

    async def outlook(self, job_id: int) -> jobs.Outlook:
        """Return how many jobs start before a queued one, and when it is done."""
        return await jobs.outlook(job_id)

    async def publish(self, channel: str, message: dict[str, Any] | None = None) -> None:
        """Publish a message to the current listeners of a channel; it is lost if there are none."""
        await self._try("publishing", lambda: self.redis.publish(self._prefix + channel, json.dumps(message or {})))

    async def put_figures(self, worker: str, figures: dict[str, Any]) -> None:
        """Publish what operators see of a living worker besides its heartbeat."""
        value = json.dumps(figures, default=str)
        await self._try("publishing", lambda: self._run("HSET", self._figures, worker, value))

    async def drop_figures(self, *workers: str) -> None:
        """Remove the figures of workers that have stopped."""
        if workers:
            await self._try("publishing", lambda: self._run("HDEL", self._figures, *workers))

    async def heartbeats(self) -> list[dict[str, Any]]:
        """Return the heartbeats of all living workers (`db.heartbeats`), by name, with figures of their engines.

        ``size`` is the class of the model that writes stories (`prompts.sizes`). The figures are missing, and that is
        None, if Redis is unreachable. Raises one of `OUTAGES`.
        """
        found = await heartbeats.alive()
        published: dict[bytes, bytes] = await self._try("asking for figures", self._read_figures) or {}
        alive = {h.worker for h in found}
        await self.drop_figures(*({name.decode(errors="replace") for name in published} - alive))
        return [asdict(h) | _figures_of(h, published.get(h.worker.encode(), b"")) for h in found]

    async def listen(self, *channels: str) -> AsyncGenerator[tuple[str, dict[str, Any]] | None]:
        """Yield ``(channel, message)`` forever; None after each (re)connection, as messages may have been missed.

        What is not a JSON object arrives as an empty message.
        """
        delay = 0.1
        while True:
            try:
                async with self.redis.pubsub(ignore_subscribe_messages=True) as subscription:
                    names = (self._prefix + channel for channel in channels)
                    await honouring_cancellation(subscription.subscribe(*names))
                    delay = 0.1
                    yield None
                    while True:
                        if (message := await honouring_cancellation(_next(subscription))) is not None:
                            channel = message["channel"].decode(errors="replace")
                            yield channel.removeprefix(self._prefix), _decode(message["data"])
            except _TROUBLE as e:
                self.lost("listening", e)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2.0)

    async def ping(self) -> None:
        """Ping Redis. Raises `RedisError`, `OSError` or `TimeoutError`."""
        async with asyncio.timeout(2):
            await self.redis.ping()

    @property
    def _figures(self) -> str:
        return f"{self._prefix}figures"

    async def _read_figures(self) -> dict[bytes, bytes]:
        flat: Any = await self._run("HGETALL", self._figures)
        return flat if isinstance(flat, dict) else {}

    def _run(self, *command: str) -> Awaitable[Any]:
        return self.redis.execute_command(*command)  # pyright: ignore[reportUnknownMemberType]

    async def _try(self, doing: str, operation: Callable[[], Awaitable[T]]) -> T | None:
        """Run an operation on Redis within `PATIENCE`; None if it fails, or if Redis failed a moment ago."""
        loop = asyncio.get_running_loop()
        if self._away_until is not None:
            if loop.time() < self._away_until:
                return None
            self._away_until = loop.time() + AWAY_SECONDS  # one caller tries; the others need not wait for it
        try:
            async with asyncio.timeout(PATIENCE):
                found = await honouring_cancellation(operation())
        except _TROUBLE as e:
            self.lost(doing, e)
            return None
        if self._away_until is not None:
            _log.info("Redis is back")
        self._away_until = None
        return found

    def lost(self, doing: str, error: BaseException) -> None:
        """Note that Redis is unreachable: ``doing`` something failed.

        Raises `CancelledError` if this task is cancelled: the client makes that into an error of its own now and then.
        """
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        if self._away_until is None:
            _log.warning("Redis is unreachable (%s): %s goes by the database", error, doing)
        self._away_until = asyncio.get_running_loop().time() + AWAY_SECONDS


async def _next(subscription: Any) -> dict[str, Any] | None:
    """Return the next message of a subscription; None if it is none of a publisher's.

    Raises `TimeoutError` if the server does not answer either when it is asked for a sign of life.
    """
    loop = asyncio.get_running_loop()
    for chance in ("to publish", "to answer"):
        since = loop.time()
        message = await subscription.get_message(ignore_subscribe_messages=True, timeout=SILENCE_SECONDS)
        if message is not None:
            return message if message["type"] == "message" else None
        if loop.time() - since < SILENCE_SECONDS / 2:
            return None  # the confirmation of a subscription, or the client's own check
        if chance == "to publish":
            await subscription.ping()
    raise TimeoutError(f"nothing heard for {2 * SILENCE_SECONDS:.0f} s")


def _figures_of(found: heartbeats.Heartbeat, published: bytes) -> dict[str, Any]:
    figures = _decode(published)
    named: list[dict[str, Any]] = [{"engine": name} for name in found.image_engines]
    return {
        "engines": _objects(figures.get("engines")),
        "pictures": _objects(figures.get("pictures")) or named,
        "size": next((size for size in SIZES if size == figures.get("size")), None),
        "classifiers": [each["server"] for each in _objects(figures.get("classifiers")) if each.get("server")],
    }


def _objects(value: Any) -> list[dict[str, Any]]:
    items: list[Any] = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def _decode(data: Any) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    try:
        found = json.loads(data) if data else {}
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
