"""The panel of what can be done with a message."""

from typing import Final

from bot.messages import Message
from bot.views.base import A_ROW, BUTTONS_A_ROW, ViewContext, ViewSpec, in_rows
from db.payloads.message import MessagePanel

ROWS: Final = 5
"""Discord's limit of rows of buttons."""


async def panel(view: ViewContext, payload: MessagePanel) -> Message:
    """Compose the entries as buttons."""
    buttons = [view.button(each.verb, *each.args, label=each.name) for each in payload.entries][: ROWS * BUTTONS_A_ROW]
    width = A_ROW if len(buttons) <= ROWS * A_ROW else BUTTONS_A_ROW
    return Message(view.words("message.choose"), buttons=in_rows(buttons, width), private=True, menu=True)


VIEWS: Final = (ViewSpec(MessagePanel, panel),)
