"""Commands on Telegram: the menu derived from the registry, and the commands in texts.

Limits: https://core.telegram.org/bots/api#botcommand and #setmycommands.
"""

import logging
import re
from typing import Final

from telegram import BotCommand

from bot.commands.base import CommandRegistry, spelling
from bot.commands.typed import Typed, read_typed

log = logging.getLogger(__name__)

COMMAND_LIMIT: Final = 100
DESCRIPTION_LIMIT: Final = 256
_NAME: Final = re.compile(r"[a-z0-9_]{1,32}")


def bot_commands(registry: CommandRegistry, *, operator: bool = False) -> list[BotCommand]:
    """Return the menu of commands, within Telegram's limits; what does not fit is logged and left out.

    ``operator``: with the operators' commands.
    """
    commands: list[BotCommand] = []
    for spec in registry:
        if spec.operator and not operator:
            continue
        name, description = spelling(spec.name), " ".join(spec.help.split())[:DESCRIPTION_LIMIT] or spec.name
        if not _NAME.fullmatch(name) or len(commands) == COMMAND_LIMIT:
            log.error("Command %r cannot stand in Telegram's menu", spec.name)
            continue
        commands.append(BotCommand(name, description))
    return commands


def read_command(text: str, registry: CommandRegistry, username: str) -> Typed | None:
    """Read ``/story_new@bot genre=horror a keeper finds a door``; None for what is no command of this bot."""
    typed = read_typed(text, registry)
    if typed is None or (typed.bot and typed.bot.lower() != username.lower()):
        return None
    return typed
