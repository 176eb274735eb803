"""Notifiers receive operational events after the commit. The built-in one writes them to the log.

A package adds its own by an entry point in the group ``storyfork.notifiers``. Events hold names, ids and reasons, never
users' text.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

TIMEOUT_S: Final = 10.0
"""Seconds that a notifier may take for one event."""
MAX_PENDING: Final = 1000
"""Maximum concurrent notifications: beyond that events are dropped, so that a slow notifier costs no memory."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OperationalEvent:
    """The outcome of a job. ``reason`` is the key of the message that the person got, if something went wrong.

    A job cancelled before a worker runs it has no event.
    """

    name: Literal["jobs.done", "jobs.dead", "jobs.cancelled"]
    job_id: int
    job_type: str
    account_id: int | None
    reason: str = ""


@runtime_checkable
class Notifier(Protocol):
    """Receives operational events. Its exceptions are logged and affect nothing else."""

    name: str

    async def notify(self, event: OperationalEvent) -> None:
        """Handle an event within `TIMEOUT_S`."""
        ...


class LogNotifier:
    """Writes events to the log."""

    name = "log"

    async def notify(self, event: OperationalEvent) -> None:
        """Write one line."""
        reason = f": {event.reason}" if event.reason else ""
        level = logging.WARNING if event.name == "jobs.dead" else logging.INFO
        _log.log(level, "%s %d (%s)%s", event.name, event.job_id, event.job_type, reason)


class Notifiers:
    """Hands events to all notifiers, in the background; use `drain` before the process ends."""

    def __init__(self, notifiers: Iterable[Notifier] = (LogNotifier(),)) -> None:
        """``notifiers`` receive events in no particular order."""
        self._notifiers = tuple(notifiers)
        self._tasks: set[asyncio.Task[None]] = set()

    def publish(self, event: OperationalEvent) -> None:
        """Send an event to all notifiers; returns at once."""
        for notifier in self._notifiers:
            if len(self._tasks) >= MAX_PENDING:
                _log.warning("notifier %s is too slow: %s %d is dropped", notifier.name, event.name, event.job_id)
                continue
            task = asyncio.create_task(_deliver(notifier, event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait for the notifications under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=TIMEOUT_S)


async def _deliver(notifier: Notifier, event: OperationalEvent) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await notifier.notify(event)
    except Exception:  # noqa: BLE001 - a notifier must not harm the jobs
        _log.exception("notifier %s failed at %s of job %d", notifier.name, event.name, event.job_id)
