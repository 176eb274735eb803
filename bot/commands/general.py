"""`/status`, `/help`, `/cancel`."""

from typing import Any, Final

from bot.commands.registry import CommandSpec
from bot.turn import Turn


async def status(turn: Turn, values: dict[str, Any]) -> None:
    """Show how busy it is."""
    del values
    await turn.say("status", {"account": turn.account_id, "user": turn.user_id}, ordered=False, private=True)


async def help_(turn: Turn, values: dict[str, Any]) -> None:
    """Show what one can do."""
    del values
    await turn.say("help", {})


async def cancel(turn: Turn, values: dict[str, Any]) -> None:
    """Leave the form that is being asked: every command does; this one tells whether there was one."""
    del values
    await turn.notice("form.nothing_to_cancel" if turn.who.draft is None else "form.cancelled")


SPECS: Final = (
    CommandSpec("status", "Show how busy it is", status),
    CommandSpec("help", "Show what you can do here", help_),
    CommandSpec("cancel", "Leave the question you are being asked", cancel),
)
