"""Guilds that removed the bot while it was away: Discord sends no event for them later.

A guild counts as left only if it was recorded as one where the bot is, is missing among the guilds that every shard of
this process has listed (those in an outage are listed, as unavailable), belongs to one of these shards, and Discord
itself says that the bot may not see it.
"""

import asyncio
import logging
from typing import Final

import discord

from bot.platforms.base import Inbound
from bot.platforms.discord import api
from bot.platforms.discord.api import DiscordApi

CHECK_SECONDS: Final = 600.0
"""How often it is recorded where the bot is."""
CHECKED: Final = 100
"""Guilds that are asked about in one check; the others come with the next."""
_log = logging.getLogger(__name__)


class GuildPresence:
    """Records in which guilds the bot is, and notes those that it was removed from meanwhile."""

    def __init__(self, client: discord.AutoShardedClient, calls: DiscordApi, platform: str) -> None:
        """``platform`` is the name under which the guilds are recorded."""
        self._client, self._api, self._platform = client, calls, platform

    async def keep(self, inbound: Inbound) -> None:
        """Check again and again, until cancelled."""
        while True:
            await self.check(inbound)
            await asyncio.sleep(CHECK_SECONDS)

    async def check(self, inbound: Inbound) -> None:
        """Record the guilds that there are, and note those that are gone. Nothing happens before all are known."""
        if not self._complete():
            return
        here = {str(guild.id) for guild in self._client.guilds}
        missing = await inbound.record_places(self._platform, sorted(here))
        asked = [place for place in missing if self._is_ours(place)][:CHECKED]
        for place in asked:
            try:
                gone = not await self._api.in_guild(place)
            except api.TROUBLE as e:
                _log.info("whether the bot is still in guild %s cannot be found out now: %s", place, type(e).__name__)
                continue
            if gone and self._client.get_guild(int(place)) is None:
                _log.info("the bot was removed from guild %s while it was away", place)
                await inbound.place_left(self._platform, place)

    def _complete(self) -> bool:
        """Return whether every shard of this process has listed its guilds, and none is being connected anew."""
        shards = self._client.shards
        return bool(shards) and self._client.is_ready() and not any(shard.is_closed() for shard in shards.values())

    def _is_ours(self, place: str) -> bool:
        """Return whether a guild would be listed to this process (Discord's documentation, "Sharding formula")."""
        count = self._client.shard_count or 1
        return place.isdecimal() and (int(place) >> 22) % count in self._client.shards
