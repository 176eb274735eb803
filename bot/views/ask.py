"""Messages of `/ask`."""

from typing import Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec
from db.payloads.asking import ModelAnswer


async def answer(view: ViewContext, payload: ModelAnswer) -> Message:
    """Compose the model's answer."""
    return Message(payload.text, footer=view.words("chat.stopped") if payload.stopped else "")


VIEWS: Final = (ViewSpec(ModelAnswer, answer),)
