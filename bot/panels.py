"""Menus that change in place. All that they know is in their buttons and in the record, so that they survive restarts.

Every button carries the person for whom the menu is (0: everybody, as under the welcome of a group) and when it was
opened. A menu for everybody stays as it is: whoever presses gets a menu of their own.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.actions.base import Arg
from bot.context import Context
from db import outbox
from db.errors import NotAllowed
from db.outbox import SentRow
from db.payloads.panels import Panel

PANEL_ARGS: Final = (Arg("owner"), Arg("opened", "number"))
"""The first arguments of every button of a menu."""
OPEN_MINUTES: Final = 15
"""A menu that was opened longer ago is shown afresh instead of doing what the button said."""
ANYBODY: Final = 0


@dataclass(frozen=True, slots=True)
class OpenPanel:
    """A menu that is being opened or pressed.

    ``row`` is the row of the outbox that it rewrites (None: it becomes a message of its own), ``payload`` what that row
    held. ``expired``: the button was pressed too late.
    """

    owner: int
    opened: int
    row: int | None = None
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])
    expired: bool = False


def fresh_panel(context: Context) -> OpenPanel:
    """Return a menu of the person's own."""
    return OpenPanel(context.user_id, _minute())


async def pressed_panel(context: Context, owner: int, opened: int) -> OpenPanel:
    """Return the menu whose button was pressed. Raises `NotAllowed` if it is somebody else's."""
    if owner not in {ANYBODY, context.user_id}:
        raise NotAllowed("panel.not_yours")
    now = _minute()
    row = await pressed_row(context)
    payload = {} if row is None else row.payload
    if owner == ANYBODY and not private_chat(context):
        return OpenPanel(context.user_id, now, payload=payload)
    expired = owner != ANYBODY and not opened <= now <= opened + OPEN_MINUTES
    return OpenPanel(context.user_id, now, None if row is None else row.id, payload, expired)


async def pressed_row(context: Context) -> SentRow | None:
    """Return the row of the outbox whose message was pressed; None if there is none, or that had no such button."""
    pressed = context.event.destination.pressed_message
    if not pressed or not context.genuine:
        return None
    return await outbox.row_of_message(context.account_id, context.event.conversation.chat_id, pressed)


async def show_panel(context: Context, panel: OpenPanel, payload: Panel) -> None:
    """Show a page of a menu: in place of the one before, else as a message for the person alone."""
    await context.say(payload, ordered=False, private=not private_chat(context), edits_row=panel.row)


def private_chat(context: Context) -> bool:
    """Return whether the person is alone with the bot."""
    return context.event.conversation.kind == "dm"


def _minute() -> int:
    return int(time.time() // 60)
