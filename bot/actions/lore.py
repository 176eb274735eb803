"""Buttons of lorebooks: turn the pages of the list."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.lore import show_books
from bot.context import Context
from bot.panels import PANEL_ARGS, pressed_panel
from db.permissions import EVERYBODY


async def listed(context: Context, owner: int, opened: int, start: int) -> None:
    """List the lorebooks from one on."""
    await show_books(context, await pressed_panel(context, owner, opened), start)


ACTIONS: Final = (ActionSpec("lore_list", listed, (*PANEL_ARGS, Arg("start", "number")), permission=EVERYBODY),)
