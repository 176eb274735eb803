"""Messages of persona chat."""

from typing import Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec
from bot.views.vote import vote_buttons
from db import chats
from db.payloads.persona import ChatReply


async def reply(view: ViewContext, payload: ChatReply) -> Message | None:
    """Compose a persona's reply."""
    found = await chats.get(view.account_id, payload.message)
    if found is None:
        return None
    message, persona = found
    return Message(
        message.text,
        speaker=persona.name,
        footer=view.words("chat.stopped") if payload.stopped else "",
        buttons=((view.button("variant", message.id, label="again"), *vote_buttons(view, "reply", message.id)),),
    )


VIEWS: Final = (ViewSpec(ChatReply, reply),)
