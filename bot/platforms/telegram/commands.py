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
    """Return a menu of commands, within Telegram's limits; what does not fit can be typed, and is logged.

    ``members``: without what takes more than a member of a group has by default. ``operator``: with the operators'.
    """
    shown = [
        spec
        for spec in registry
        if (operator or not spec.operator) and (not members or _for_members(spec)) and _NAME.fullmatch(_spelled(spec))
    ]
    # The last of several of one topic can be missed, /cancel and /report cannot.
    kept = sorted(shown, key=lambda spec: " " in spec.name)[:COMMAND_LIMIT]
    names = {spec.name for spec in kept}
    if left_out := [spec.name for spec in shown if spec.name not in names]:
        log.warning("%d commands do not fit into Telegram's menu: %s", len(left_out), ", ".join(left_out))
    return [BotCommand(_spelled(spec), _description(spec)) for spec in shown if spec.name in names]


def menus(registry: CommandRegistry) -> list[tuple[BotCommandScope, list[BotCommand]]]:
    """Return the menus of private chats, of groups and of the administrators of groups, by scope."""
    everything = bot_commands(registry)
    return [
        (BotCommandScopeAllPrivateChats(), everything),
        (BotCommandScopeAllGroupChats(), bot_commands(registry, members=True)),
        (BotCommandScopeAllChatAdministrators(), everything),
    ]


def _spelled(spec: CommandSpec) -> str:
    return spelling(spec.name)


def _description(spec: CommandSpec) -> str:
    return " ".join(spec.help.split())[:DESCRIPTION_LIMIT] or spec.name


def _for_members(spec: CommandSpec) -> bool:
    return all(at_least("member", DEFAULTS[permission]) for permission in spec.needs({}))


def read_command(text: str, registry: CommandRegistry, username: str) -> Typed | None:
    """Read ``/story_new@bot genre=horror a keeper finds a door``; None for what is no command of this bot."""
    typed = read_typed(text, registry)
    if typed is None or (typed.bot and typed.bot.lower() != username.lower()):
        return None
    return typed
