"""What platforms report of places themselves: where the bot is, where it is not any more, groups with another id."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from db import moves, places
from db.connection import transaction
from db.errors import describe

MOVE_SECONDS: Final = 8.0
"""Maximum time for moving a group's data: nobody waits for an answer to it."""
_log = logging.getLogger(__name__)


class PlaceRecords:
    """The part of `bot.platforms.base.Inbound` that is about places. Nothing here raises."""

    async def group_moved(self, platform: str, old: str, new: str) -> bool:
        """Move what is stored for a group to its new id; False if that could not be committed."""
        try:
            async with asyncio.timeout(MOVE_SECONDS), transaction():
                await moves.move_group(platform, old, new)
        except Exception as e:  # noqa: BLE001 - as in Router.bury
            _log.warning("group %s of %s cannot be moved to %s: %s", old, platform, new, e)
            return False
        return True

    async def record_places(self, platform: str, present: Sequence[str]) -> list[str]:
        """Record the guilds in which the bot is, and return those that were recorded before and are missing."""
        try:
            async with asyncio.timeout(MOVE_SECONDS), transaction():
                return await places.record(platform, present)
        except Exception as e:  # noqa: BLE001 - as in Router.bury
            _log.warning("where the bot is on %s cannot be recorded: %s", platform, describe(e))
            return []

    async def place_left(self, platform: str, place: str) -> bool:
        """Note that the bot is not in a guild or group any more; False if that could not be committed."""
        try:
            async with asyncio.timeout(MOVE_SECONDS), transaction():
                await places.leave_place(platform, place)
        except Exception as e:  # noqa: BLE001 - as in Router.bury
            _log.warning("that %s of %s was left cannot be noted: %s", place, platform, describe(e))
            return False
        return True
