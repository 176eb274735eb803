"""The console's state between two lines: the buttons, the current question, the unanswered events."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from bot.events import Destination
from bot.messages import Field, Message, Progress
from bot.platforms.console.inbound import Offer, leaves_field, pressable

_MARK_ALONE: Final = 1.0
"""Seconds after which a mark without a message counts as the answer."""

_STALE: Final = 60.0
"""Seconds after which the progress of a job from an earlier session is no longer shown."""


@dataclass(slots=True)
class Open:
    """An event that has not been answered."""

    since: float
    status: str = ""
    marked: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class RunningJob:
    """A job's latest progress, received at ``at``, and its placeholder."""

    progress: Progress
    placeholder: str
    since: float
    at: float


class ConsoleState:
    """The state of one console. Times are those of the monotonic clock."""

    def __init__(self) -> None:
        self.asks: Field | None = None
        self.open: dict[str, Open] = {}
        self._public: Offer | None = None
        self._private: Offer | None = None
        self._running: dict[str, RunningJob] = {}
        self._finished: set[str] = set()

    @property
    def offers(self) -> list[Offer]:
        """The active buttons, most recent first: a running job's, a private message's, the page's."""
        offers = [offer for offer in (self._private, self._public) if offer is not None]
        running = self.running
        buttons = tuple(b for row in running.progress.buttons for b in row) if running is not None else ()
        return [Offer(running.placeholder, buttons), *offers] if running is not None and buttons else offers

    @property
    def running(self) -> RunningJob | None:
        """The progress to show: that of the most recently updated job."""
        now = time.monotonic()
        for key in [k for k, r in self._running.items() if k not in self.open and now - r.at > _STALE]:
            del self._running[key]
        return max(self._running.values(), key=lambda r: r.at, default=None)

    def takes_blank(self) -> bool:
        """Return whether a blank line is an answer: the current field can be kept or skipped."""
        return self.asks is not None and leaves_field("", self.offers) is not None

    def begin(self, key: str) -> Open:
        """Record an event before it is dispatched: its answer may arrive before the dispatch returns."""
        self.open[key] = opened = Open(time.monotonic())
        return opened

    def dispatched(self, key: str, status: str) -> None:
        """Record the outcome of an event. Only ``answered`` and ``working`` have an answer to wait for."""
        opened = self.open.get(key)
        if opened is None:
            return
        opened.status = status
        if status in {"silent", "ignored", "duplicate", "refused"}:
            self.close(key)
        elif opened.marked:
            self._close_later(key, opened)

    def shown(self, key: str, message_id: str, message: Message) -> None:
        """Record a message that is now on the screen."""
        self.asks = message.asks
        buttons = pressable(message)
        if message.private:
            self._private = Offer(message_id, buttons) if buttons else None
        elif buttons:
            self._public, self._private = Offer(message_id, buttons), None
        elif self._public is not None and self._public.spent:
            self._public = None
        self.close(key)

    def marked(self, key: str, message_id: str, message: Message) -> None:
        """Record that a message on the screen was answered, and its remaining buttons."""
        buttons = tuple(b for b in pressable(message) if not b.disabled)
        if self._private is not None and self._private.message_id == message_id:
            self._private = Offer(message_id, buttons) if buttons else None
        elif self._public is not None and self._public.message_id == message_id:
            self._public = Offer(message_id, buttons or self._public.buttons, spent=not buttons)
        opened = self.open.get(key)
        if opened is not None:
            opened.marked = True
            if opened.status:
                self._close_later(key, opened)

    def close(self, key: str) -> None:
        """Record that an event has its answer."""
        self._finished.add(key)
        self._running.pop(key, None)
        opened = self.open.pop(key, None)
        if opened is not None:
            opened.done.set()

    def progressed(self, destination: Destination, placeholder: str, progress: Progress, *, key: str = "") -> bool:
        """Record a job's progress; return whether there is anything new to show."""
        key = key or str(destination.handle.get("event", "")) or placeholder
        if key in self._finished:
            return False
        now = time.monotonic()
        before = self._running.get(key)
        since = before.since if before is not None else now
        self._running[key] = RunningJob(
            progress, placeholder or (before.placeholder if before is not None else ""), since, now
        )
        return True

    def retracted(self, placeholder: str) -> None:
        """Forget the progress of a placeholder."""
        for key in [
            key for key, running in self._running.items() if placeholder and running.placeholder == placeholder
        ]:
            del self._running[key]

    def _close_later(self, key: str, opened: Open) -> None:
        if opened.status == "answered":
            asyncio.get_running_loop().call_later(_MARK_ALONE, self.close, key)
