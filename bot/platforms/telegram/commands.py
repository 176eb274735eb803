"""Commands on Telegram: the menu derived from the registry, and the commands in texts.

Limits: https://core.telegram.org/bots/api#botcommand and #setmycommands.
"""

import logging
import re
from typing import Final

from telegram import (
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
)

from bot.commands.base import CommandRegistry, CommandSpec, spelling
from bot.commands.typed import Typed, read_typed
from db.permissions import DEFAULTS, at_least

log = logging.getLogger(__name__)

COMMAND_LIMIT: Final = 100
DESCRIPTION_LIMIT: Final = 256
_NAME: Final = re.compile(r"[a-z0-9_]{1,32}")


def bot_commands(registry: CommandRegistry, *, members: bool = False, operator: bool = False) -> list[BotCommand]:
    """Return a menu of commands, within Telegram's limits; what does not fit is logged and left out.

    ``members``: without what takes more than a member of a group has by default. ``operator``: with the operators'.
    """
    commands: list[BotCommand] = []
    for spec in registry:
        if (spec.operator and not operator) or (members and not _for_members(spec)):
            continue
        name, description = spelling(spec.name), " ".join(spec.help.split())[:DESCRIPTION_LIMIT] or spec.name
        if not _NAME.fullmatch(name) or len(commands) == COMMAND_LIMIT:
            log.error("Command %r cannot stand in Telegram's menu", spec.name)
            continue
        commands.append(BotCommand(name, description))
    return commands


def menus(registry: CommandRegistry) -> list[tuple[BotCommandScope, list[BotCommand]]]:
    """Return the menus of private chats, of groups and of the administrators of groups, by scope."""
    everything = bot_commands(registry)
    return [
        (BotCommandScopeAllPrivateChats(), everything),
        (BotCommandScopeAllGroupChats(), bot_commands(registry, members=True)),
        (BotCommandScopeAllChatAdministrators(), everything),
    ]


def _for_members(spec: CommandSpec) -> bool:
    return all(at_least("member", DEFAULTS[permission]) for permission in spec.needs({}))


def read_command(text: str, registry: CommandRegistry, username: str) -> Typed | None:
    """Read ``/story_new@bot genre=horror a keeper finds a door``; None for what is no command of this bot."""
    typed = read_typed(text, registry)
    if typed is None or (typed.bot and typed.bot.lower() != username.lower()):
        return None
    return typed
