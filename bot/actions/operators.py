"""Buttons of the operators: sending an announcement."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.context import Context
from db import announcements, audit
from db.announcements import Announce
from db.errors import NotFound
from db.payloads.operators import AnnouncementDraft
from db.permissions import EVERYBODY


async def send(context: Context, announcement: int) -> None:
    """Send an announcement."""
    await _decide(context, announcement, "sending")
    await audit.note("announce", user_id=context.user_id, subject=str(announcement))
    await context.work(Announce(announcement=announcement))


async def drop(context: Context, announcement: int) -> None:
    """Drop an announcement."""
    await _decide(context, announcement, "dropped")
    await context.notice("operators.announce_dropped")


async def _decide(context: Context, announcement: int, state: str) -> None:
    if not await announcements.decide(announcement, state):
        raise NotFound("operators.announce_over")
    await context.change_pressed(AnnouncementDraft(announcement=announcement, settled=True))


_ANNOUNCEMENT: Final = (Arg("announcement"),)
ACTIONS: Final = (
    ActionSpec("announce", send, _ANNOUNCEMENT, operator=True, always=True, permission=EVERYBODY),
    ActionSpec("announce_drop", drop, _ANNOUNCEMENT, operator=True, always=True, permission=EVERYBODY),
)
