"""Discord's application commands and context menus, derived from the registries."""

import logging
from collections.abc import Iterable
from typing import Any, Final

from bot.commands.base import CommandRegistry, CommandSpec, Parameter
from bot.menus import MenuSpec
from bot.platforms.discord.api import Body

DESCRIPTION: Final = 100
CHOICES: Final = 25
MENUS: Final = 15
STRING: Final = 6000
NOBODY: Final = "0"
"""In guilds, a command with these default permissions is hidden from everybody but administrators."""
_TYPES: Final[dict[type, int]] = {str: 3, int: 4, bool: 5, bytes: 11}
_EVERYWHERE: Final = {"contexts": [0, 1, 2], "integration_types": [0, 1]}
_OPTIONAL: Final = frozenset(
    {"options", "choices", "autocomplete", "required", "max_length", "default_member_permissions", "nsfw"}
)
_log = logging.getLogger(__name__)
LEFT_OUT: Final = frozenset({"cancel"})
"""Commands that are left out: forms are dialogs here, so there is nothing to cancel."""


def application_commands(registry: CommandRegistry, menus: Iterable[MenuSpec] = ()) -> list[Body]:
    """Return the payload of a bulk registration; groups become subcommands, ``menus`` entries of messages' menus."""
    found: list[Body] = []
    for group, specs in registry.groups().items():
        shown = [s for s in specs if s.name not in LEFT_OUT]
        if not shown:
            continue
        if shown[0].name == group:
            body: Body = {"name": group, "description": shown[0].help[:DESCRIPTION], "options": _options(shown[0])}
        else:
            body = {
                "name": group,
                "description": f"{group.capitalize()}: {', '.join(s.name.split()[1] for s in shown)}"[:DESCRIPTION],
                "options": [
                    {"type": 1, "name": s.name.split()[1], "description": s.help[:DESCRIPTION], "options": _options(s)}
                    for s in shown
                ],
            }
        body |= {"type": 1, **_EVERYWHERE}
        if all(s.operator for s in shown):
            body["default_member_permissions"] = NOBODY
        if any(s.age_restricted for s in shown):
            body["nsfw"] = True
        found.append(body)
    entries = list(menus)
    if len(entries) > MENUS:
        _log.error("there are %d entries for the menu of messages; Discord shows %d", len(entries), MENUS)
    return [*found, *({"type": 3, "name": entry.name, **_EVERYWHERE} for entry in entries[:MENUS])]


def same(ours: Any, theirs: Any) -> bool:
    """Return whether the registered commands match ours (Discord adds fields of its own)."""
    if isinstance(ours, dict):
        if not isinstance(theirs, dict) or any(theirs.get(k) for k in _OPTIONAL - ours.keys()):
            return False
        return all(same(v, theirs.get(k, _empty(v))) for k, v in ours.items())
    if isinstance(ours, list):
        return isinstance(theirs, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


def read(data: dict[str, Any]) -> tuple[str, dict[str, str], str]:
    """Return a command's full name, its values as text, and the option being typed (for autocompletion)."""
    name, options = str(data["name"]), list[dict[str, Any]](data.get("options") or [])
    while options and options[0]["type"] in (1, 2):
        name, options = f"{name} {options[0]['name']}", list(options[0].get("options") or [])
    focused = next((o["name"] for o in options if o.get("focused")), "")
    return name, {o["name"]: str(o["value"]) for o in options}, focused


def _options(spec: CommandSpec) -> list[Body]:
    # Discord wants required options first.
    return [_option(p) for p in sorted(spec.parameters, key=lambda p: not p.required)]


def _option(parameter: Parameter) -> Body:
    body: Body = {
        "type": _TYPES[parameter.kind],
        "name": parameter.name,
        "description": parameter.help[:DESCRIPTION],
        "required": parameter.required,
    }
    if parameter.choices:
        body["choices"] = [{"name": label[:100], "value": value} for label, value in parameter.choices[:CHOICES]]
    elif parameter.completes:
        body["autocomplete"] = True
    elif parameter.kind is str:
        body["max_length"] = min(parameter.max_length, STRING)
    return body


def _empty(value: Any) -> Any:
    return type(value)() if isinstance(value, list | bool) else None
