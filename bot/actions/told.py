"""Buttons of what a writer was told: open what else there is for a page, and its context."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.remembered import memory_of_page
from bot.commands.told import show_told
from bot.context import Context
from bot.panels import PANEL_ARGS, fresh_panel, pressed_panel, show_panel
from db.payloads.told import MorePanel
from db.permissions import EVERYBODY


async def more(context: Context, page: int) -> None:
    """Show what else can be done with a page, to the person alone."""
    await memory_of_page(context, page)
    panel = fresh_panel(context)
    await show_panel(context, panel, MorePanel(owner=panel.owner, opened=panel.opened, page=page))


async def told(context: Context, owner: int, opened: int, page: int) -> None:
    """Show what the writer of a page was told."""
    panel = await pressed_panel(context, owner, opened)
    await show_told(context, panel, await memory_of_page(context, page), page=page)


_PAGE: Final = Arg("page")
ACTIONS: Final = (
    ActionSpec("more", more, (_PAGE,), command="story", permission=EVERYBODY),
    ActionSpec("told", told, (*PANEL_ARGS, _PAGE), permission=EVERYBODY),
)
