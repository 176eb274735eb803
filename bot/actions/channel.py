"""Buttons of a channel's settings. They hold no channel: each is about the one in which it is pressed."""

from dataclasses import replace
from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.channel import clear, show_channel, store
from bot.context import Context
from bot.panels import PANEL_ARGS, OpenPanel, pressed_panel, private_chat
from db import channels
from db.channels import MODES
from db.errors import BadInput, NotAllowed


async def choose_mode(context: Context, owner: int, opened: int, mode: str) -> None:
    """Choose when the bot speaks here, unless the menu has been open for too long."""
    panel, reads = await _pressed(context, owner, opened)
    if mode not in MODES:
        raise BadInput("router.old_button")
    before = await channels.of(context.conversation_id)
    after = replace(before, mode=mode)
    changed = not panel.expired and (after != before or not after.is_told_by(before))
    if changed:
        await store(context, before, after, reads=reads)
        await context.audit("channel_set", "mode")
    await show_channel(context, panel, reads=reads, saved=changed)


async def reset(context: Context, owner: int, opened: int) -> None:
    """Go back to what holds in the whole place, unless the menu has been open for too long."""
    panel, reads = await _pressed(context, owner, opened)
    if not panel.expired:
        await clear(context)
    await show_channel(context, panel, reads=reads, saved=not panel.expired)


async def _pressed(context: Context, owner: int, opened: int) -> tuple[OpenPanel, bool | None]:
    """Return the menu that was pressed, and whether the bot reads everything here, as far as that is known."""
    if private_chat(context):
        raise NotAllowed("channel.own_chat")
    panel = await pressed_panel(context, owner, opened)
    known = context.event.reads_all
    return panel, (panel.payload.get("reads") is True if known is None else known)


ACTIONS: Final = (
    ActionSpec("ch_mode", choose_mode, (*PANEL_ARGS, Arg("mode", "name")), permission="settings"),
    ActionSpec("ch_reset", reset, PANEL_ARGS, permission="settings"),
)
