"""Guilds that add the bot, and those that remove it."""

import datetime as dt
from typing import Final, Literal

import discord

from bot.events import AccountRef, BotMembership, ConversationRef, Destination, Event, UserRef

RECENT: Final = dt.timedelta(days=1)
"""A guild that added the bot while it was away is welcomed if that was so long ago at most."""


def guild_event(guild: discord.Guild, me: int, change: Literal["added", "removed"]) -> Event | None:
    """Return the event that a guild has added or removed the bot; None if there is no channel to write in.

    ``me`` is the bot's own id. Discord does not say who did it: the guild's owner stands for them.
    """
    member = guild.get_member(me)
    channel = _place(guild, member) if change == "added" and member is not None else None
    if guild.owner_id is None or (change == "added" and channel is None):
        return None
    owner, chat_id = str(guild.owner_id), str(guild.id if channel is None else channel.id)
    joined = member.joined_at if change == "added" and member is not None else None
    moment = joined or dt.datetime.now(dt.UTC)
    return Event(
        platform="discord",
        event_id=f"g{guild.id}.{change}.{int(moment.timestamp())}",
        account=AccountRef(kind="guild", external_id=str(guild.id), name=guild.name),
        user=UserRef(external_id=owner, name=""),
        conversation=ConversationRef(chat_id=chat_id, kind="group", adult=channel is not None and channel.is_nsfw()),
        destination=Destination(chat_id=chat_id, user_id=owner, kind="group"),
        payload=BotMembership(change=change),
    )


def is_new(guild: discord.Guild, me: int) -> bool:
    """Return whether a guild has added the bot, whose id is ``me``, lately."""
    member = guild.get_member(me)
    joined = None if member is None else member.joined_at
    return joined is not None and dt.datetime.now(dt.UTC) - joined < RECENT


def _place(guild: discord.Guild, me: discord.Member) -> discord.TextChannel | None:
    """Return the channel for a welcome: the guild's own for that, else the first in which the bot may write."""
    own = [guild.system_channel] if guild.system_channel is not None else []
    return next((channel for channel in (*own, *guild.text_channels) if _may_write(me, channel)), None)


def _may_write(me: discord.Member, channel: discord.TextChannel) -> bool:
    may = channel.permissions_for(me)
    return may.view_channel and may.send_messages
