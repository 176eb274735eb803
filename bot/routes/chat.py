"""The default route of plain text: to the persona of the conversation."""

from typing import Final

from bot.context import Context
from bot.events import TextMessage
from bot.moderation import offer_help, screen
from bot.ratings import allowed_here
from bot.routes.base import TextRoute
from db import chats, personas
from db.conversations import DEFAULT_MODE
from db.work import PersonaReply
from prompts.safety.rating import lowest


async def talk_to_persona(context: Context, message: TextMessage) -> bool:
    """Have the persona answer."""
    persona = await personas.active(context.who.conversation)
    text, allowance = message.text.strip(), allowed_here(context)
    if await offer_help(context, text):
        return True
    verdict = await screen(context, rating=lowest(persona.card.get("rating"), allowance), message=text)
    exchange = await chats.say(context.who.conversation, persona, context.user_id, text, verdict)
    await context.work(PersonaReply(reply=exchange.reply.id, allowance=allowance))
    return True


ROUTES: Final = (TextRoute(DEFAULT_MODE, talk_to_persona, permission="chat"),)
