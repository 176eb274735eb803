"""Steps of an announcement: hand it to the couriers in small batches, then tell the operator what became of it."""

import asyncio
from typing import Any, ClassVar, Final

from db import announcements
from db.announcements import Announce
from db.connection import transaction
from db.payloads.operators import AnnouncementResult
from workers.steps.base import Commit, Run, Step

PAUSE_SECONDS: Final = 1.0
"""Between two batches: answers to people go out meanwhile."""
LAST_PAUSES: Final = 60
"""So many pauses the last messages are waited for."""
_PHASE: Final = "announcing"


class SpreadAnnouncement(Step):
    """Give every place its message; after a crash it goes on where it was."""

    name: ClassVar[str] = "spread_announcement"

    def __init__(self, pause_s: float = PAUSE_SECONDS) -> None:
        """``pause_s`` is between two batches."""
        self._pause_s = pause_s

    async def run(self, run: Run) -> dict[str, Any]:
        """Return how many messages there are."""
        announcement = run.parameters(Announce).announcement
        found = await announcements.get(announcement)
        total = 0 if found is None else (await announcements.reach(listed_only=found.listed_only)).total
        placed = 0 if found is None else found.placed
        while True:
            await run.tracker.report(_PHASE, min(99, 100 * placed // max(1, total)))
            if await announcements.unsent(announcement) < announcements.UNSENT:
                async with transaction():
                    more = await announcements.place_batch(announcement)
                if more is None:
                    break
                placed += more
                if more < announcements.BATCH:
                    continue
            await asyncio.sleep(self._pause_s)
        for _ in range(LAST_PAUSES):
            if not await announcements.unsent(announcement):
                break
            await asyncio.sleep(self._pause_s)
        return {"placed": placed}


class ReportAnnouncement(Commit):
    """Tell the operator."""

    name: ClassVar[str] = "report_announcement"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return nothing."""
        announcement = run.parameters(Announce).announcement
        await announcements.end(announcement, "done")
        await run.reply(AnnouncementResult(announcement=announcement))
        return {}
