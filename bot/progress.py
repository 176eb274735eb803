"""Progress: the state of an event's job is shown in place of its answer until the answer comes.

Everything here may be lost. Only the board edits a message before its answer, and it stops for good once the answer
is being sent.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot import locales
from bot.events import Destination
from bot.messages import Button, Progress
from bot.platforms.base import Platform

KEPT_SECONDS: Final = 900.0
"""An answer that takes longer than Discord's interaction token lives shows no more progress."""
NAP_SECONDS: Final = 0.05
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    platform: Platform
    destination: Destination
    placeholder: str
    language: str
    since: float = field(default_factory=time.monotonic)
    shown: float = field(default_factory=time.monotonic)  # a job that ends within the interval shows no progress
    latest: Progress | None = None
    task: asyncio.Task[None] | None = None


class ProgressBoard:
    """The events of this process that wait for an answer."""

    def __init__(
        self, platforms: Mapping[str, Platform], buttons: Callable[[int, str], tuple[tuple[Button, ...], ...]]
    ) -> None:
        """``buttons`` makes the buttons of a running job in a language."""
        self._platforms, self._buttons = platforms, buttons
        self._entries: dict[str, _Entry] = {}
        self._edited: dict[tuple[str, str], float] = {}

    def expect(self, event_key: str, platform: str, destination: Destination, placeholder: str, language: str) -> None:
        """Show progress of an event from now on, in ``placeholder`` or the platform's own."""
        now = time.monotonic()
        for key in [k for k, e in self._entries.items() if now - e.since > KEPT_SECONDS]:
            del self._entries[key]
        for chat in [c for c, at in self._edited.items() if now - at > KEPT_SECONDS]:
            del self._edited[chat]
        self._entries[event_key] = _Entry(self._platforms[platform], destination, placeholder, language)

    def hear(self, heard: dict[str, Any]) -> None:
        """Handle a published progress message."""
        entry = self._entries.get(str(heard.get("event")))
        if entry is None:
            return
        entry.latest = Progress(
            _note(heard, entry.language),
            percent=int(heard.get("percent", 0)),
            position=int(heard.get("ahead", 0)),
            text=str(heard.get("text", "")),
            buttons=self._buttons(int(heard.get("job", 0)), entry.language),
        )
        if entry.task is None or entry.task.done():
            entry.task = asyncio.create_task(self._show(entry))

    async def end(self, event_key: str) -> None:
        """Stop: the answer is being sent. Waits for an edit in flight, which could otherwise overwrite the answer."""
        entry = self._entries.pop(event_key, None)
        if entry is not None and entry.task is not None:
            entry.latest = None
            await asyncio.wait([entry.task])

    def _turn(self, chat: tuple[str, str]) -> int | None:
        """Return the identity of the entry whose turn it is in a chat: with news, and shown longest ago."""
        waiting = [
            entry
            for entry in self._entries.values()
            if entry.latest is not None and (entry.platform.name, entry.destination.chat_id) == chat
        ]
        return id(min(waiting, key=lambda entry: entry.shown)) if waiting else None

    async def _show(self, entry: _Entry) -> None:
        interval = entry.platform.capabilities.progress_interval
        chat = (entry.platform.name, entry.destination.chat_id)
        while entry.latest is not None:
            # Platforms limit the edits per chat, not per message: the answers in a chat take turns.
            wait = max(entry.shown, self._edited.get(chat, 0.0)) + interval - time.monotonic()
            if wait > 0 or self._turn(chat) not in {None, id(entry)}:
                # Sleep in short steps: an answer that arrives meanwhile must not wait for the next edit.
                await asyncio.sleep(min(max(wait, NAP_SECONDS / 5), NAP_SECONDS))
                continue
            progress, entry.latest = entry.latest, None
            entry.shown = self._edited[chat] = time.monotonic()
            try:
                await entry.platform.show_progress(entry.destination, entry.placeholder, progress)
            except Exception as e:  # noqa: BLE001 - progress is worth no answer
                _log.info("progress could not be shown: %s", e)


def _note(heard: Mapping[str, Any], language: str) -> str:
    """Return a published progress message as text."""
    phase = str(heard.get("phase", "working"))
    if phase == "queued":
        return locales.text("job.in_line", {"ahead": int(heard.get("ahead", 0))}, language)
    eta = heard.get("eta")
    if phase == "drawing" and isinstance(eta, int | float):
        values = {"step": heard.get("step", 0), "steps": heard.get("steps", 0), "seconds": max(1, round(eta))}
        return locales.text("job.drawing_eta", values, language)
    values = {"step": heard.get("step", 0), "steps": heard.get("steps", 0)} if phase == "drawing" else {}
    return locales.text(str(heard.get("wording") or f"job.{phase}"), values, language)
