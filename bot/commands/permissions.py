"""`/allow`, `/deny`, `/permissions`, `/roles`: who may do what in a place."""

import re
from typing import Any, Final, cast

from bot.commands.base import CommandSpec, Parameter
from bot.context import Context
from bot.events import channel_key
from bot.targets import read_member
from db import permissions
from db.errors import BadInput, NotAllowed
from db.payloads.permissions import PermissionTable, RoleMapping
from db.permissions import DEFAULTS, EVERYBODY, MAPPED, PERMISSIONS, ROLES, RULES, Permission, Role, above, at_least

DEFAULT: Final = "default"
"""The value that removes a mapping."""
HERE: Final = "here"
ALL: Final = "all"
_CHANNEL: Final = re.compile(r"<#([0-9]{1,32})>|(-?[0-9]{1,32})")
_ROLE: Final = re.compile(r"<@&([0-9]{1,32})>|(.+)", re.DOTALL)
_KEY_LENGTH: Final = 100
_BY_ID: Final = frozenset({"discord"})
"""Platforms on which a role is known by its number; elsewhere by its name."""


async def allow(context: Context, values: dict[str, Any]) -> None:
    """Give a role, and those above it, a permission in the place or in a channel."""
    permission, role, channel = _read(context, values)
    held = context.rights.at(channel).decide(permission)
    if not held.allowed:
        raise NotAllowed("permission.not_held", permission=permission)
    if at_least(role, held.lowest):
        await context.notice("permission.is_allowed", permission=permission, role=role)
        return
    await _set(context, permission, channel, role)
    await context.audit("permission_allow", permission, role=role, channel=channel)
    await context.notice(f"permission.allowed{_where(channel)}", private=False, permission=permission, role=role)


async def deny(context: Context, values: dict[str, Any]) -> None:
    """Take a permission from a role, and from those below it, in the place or in a channel."""
    permission, role, channel = _read(context, values)
    lowest = context.rights.at(channel).decide(permission).lowest
    if not at_least(role, lowest):
        await context.notice("permission.is_denied", permission=permission, role=role)
        return
    await _set(context, permission, channel, above(role))
    await context.audit("permission_deny", permission, role=role, channel=channel)
    await context.notice(f"permission.denied{_where(channel)}", private=False, permission=permission, role=role)


async def show(context: Context, values: dict[str, Any]) -> None:
    """Show who may do what here and why, or what a person or a role may; or go back to the defaults."""
    _refuse_own(context)
    if wanted := str(values.get("reset") or ""):
        await _reset(context, wanted)
        return
    who, channels = str(values.get("who") or "").strip(), list(context.event.channels)
    table = PermissionTable(account=context.account_id, channels=channels, role=context.role)
    if not who:
        table = table.model_copy(update={"given": context.event.user.role, "me": True})
    elif who.casefold() in ROLES:
        table = table.model_copy(update={"role": who.casefold(), "table": False})
    else:
        member = await read_member(context, who)
        role = context.rights.rules.role_of(member.role, member.roles)
        update = {"role": role, "user": member.user_id, "given": member.role, "table": False}
        table = table.model_copy(update=update)
    await context.say(table, ordered=False, private=True)


async def roles(context: Context, values: dict[str, Any]) -> None:
    """Show how the platform's roles are mapped here, map one, or remove the mappings."""
    _refuse_own(context)
    which, role = str(values.get("which") or "").strip(), str(values.get("role") or "")
    if not role:
        first, _, last = which.rpartition(" ")
        if last.casefold() in {*ROLES, DEFAULT}:
            which, role = first.strip(), last.casefold()
    if not which:
        await context.say(RoleMapping(account=context.account_id), ordered=False, private=True)
        return
    if which.casefold() == "reset" and not role:
        _refuse_higher(context, *context.rights.rules.roles.values())
        await permissions.reset_roles(context.account_id)
        await context.audit("roles_reset")
        await context.notice("permission.roles_reset", private=False)
        return
    if not role:
        raise BadInput("permission.bad_role", limit=MAPPED)
    await _map(context, which, role)


async def _map(context: Context, which: str, role: str) -> None:
    found = _ROLE.fullmatch(which)
    key = "" if found is None else found[1] or found[2].strip()
    known = context.rights.rules.roles
    if not key or len(key) > _KEY_LENGTH or role == "owner" or (key not in known and len(known) >= MAPPED):
        raise BadInput("permission.bad_role", limit=MAPPED)
    if context.event.platform in _BY_ID and key not in known and not key.isdigit():
        raise BadInput("permission.no_role", name=key)  # it would be nobody's
    mapped = None if role == DEFAULT else cast("Role", role)
    if mapped is not None:
        _refuse_higher(context, mapped)
    if key in known:
        _refuse_higher(context, known[key])
    await permissions.map_role(context.account_id, key, mapped)
    await context.audit(*(("roles_unmap",) if mapped is None else ("roles_map", role)))
    await context.notice("permission.unmapped" if mapped is None else "permission.mapped", private=False, role=role)


