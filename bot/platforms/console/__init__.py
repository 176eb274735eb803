"""The bot in a terminal: interactive at a prompt, or playing the lines of a script."""

from bot.platforms.console.client import ConsolePlatform

__all__ = ["ConsolePlatform"]
