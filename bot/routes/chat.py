"""The default route of plain text: to the persona of the conversation."""

from typing import Final

from bot.context import Context
from bot.events import TextMessage
from bot.ratings import allowed_here
from bot.routes.base import TextRoute
from db import chats, personas
from db.conversations import DEFAULT_MODE
from db.work import PersonaReply


async def talk_to_persona(context: Context, message: TextMessage) -> bool:
    """Have the persona answer."""
    persona = await personas.active(context.who.conversation)
    exchange = await chats.say(context.who.conversation, persona, context.user_id, message.text.strip())
    await context.work(PersonaReply(reply=exchange.reply.id, allowance=allowed_here(context)))
    return True


ROUTES: Final = (TextRoute(DEFAULT_MODE, talk_to_persona, permission="chat"),)