async def _reset(context: Context, wanted: str) -> None:
    """Remove rules, but none about more than the person may or is."""
    permission = None if wanted == ALL else cast("Permission", wanted)
    for (ruled, _), lowest in context.rights.rules.lowest.items():
        if permission in (None, ruled):
            _refuse_higher(context, lowest)
            if not context.rights.at("").decide(ruled).allowed:
                raise NotAllowed("permission.not_held", permission=ruled)
    await permissions.reset_rules(context.account_id, permission)
    await context.audit("permission_reset", wanted)
    await context.notice("permission.rules_reset", private=False)


async def _set(context: Context, permission: Permission, channel: str, lowest: Role) -> None:
    """Set a rule; one that says what holds anyway is removed."""
    rules = context.rights.rules
    anyway = rules.lowest.get((permission, ""), DEFAULTS[permission]) if channel else DEFAULTS[permission]
    new = (permission, channel) not in rules.lowest
    if new and lowest != anyway and len(rules.lowest) >= RULES:
        raise BadInput("permission.too_many", limit=RULES)
    await permissions.set_rule(context.account_id, permission, channel, None if lowest == anyway else lowest)


def _read(context: Context, values: dict[str, Any]) -> tuple[Permission, Role, str]:
    """Return permission, role and channel. Raises `NotAllowed` for a role that is not below the person's own."""
    _refuse_own(context)
    role = cast("Role", values["role"])
    if role == "owner":
        raise NotAllowed("permission.owner_may")
    if context.role != "owner" and at_least(role, context.role):
        raise NotAllowed("permission.not_below", role=role, own=context.role)
    return cast("Permission", values["permission"]), role, _channel(context, str(values.get("channel") or "").strip())


def _channel(context: Context, text: str) -> str:
    if not text:
        return ""
    if text.casefold() == HERE:
        return context.event.channels[0]
    found = _CHANNEL.fullmatch(text)
    if found is None:
        raise BadInput("permission.bad_channel", value=text[:60])
    return channel_key(context.event.account.external_id, found[1] or found[2])


def _where(channel: str) -> str:
    return "_channel" if channel else ""


async def _check_place(context: Context) -> None:
    """Raise `NotAllowed` in a private chat, where there are no rules."""
    _refuse_own(context)


def _refuse_own(context: Context) -> None:
    if context.rights.own:
        raise NotAllowed("permission.own_place")


def _refuse_higher(context: Context, *given: Role) -> None:
    """Refuse roles above the person's own."""
    for role in given:
        if not at_least(context.role, role):
            raise NotAllowed("permission.higher", role=role, own=context.role)


_PERMISSION: Final = Parameter(
    "permission", "What it is about", required=True, choices=tuple((p.replace("_", " "), p) for p in PERMISSIONS)
)
_LEVELS: Final = tuple((role, role) for role in ROLES)
_RULED: Final = (
    _PERMISSION,
    Parameter("role", "Which role, with those above or below it", required=True, choices=_LEVELS),
    Parameter("channel", "Only in this channel: here, a mention or an id"),
)
COMMANDS: Final = (
    CommandSpec("permissions", "Show who may do what here, and why", show, (
        Parameter("who", "A person (@username, name, id) or a role"),
        Parameter(
            "reset", "Go back to the default of a permission", permission="settings",
            choices=((ALL, ALL), *((p.replace("_", " "), p) for p in PERMISSIONS)),
        ),
    ), permission=EVERYBODY, always=True, check=_check_place),
    CommandSpec(
        "allow", "Let a role do something here", allow, _RULED, permission="settings", example="imagine guest",
        check=_check_place,
    ),
    CommandSpec(
        "deny", "Take something from a role here", deny, _RULED, permission="settings", example="chat guest",
        check=_check_place,
    ),
    CommandSpec("roles", "Map the platform's roles to those of the bot", roles, (
        Parameter("which", "A role of the server; in a Telegram group: admins, or an admin's title; or reset"),
        Parameter("role", "The role here", choices=(*_LEVELS[1:], (DEFAULT, DEFAULT))),
    ), permission="settings", example="admins moderator", check=_check_place),
)  # fmt: skip
