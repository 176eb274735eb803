"""Progress: the state of an event's job is shown in place of its answer until the answer comes.

Everything here may be lost. Whether an edit is allowed is asked of the database before each one: never once an answer
was written, whichever process sends it; and only this process's platforms are edited, while it leads them.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from bot import locales
from bot.events import Destination
from bot.messages import Button, Progress
from bot.platforms.base import Platform
from db.progress import ProgressPlace, place_of_progress

KEPT_SECONDS: Final = 900.0
KEPT_AT_MOST: Final = 2000
"""Maximum number of events, and of chats, that are remembered; the oldest are forgotten."""
EDIT_SECONDS: Final = 10.0
"""Maximum duration of an edit, in which the platform's client may wait for a rate limit."""
NAP_SECONDS: Final = 0.05
TEXT_LENGTH: Final = 100_000
_log = logging.getLogger(__name__)


class Heard(BaseModel):
    """A published progress message. It comes from outside the process and may be anything.

    ``wording`` is the key of what is said while nothing better is known; None: the phase's. ``eta``: seconds left.
    """

    event: str
    job: int
    phase: str = "working"
    percent: int = 0
    text: str = ""
    ahead: int = 0
    step: int = 0
    steps: int = 0
    eta: float | None = None
    wording: str | None = None

    def note(self, language: str) -> str:
        """Return the phase in words."""
        if self.phase == "queued":
            return queued(self.ahead, self.eta, language)
        values: dict[str, Any] = {"step": self.step, "steps": self.steps} if self.phase == "drawing" else {}
        if self.phase == "drawing" and self.eta is not None:
            return locales.text("job.drawing_eta", values | {"seconds": max(1, round(self.eta))}, language)
        return locales.text(self.wording or f"job.{self.phase}", values, language)


def queued(position: int, done_s: float | None, language: str) -> str:
    """Return the words for a job that waits: how many start before it, and when it is done, if that is known."""
    if done_s is None:
        return locales.text("job.queued", {"position": position}, language)
    done = datetime.now(UTC) + timedelta(seconds=done_s)
    return locales.text("job.queued_until", {"position": position, "when": done.isoformat()}, language)


@dataclass(slots=True)
class _Entry:
    event: str
    chat: tuple[str, str] | None = None  # unknown until the first look into the database
    since: float = field(default_factory=time.monotonic)
    shown: float = field(default_factory=time.monotonic)  # a job that ends within the interval shows no progress
    latest: Heard | None = None
    task: asyncio.Task[None] | None = None


class ProgressBoard:
    """The events whose progress was heard of and that have no answer yet."""

    def __init__(
        self,
        platforms: Mapping[str, Platform],
        buttons: Callable[[int, str], tuple[tuple[Button, ...], ...]],
        *,
        allowed_s: Callable[[str], float] = lambda _platform: EDIT_SECONDS,
        place: Callable[[int, str], Awaitable[ProgressPlace | None]] = place_of_progress,
    ) -> None:
        """``buttons`` makes the buttons of a running job in a language.

        ``allowed_s`` returns for how many seconds a platform's messages may be edited; 0: another process does it.
        ``place`` returns where a job's progress may be shown.
        """
        self._platforms, self._buttons, self._allowed_s, self._place = platforms, buttons, allowed_s, place
        self._entries: dict[str, _Entry] = {}
        self._edited: dict[tuple[str, str], float] = {}

    def hear(self, message: object) -> None:
        """Handle a published progress message; a malformed one is dropped."""
        try:
            heard = Heard.model_validate(message)
        except ValidationError as e:
            _log.warning("a progress message is dropped: %d values are wrong", e.error_count())
            return
        platform = heard.event.partition(":")[0]
        if platform not in self._platforms or self._allowed_s(platform) <= 0 or len(heard.text) > TEXT_LENGTH:
            return
        entry = self._entries.get(heard.event)
        if entry is None:
            self._forget()
            entry = self._entries[heard.event] = _Entry(heard.event)
        entry.latest = heard
        if entry.task is None or entry.task.done():
            entry.task = asyncio.create_task(self._show(entry, self._platforms[platform]))

    async def end(self, event_key: str) -> None:
        """Stop: the answer is being sent. Waits for an edit in flight, which could otherwise overwrite the answer."""
        entry = self._entries.pop(event_key, None)
        if entry is not None and entry.task is not None:
            entry.latest = None
            await asyncio.wait([entry.task])

    async def close(self) -> None:
        """Stop all: wait for the edits in flight."""
        await asyncio.gather(*(self.end(event) for event in list(self._entries)))

    def _forget(self) -> None:
        now = time.monotonic()
        crowded = len(self._entries) >= KEPT_AT_MOST
        for event, entry in list(self._entries.items()):
            if crowded or now - entry.since > KEPT_SECONDS:
                entry.latest = None
                del self._entries[event]
                crowded = False
        crowded = len(self._edited) >= KEPT_AT_MOST
        for chat, at in list(self._edited.items()):
            if crowded or now - at > KEPT_SECONDS:
                del self._edited[chat]
                crowded = False

    def _turn(self, chat: tuple[str, str]) -> str | None:
        """Return the event whose turn it is in a chat: with news, and shown longest ago."""
        waiting = [entry for entry in self._entries.values() if entry.latest is not None and entry.chat == chat]
        return min(waiting, key=lambda entry: entry.shown).event if waiting else None

    async def _show(self, entry: _Entry, platform: Platform) -> None:
        interval = platform.capabilities.progress_interval
        while entry.latest is not None:
            # Platforms limit the edits per chat, not per message: the answers in a chat take turns.
            edited = 0.0 if entry.chat is None else self._edited.get(entry.chat, 0.0)
            wait = max(entry.shown, edited) + interval - time.monotonic()
            turn = None if entry.chat is None else self._turn(entry.chat)
            if wait > 0 or turn not in {None, entry.event}:
                # Sleep in short steps: an answer that arrives meanwhile must not wait for the next edit.
                await asyncio.sleep(min(max(wait, NAP_SECONDS / 5), NAP_SECONDS))
                continue
            try:
                await self._edit(entry, platform)
            except Exception as e:  # noqa: BLE001 - progress is worth no answer
                entry.shown = time.monotonic()
                _log.info("progress could not be shown: %s", e)

    async def _edit(self, entry: _Entry, platform: Platform) -> None:
        """Show what is known by now, if an edit is allowed now."""
        heard = entry.latest
        assert heard is not None
        place = await self._place(heard.job, entry.event)
        if place is None or place.platform != platform.name:
            entry.latest, entry.shown = None, time.monotonic()
            return
        destination = Destination.model_validate(place.destination)
        chat = (platform.name, destination.chat_id)
        if entry.chat is None:
            entry.chat = chat
            if time.monotonic() < self._edited.get(chat, 0.0) + platform.capabilities.progress_interval:
                return  # the chat's pace is known only now
        heard, entry.latest = entry.latest, None
        allowed = min(self._allowed_s(platform.name), EDIT_SECONDS)
        if heard is None or allowed <= 0:  # the answer came meanwhile, or another process leads
            return
        entry.shown = self._edited[chat] = time.monotonic()
        progress = Progress(
            heard.note(place.language),
            percent=heard.percent,
            position=heard.ahead,
            text=heard.text,
            buttons=self._buttons(heard.job, place.language),
        )
        # A client that waits for a rate limit must not edit once another process leads.
        async with asyncio.timeout(allowed):
            await platform.show_progress(destination, place.placeholder, progress)
