"""`/audit`: what was changed, deleted and decided, and by whom; a place's admins see theirs, operators everything."""

from typing import Any, Final

from bot import locales
from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.context import Context, Enquiry
from bot.targets import read_member, read_target
from db.audit import ACTION
from db.errors import BadInput
from db.payloads.operators import AuditPage
from db.people import PERSONAL

EVERY_ACTION: Final = "any"
"""Stands for all actions in a button."""
ACTIONS_OF: Final = "audit."
"""The section of wordings that has one for each action."""


async def log(context: Context, values: dict[str, Any]) -> None:
    """Show the newest entries of this place; to an operator in their private chat, those of all places."""
    action = "_".join(str(values.get("action") or "").casefold().split())
    if action and ACTION.fullmatch(action) is None:
        raise BadInput("audit_log.no_action", name=action[:60], names=", ".join(noted_actions()))
    user = await _person(context, str(values["person"])) if values.get("person") else None
    account = account_seen(context)
    await context.say(AuditPage(account=account, user=user, action=action), ordered=False, private=True)


async def _person(context: Context, text: str) -> int:
    """Return whom a text names: to an operator anybody, to others the people of their place."""
    if not context.operator:
        return (await read_member(context, text)).user_id
    target, _ = await read_target(context, text)
    if target.user_id is None:
        raise BadInput("operators.nobody", name=text[:60])
    return target.user_id


def account_seen(context: Context) -> int | None:
    """Return the account whose log the person may see here; None: everything."""
    everything = context.operator and context.event.account.kind in PERSONAL
    return None if everything else context.account_id


def noted_actions() -> list[str]:
    """Return the names of the actions that are noted."""
    return sorted(k.removeprefix(ACTIONS_OF) for k in locales.known_keys() if k.startswith(ACTIONS_OF))


async def complete_action(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest actions."""
    del enquiry
    return [(name, name) for name in noted_actions() if prefix.lower() in name]


COMMANDS: Final = (
    CommandSpec(
        "audit",
        "Show what was changed here, and by whom",
        log,
        (
            Parameter("action", "Only this action, such as ban or rating", completes=complete_action),
            Parameter("person", "Only this person: a mention or @username, an id, a name"),
        ),
        permission="settings",
        example="rating",
    ),
)
