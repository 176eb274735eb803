"""`/status`, `/cancel`."""

from typing import Any, Final

from bot.commands.base import CommandSpec
from bot.context import Context
from db.payloads.account import ServiceStatus
from db.permissions import EVERYBODY


async def status(context: Context, values: dict[str, Any]) -> None:
    """Show how busy the bot is."""
    del values
    await context.say(ServiceStatus(account=context.account_id, user=context.user_id), ordered=False, private=True)


async def cancel(context: Context, values: dict[str, Any]) -> None:
    """Close the pending form, as every command does, and say whether there was one."""
    del values
    await context.notice("form.nothing_to_cancel" if context.who.draft is None else "form.cancelled")


COMMANDS: Final = (
    CommandSpec("status", "Show how busy the bot is", status, always=True, permission=EVERYBODY),
    CommandSpec("cancel", "Leave the question you are being asked", cancel, always=True, permission=EVERYBODY),
)
