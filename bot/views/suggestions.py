"""The message of what a person might say next."""

from typing import Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec
from db.payloads.persona import LineSuggested


async def suggested(view: ViewContext, payload: LineSuggested) -> Message:
    """Compose a line with the button that sends it; once it was sent, as what the person said."""
    if payload.sent:
        return Message(view.words("chat.line_sent", text=payload.text), private=True)
    send = view.button("send_line", payload.message)
    other = view.button("suggest", payload.message, label="suggest_other")
    return Message(payload.text, title=view.words("chat.line_title"), buttons=((send, other),), private=True)


VIEWS: Final = (ViewSpec(LineSuggested, suggested),)
