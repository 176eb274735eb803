"""Buttons of the audit log."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.audit import EVERY_ACTION, account_seen
from bot.context import Context
from db.payloads.operators import AuditPage


async def older(context: Context, before: int, user: int, action: str) -> None:
    """Show the entries before one, in place of those shown."""
    page = AuditPage(
        account=account_seen(context), user=user or None, action="" if action == EVERY_ACTION else action, before=before
    )
    if context.event.destination.pressed_message:
        await context.change_pressed(page)
    else:
        await context.say(page, ordered=False, private=True)


ACTIONS: Final = (
    ActionSpec("audit_older", older, (Arg("before"), Arg("user"), Arg("action", "name")), permission="settings"),
)
