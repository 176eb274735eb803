"""Discord, through discord.py: application commands, buttons, dialogs, direct messages, mentions, threads."""

from bot.platforms.discord.client import DiscordPlatform

__all__ = ["DiscordPlatform"]
