"""Commands on Telegram: derived from the registry, and parsed from a message's text.

Limits: https://core.telegram.org/bots/api#botcommand and #setmycommands.
"""

import logging
import re
from dataclasses import dataclass
from typing import Final

from telegram import BotCommand

from bot.commands.base import CommandRegistry, CommandSpec, spelling
from bot.events import Command

log = logging.getLogger(__name__)

COMMAND_LIMIT: Final = 100
DESCRIPTION_LIMIT: Final = 256
_NAME: Final = re.compile(r"[a-z0-9_]{1,32}")
_COMMAND: Final = re.compile(r"/([A-Za-z0-9_]+)(?:@([A-Za-z0-9_]+))?(?:\s+|$)")
_PAIR: Final = r"""(?P<name>[a-z_][a-z0-9_]*)=(?P<value>"[^"]*"|'[^']*'|“[^”]*”|«[^»]*»|[^\s"'“«]\S*)"""
_LEADING: Final = re.compile(rf"\s*{_PAIR}(?=\s|$)")
_TRAILING: Final = re.compile(rf"(?:^|(?<=\s)){_PAIR}\s*$")


def bot_commands(registry: CommandRegistry) -> list[BotCommand]:
    """Return the menu of commands, within Telegram's limits; what does not fit is logged and left out."""
    commands: list[BotCommand] = []
    for spec in registry:
        name, description = spelling(spec.name), " ".join(spec.help.split())[:DESCRIPTION_LIMIT] or spec.name
        if not _NAME.fullmatch(name) or len(commands) == COMMAND_LIMIT:
            log.error("Command %r cannot stand in Telegram's menu", spec.name)
            continue
        commands.append(BotCommand(name, description))
    return commands


@dataclass(frozen=True, slots=True)
class Typed:
    """A command as typed. ``spec`` is None if the registry does not have it."""

    command: Command
    spec: CommandSpec | None
    addressed: bool


def read_command(text: str, registry: CommandRegistry, username: str) -> Typed | None:
    """Read ``/story_new@bot genre=horror a keeper finds a door``; None if it is not a command, or one for another bot.

    Values of declared parameters may precede or follow the free text as ``name=value``; values with blanks are quoted.
    ``addressed``: the command includes the bot's name.
    """
    match = _COMMAND.match(text)
    if match is None or (match[2] and match[2].lower() != username.lower()):
        return None
    name, rest, addressed = match[1].lower(), text[match.end() :].strip(), bool(match[2])
    if name == "start":
        return Typed(Command(name="help"), registry.get("help"), addressed)
    spec = next((s for s in registry if spelling(s.name) == name), None)
    if spec is None:
        verb, _, behind = rest.partition(" ")
        spec = registry.get(f"{name} {verb.lower()}") if verb else None
        if spec is None:
            return Typed(Command(name=name.replace("_", " "), rest=rest), None, addressed)
        rest = behind.strip()
    values, rest = _values(spec, rest)
    return Typed(Command(name=spec.name, values=values, rest=rest), spec, addressed)


def _values(spec: CommandSpec, rest: str) -> tuple[dict[str, str], str]:
    # The parameter that takes the free text (bot.commands.parsing): a text may contain such a pair itself.
    takes = next((p for p in spec.parameters if p.required), None) or next(
        (p for p in spec.parameters if p.kind is str), None
    )
    declared = {p.name for p in spec.parameters if p.kind is not bytes and not (p is takes and p.kind is str)}
    values: dict[str, str] = {}
    while (match := _LEADING.match(rest)) and match["name"] in declared - values.keys():
        values[match["name"]] = _unquoted(match["value"])
        rest = rest[match.end() :]
    while (match := _TRAILING.search(rest)) and match["name"] in declared - values.keys():
        values[match["name"]] = _unquoted(match["value"])
        rest = rest[: match.start()]
    return values, rest.strip()


def _unquoted(value: str) -> str:
    return value[1:-1] if value[0] in "\"'“«" else value
