"""Buttons of the archive's documents: turn the pages of the list."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.archive import show_documents
from bot.context import Context
from bot.panels import PANEL_ARGS, pressed_panel
from db.permissions import EVERYBODY


async def listed(context: Context, owner: int, opened: int, start: int) -> None:
    """List the documents from one on."""
    await show_documents(context, await pressed_panel(context, owner, opened), start)


ACTIONS: Final = (ActionSpec("doc_list", listed, (*PANEL_ARGS, Arg("start", "number")), permission=EVERYBODY),)
