"""Buttons of the gallery: leaf through it, and delete a picture."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.gallery import NEWEST, show_gallery
from bot.context import Context
from bot.panels import PANEL_ARGS, pressed_panel
from db import pictures, sent_messages
from db.payloads.picture import PictureReady
from db.permissions import EVERYBODY


async def turn(context: Context, owner: int, opened: int, shelf: str, of: int, picture: int) -> None:
    """Show a picture of a gallery, without one the newest."""
    await show_gallery(context, await pressed_panel(context, owner, opened), shelf, of, picture or NEWEST)


async def ask(context: Context, owner: int, opened: int, shelf: str, of: int, picture: int) -> None:
    """Ask whether to delete a picture."""
    await show_gallery(context, await pressed_panel(context, owner, opened), shelf, of, picture, asks=True)


async def drop(context: Context, owner: int, opened: int, shelf: str, of: int, picture: int) -> None:
    """Delete a picture, also where it was sent. A menu that was open for long only shows it again."""
    panel = await pressed_panel(context, owner, opened)
    if panel.expired:
        await show_gallery(context, panel, shelf, of, picture)
        return
    for each in await pictures.delete(context.account_id, context.user_id, picture, moderate=context.may("moderate")):
        await context.answer_for(each)
    await context.audit("picture_delete", str(picture))
    for sent in await sent_messages.showing(context.account_id, PictureReady.kind, "picture", picture, without=0):
        await context.rewrite(sent, context.user_id, PictureReady(picture=picture))
    await show_gallery(context, panel, shelf, of, picture, done="picture.deleted")


_PICTURE: Final = (*PANEL_ARGS, Arg("shelf", "name"), Arg("of"), Arg("picture"))
ACTIONS: Final = (
    ActionSpec("gallery", turn, _PICTURE, permission=EVERYBODY),
    ActionSpec("g_ask", ask, _PICTURE, permission=EVERYBODY),
    ActionSpec("g_drop", drop, _PICTURE, permission=EVERYBODY),
)
