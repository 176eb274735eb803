"""The gateway sessions: the client that has them, after what end none may be begun again, and whether they live."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import discord
from discord.http import Route

from bot.platforms.discord import api
from bot.platforms.discord.buckets import BucketClient
from bot.platforms.discord.underway import Underway
from db.environment import proxy_for

PATIENCE: Final = 30.0
"""Maximum pause for a rate limit; with a longer one the message goes back into the outbox."""

LATENCY_SECONDS: Final = 60.0
CLOSED_FOR_GOOD: Final = {
    4004: "Discord refuses the token: check DISCORD_TOKEN",
    4010: "Discord refuses the shards: check DISCORD_SHARD_IDS and DISCORD_SHARD_COUNT",
    4011: "Discord wants more shards: unset DISCORD_SHARD_COUNT, or raise it",
    4012: "Discord no longer knows this version of its gateway: update Storyfork",
    4013: "Discord refuses the intents: update Storyfork",
}
"""Discord's documentation, "Gateway close event codes": those after which no reconnection is allowed."""
_log = logging.getLogger(__name__)


def trouble_of(shards: Mapping[int, discord.ShardInfo]) -> str:
    """Return what is wrong with the sessions of the shards, for operators; empty if nothing is."""
    for number, shard in shards.items():
        if shard.is_closed():
            return f"Discord: shard {number} has no session"
        if not shard.latency < LATENCY_SECONDS:
            return f"Discord: shard {number}'s heartbeats are answered after {shard.latency:.0f} s"
    return ""


class GatewayEvents(Protocol):
    """Who hears what happens in the sessions (`bot.platforms.discord.client.DiscordPlatform`)."""

    underway: Underway

    async def logged_in(self) -> None:
        """The client can send, and has no session yet."""
        ...

    async def session_began(self) -> None:
        """A new session has begun."""
        ...

    async def ready(self) -> None:
        """The guilds are known."""
        ...

    async def said(self, message: discord.Message) -> None:
        """Somebody wrote a message."""
        ...

    async def edited(self, message: discord.Message) -> None:
        """A message was edited."""
        ...

    async def reacted(self, reaction: discord.RawReactionActionEvent) -> None:
        """A reaction was added or removed."""
        ...

    async def guild_changed(self, guild: discord.Guild, change: Literal["added", "removed"]) -> None:
        """A guild has added or removed the bot."""
        ...

    async def interact(self, interaction: discord.Interaction[Any]) -> None:
        """Somebody used a command, a button, a menu entry or a dialog."""
        ...


class _Client(discord.AutoShardedClient):
    """Passes discord.py's events on. Caches only what the bot needs."""

    def __init__(
        self,
        platform: GatewayEvents,
        intents: discord.Intents,
        shard_ids: Sequence[int] | None,
        shard_count: int | None,
    ) -> None:
        super().__init__(
            intents=intents,
            proxy=proxy_for(Route.BASE),
            shard_count=shard_count,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_ratelimit_timeout=PATIENCE,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        BucketClient.take_over(self.http)
        self.shard_ids = None if shard_ids is None else list(shard_ids)
        self._platform = platform

    async def reopen(self) -> None:
        """Make a closed client as good as new: the library would use the closed connector and event queue again."""
        self.clear()
        self.http.connector = discord.utils.MISSING
        await self._async_setup_hook()

    async def setup_hook(self) -> None:
        await self._platform.logged_in()

    async def on_connect(self) -> None:
        await self._platform.session_began()

    async def on_ready(self) -> None:
        await self._platform.ready()

    async def on_message(self, message: discord.Message) -> None:
        with self._platform.underway.one():
            await self._platform.said(message)

    async def on_raw_message_edit(self, change: discord.RawMessageUpdateEvent) -> None:
        await self._platform.edited(change.message)

    async def on_raw_reaction_add(self, reaction: discord.RawReactionActionEvent) -> None:
        await self._platform.reacted(reaction)

    async def on_raw_reaction_remove(self, reaction: discord.RawReactionActionEvent) -> None:
        await self._platform.reacted(reaction)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._platform.guild_changed(guild, "added")

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self._platform.guild_changed(guild, "removed")

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        try:
            with self._platform.underway.one():
                await self._platform.interact(interaction)
        except api.TROUBLE as e:
            # The event is committed: its answer is delivered another way.
            _log.warning("interaction %s: %s", interaction.id, e)


def make_client(
    events: GatewayEvents, intents: discord.Intents, shard_ids: Sequence[int] | None, shard_count: int | None
) -> _Client:
    """Return the client that passes on what happens in its sessions; it has none yet."""
    return _Client(events, intents, shard_ids, shard_count)
