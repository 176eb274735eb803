"""The one place that decides whether a person may do what an event asks for, before anything of it runs.

The router and the forms call it for commands, buttons, forms, menus, plain text and suggestions.
"""

from collections.abc import Mapping

from bot.actions.base import Action
from bot.commands.base import CommandSpec
from bot.context import Context
from bot.events import Command
from db.errors import NotAllowed
from db.permissions import EVERYBODY, Everybody, Permission


def require(context: Context, permission: Permission | Everybody) -> None:
    """Check a menu's or a route's permission. Raises `db.errors.NotAllowed`."""
    if permission != EVERYBODY:
        context.require(permission)


def require_command(context: Context, spec: CommandSpec, values: Mapping[str, str]) -> None:
    """Check a command with these values. Raises `db.errors.NotAllowed`."""
    if spec.operator and not context.operator:
        raise NotAllowed("operators.only")
    known_ages = context.event.conversation.adult is not None
    if spec.age_restricted and known_ages and not isinstance(context.event.payload, Command):
        # The platform keeps minors from its own commands, not from typing one as plain text.
        raise NotAllowed("rating.adults_from_list")
    for permission in spec.needs(values):
        context.require(permission)


def require_action(context: Context, action: Action) -> None:
    """Check a button or a form. Raises `db.errors.NotAllowed`."""
    if action.spec.operator and not context.operator:
        raise NotAllowed("operators.only")
    require(context, action.permission())


def may_complete(context: Context, spec: CommandSpec, parameter: str) -> bool:
    """Return whether a person may use a command with this parameter: nothing else is suggested."""
    try:
        require_command(context, spec, {parameter: "any"})
    except NotAllowed:
        return False
    return True
